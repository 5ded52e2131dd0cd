"""Measures of box tracking in one pass: success, precision, AO and SR, by named protocols.

Axis letters: T frames; boxes are rows (x, y, w, h) in pixels, edges not pixel centres, and a row of
NaN says that there is no box. A missing prediction has overlap 0 and infinite distance wherever the
truth is there, in every protocol.

What all protocols share: overlap is intersection over union; the *success* curve is the share of
frames whose overlap is above a threshold (``>``), AUC its mean over the thresholds; *precision*
is the share of frames whose centre is at most so many pixels off (``<=``, 0 to 50; the figure
quoted is that at 20); *normalised precision* is the same with the offset divided by the sides of
the true box (0 to 0.5; the figure is the mean of the curve); AO is the mean overlap and SR the
share of frames above 0.5 or 0.75. Where they differ is in
:class:`~spectrack.metrics.protocols.Protocol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.metrics.polygons import polygon_box_overlap
from spectrack.metrics.protocols import Protocol

FloatT = NDArray[np.float64]
BoxesT4 = NDArray[np.float64]

PIXELS: FloatT = np.arange(51, dtype=np.float64)
"""Thresholds of precision: 0, 1, ..., 50 pixels (Wu et al., CVPR 2013, section 4)."""
SHARES: FloatT = np.arange(51) / 100
"""Thresholds of normalised precision: 0, 0.01, ..., 0.5 (TrackingNet, ECCV 2018, section 3)."""
PRECISION_AT, NORMALISED_AT = 20, 0.2


@dataclass(frozen=True, eq=False)
class BoxScore:
    """Scores of one sequence.

    Args:
        overlaps: Overlap of every frame that counts, in [0, 1], shape (N,).
        distances: Centre distances, pixels; inf where there is no box.
        normalised: Centre distances over the sides of the true box.
        thresholds: Of the success curve.
    """

    overlaps: FloatT
    distances: FloatT
    normalised: FloatT
    thresholds: FloatT

    @cached_property
    def success(self) -> FloatT:
        """Success curve over ``thresholds``, in [0, 1]."""
        return np.mean(self.overlaps[:, None] > self.thresholds, axis=0, dtype=np.float64)

    @cached_property
    def precision(self) -> FloatT:
        """Precision curve over :data:`PIXELS`."""
        return np.mean(self.distances[:, None] <= PIXELS, axis=0, dtype=np.float64)

    @cached_property
    def normalised_precision(self) -> FloatT:
        """Normalised precision curve over :data:`SHARES`."""
        return np.mean(self.normalised[:, None] <= SHARES, axis=0, dtype=np.float64)

    @property
    def curves(self) -> dict[str, FloatT]:
        """The three curves by name."""
        return {
            "success": self.success,
            "precision": self.precision,
            "normalised_precision": self.normalised_precision,
        }

    @property
    def figures(self) -> dict[str, float]:
        """The numbers that are quoted, in [0, 1].

        ``normalised_precision`` is the mean of its curve (TrackingNet, section 3), and
        ``normalised_precision_20`` its value at 0.2, which several papers quote by the same name.
        """
        return {
            "auc": float(self.success.mean()),
            "precision_20": float(np.mean(self.distances <= PRECISION_AT)),
            "normalised_precision": float(self.normalised_precision.mean()),
            "normalised_precision_20": float(np.mean(self.normalised <= NORMALISED_AT)),
            "ao": float(self.overlaps.mean()),
            "sr50": float(np.mean(self.overlaps > 0.5)),
            "sr75": float(np.mean(self.overlaps > 0.75)),
        }


def overlap_t(boxes_txywh: NDArray[Any], truth_txywh: NDArray[Any]) -> FloatT:
    """Intersection over union of boxes, frame by frame.

    Args:
        boxes_txywh: Predictions, shape (T, 4), NaN where there is none.
        truth_txywh: Truth, likewise.

    Returns:
        Shape (T,), in [0, 1]; 0 where there is no prediction, NaN where there is no truth.

    Raises:
        InputError: If the arrays are not boxes or differ in length.
    """
    boxes, truth = _pair(boxes_txywh, truth_txywh)
    near = np.maximum(boxes[:, :2], truth[:, :2])
    far = np.minimum(boxes[:, :2] + boxes[:, 2:], truth[:, :2] + truth[:, 2:])
    both = np.prod(np.maximum(far - near, 0), axis=1)
    union = np.prod(boxes[:, 2:], axis=1) + np.prod(truth[:, 2:], axis=1) - both
    share = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    share = np.minimum(share, 1)  # rounding must not lift it above the last threshold
    share[np.isnan(boxes[:, 0])] = 0
    share[np.isnan(truth[:, 0])] = np.nan
    return share


def centre_distance_t(
    boxes_txywh: NDArray[Any], truth_txywh: NDArray[Any], normalised: bool = False
) -> FloatT:
    """Distance between the centres of boxes, frame by frame.

    Args:
        boxes_txywh: Predictions, shape (T, 4), NaN where there is none.
        truth_txywh: Truth, likewise; sides > 0.
        normalised: Divide the offset along x and y by width and height of the true box
            (TrackingNet, section 3; LaSOT, section 4).

    Returns:
        Shape (T,), pixels or shares; inf where there is no prediction, NaN where there is no truth.

    Raises:
        InputError: As :func:`overlap_t`.
    """
    boxes, truth = _pair(boxes_txywh, truth_txywh)
    offset = (boxes[:, :2] + boxes[:, 2:] / 2) - (truth[:, :2] + truth[:, 2:] / 2)
    distance = np.linalg.norm(offset / truth[:, 2:] if normalised else offset, axis=1)
    distance[np.isnan(boxes[:, 0])] = np.inf
    distance[np.isnan(truth[:, 0])] = np.nan
    return distance


def score_boxes(
    boxes_txywh: NDArray[Any],
    truth_txywh: NDArray[Any],
    protocol: Protocol,
    size_wh: tuple[int, int] | None = None,
    polygons: Sequence[NDArray[np.float64] | None] | None = None,
) -> BoxScore:
    """Score the boxes of one whole sequence by a protocol.

    Args:
        boxes_txywh: Predictions, shape (T, 4), NaN where there is none; the first frame included.
        truth_txywh: Truth, likewise, NaN where it is absent or not annotated; so counts a box
            without area, which OTB and pytracking take for "not annotated".
        protocol: One of :data:`~spectrack.metrics.protocols.PROTOCOLS`, or another.
        size_wh: Width and height of the frames, pixels; for bounded protocols.
        polygons: Corners of the true polygon of every frame, (N, 2), None where there is none; for
            protocols of polygons.

    Raises:
        InputError: If the arrays are not boxes, differ in length, no frame counts, or a bounded
            protocol lacks the size of the frames.
    """
    boxes, truth = _pair(boxes_txywh, truth_txywh)
    if protocol.bounded:
        if size_wh is None:
            raise InputError("the protocol compares boxes inside the frame; give the frames' size")
        boxes, truth = bounded(boxes, size_wh), bounded(truth, size_wh)
    truth = np.where((truth[:, 2:] > 0).all(axis=1, keepdims=True), truth, np.nan)
    there = ~np.isnan(truth[:, 0])
    overlap = overlap_t(boxes, truth)
    if protocol.polygons and polygons is not None:
        _use_polygons(overlap, boxes, polygons)
    distances = [centre_distance_t(boxes, truth, normalised) for normalised in (False, True)]
    rows = np.stack([overlap, *distances])
    if there.size and there[0]:
        rows[:, 0] = 1, 0, 0
    if protocol.absent == "missed":
        rows[:, ~there] = np.array([[0], [np.inf], [np.inf]])
    counts = there | (protocol.absent == "missed")
    if protocol.first == "left out":
        counts[:1] = False
    if not protocol.last:
        counts[-1:] = False
    if not counts.any():
        raise InputError(
            f"none of {len(truth)} frames can be scored; give a longer sequence with truth"
        )
    overlap, distance, normalised = rows[:, counts]
    return BoxScore(overlap, distance, normalised, protocol.overlaps)


def bounded(boxes_txywh: NDArray[Any], size_wh: tuple[int, int]) -> BoxesT4:
    """Boxes pushed into a frame, as GOT-10k's toolkit does.

    The corner (x, y) is moved to the nearest point of the frame, then width and height are cut to
    what is left; so a box that begins outside keeps its width, and is not cut there.

    Args:
        boxes_txywh: Shape (T, 4).
        size_wh: Width and height of the frame, pixels.
    """
    boxes = np.array(boxes_txywh, dtype=np.float64)
    size = np.asarray(size_wh, dtype=np.float64)
    boxes[:, :2] = np.clip(boxes[:, :2], 0, size)
    boxes[:, 2:] = np.clip(boxes[:, 2:], 0, size - boxes[:, :2])
    return boxes


def _use_polygons(
    overlap: FloatT, boxes: BoxesT4, polygons: Sequence[NDArray[np.float64] | None]
) -> None:
    if len(polygons) != len(boxes):
        raise InputError(
            f"{len(boxes)} boxes and {len(polygons)} polygons were given; give one for every frame"
        )
    for frame, polygon in enumerate(polygons):
        if polygon is not None and not np.isnan(boxes[frame, 0]):
            overlap[frame] = polygon_box_overlap(polygon, boxes[frame])


def _pair(boxes_txywh: NDArray[Any], truth_txywh: NDArray[Any]) -> tuple[BoxesT4, BoxesT4]:
    """Both as float arrays (T, 4) of one length.

    Raises:
        InputError: If they are not.
    """
    pair = []
    for name, given in (("predicted", boxes_txywh), ("true", truth_txywh)):
        boxes = np.asarray(given, dtype=np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise InputError(
                f"{name} boxes of shape {boxes.shape} were given; expected (frames, 4): x, y, w, h"
            )
        lost = np.isnan(boxes)
        broken = np.isinf(boxes).any(1) | (lost.any(1) != lost.all(1)) | (boxes[:, 2:] < 0).any(1)
        if broken.any():
            frame = int(np.flatnonzero(broken)[0])
            raise InputError(
                f"the {name} box of frame {frame} is {boxes[frame].tolist()}; expected finite "
                "x, y, w, h with w, h >= 0, or four NaN for none"
            )
        pair.append(boxes)
    if len(pair[0]) != len(pair[1]):
        raise InputError(
            f"{len(pair[0])} predicted and {len(pair[1])} true boxes were given; give one of each "
            "for every frame"
        )
    return pair[0], pair[1]

"""What else could tell how good NanoTrack's box is: signals that were tried for its score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spectrack.structures import Box, FrameHWC, Prediction, Target
from spectrack.trackers.nanotrack.confidence import corners_of, signals
from spectrack.trackers.nanotrack.network import STRIDE, TEMPLATE
from spectrack.trackers.nanotrack.tracker import NanoTracker
from spectrack.tracking.overlap_score import weighed_mean
from spectrack.tracking.siamese import Candidates, Choice, context_side

Floats = NDArray[np.floating[Any]]
Corners = tuple[float, float, float, float]


class TellingNanoTracker(NanoTracker):
    """NanoTrack that tells all signals.

    Attributes:
        told: Of the last box.
    """

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        answer = super()._init(frame_hwc, target)
        self._appearance = Appearance(self._template[0].numpy(), target.box)
        return answer

    def _estimate(self, found: Candidates, search: Tensor) -> float:
        choice = self.following.choice
        others = other_signals(found, choice, self._appearance, search[0].numpy())
        self.told: Mapping[str, float] = signals(found, choice) | others
        return super()._estimate(found, search)


def other_signals(
    found: Candidates, choice: Choice, appearance: Appearance, maps_chw: Floats
) -> dict[str, float]:
    """What may speak for a box beside the tracker's own signals.

    Args:
        found: Boxes and scores of all cells.
        choice: The chosen one.
        appearance: Of the target.
        maps_chw: Of the search region.

    Returns:
        ``alone``: 1 less the share of the chosen cell's score that the best cell outside of the box
        has. ``sharpness``: share of all scores within the box. ``likeness``: cosine of the
        network's maps there and those of the template's target. ``steadiness``: one over the change
        of size and shape, in (0, 1].
    """
    x1, y1, x2, y2 = (float(v) for v in corners_of(found)[:, choice.best])
    inside_n = points_in((x1, y1, x2, y2), points_of(int(len(found.score) ** 0.5))).ravel()
    score = float(found.score[choice.best])
    rival = float(found.score[~inside_n].max(initial=0.0))
    return {
        "alone": 1 - min(rival / max(score, 1e-9), 1.0),
        "sharpness": weighed_mean(inside_n.astype(np.float64), found.score),
        "likeness": appearance.likeness(maps_chw, (x1, y1, x2, y2)),
        "steadiness": 1 / float(choice.change[choice.best]),
    }


class Appearance:
    """What the template's maps say of the target, to be compared with what is found.

    Args:
        maps_chw: Of the template, float32 (C, 8, 8).
        box: Of the target in the frame.
    """

    def __init__(self, maps_chw: Floats, box: Box) -> None:
        scale = TEMPLATE / max(float(context_side(box.w, box.h)), 1e-9)
        w, h = box.w * scale, box.h * scale
        self._target_c = mean_within(maps_chw, (-w / 2, -h / 2, w / 2, h / 2))

    def likeness(self, maps_chw: Floats, corners: Corners) -> float:
        """Cosine of the mean maps within a box and those of the target; in [-1, 1].

        Args:
            maps_chw: Of the search region, (C, n, n).
            corners: Left, top, right and bottom, in its pixels from its centre.
        """
        return similarity(self._target_c, mean_within(maps_chw, corners))


def mean_within(maps_chw: Floats, corners: Corners) -> Floats:
    """Mean of the maps (C, n, n) over the cells in a box, pixels from the centre; (C,)."""
    mean_c: Floats = maps_chw[:, points_in(corners, points_of(maps_chw.shape[-1]))].mean(1)
    return mean_c


def points_of(cells: int) -> NDArray[np.float32]:
    """Where the points of cells lie along either axis, in pixels from the centre, (cells,)."""
    return ((np.arange(cells) - cells // 2) * STRIDE).astype(np.float32)


def points_in(corners: Corners, points: Floats) -> NDArray[np.bool_]:
    """Which cells of a grid have their point in a box, (n, n); the nearest one where none has.

    Args:
        corners: Left, top, right and bottom.
        points: Of the cells along either axis, (n,).
    """
    x1, y1, x2, y2 = corners
    across, down = ((points >= a) & (points <= b) for a, b in ((x1, x2), (y1, y2)))
    for inside, middle in ((across, (x1 + x2) / 2), (down, (y1 + y2) / 2)):
        if not inside.any():
            inside[np.abs(points - middle).argmin()] = True
    cells: NDArray[np.bool_] = down[:, None] & across
    return cells


def similarity(first_c: Floats, second_c: Floats) -> float:
    """Cosine of two vectors; 0 where one of them is nothing."""
    size = float(np.linalg.norm(first_c) * np.linalg.norm(second_c))
    return float(first_c @ second_c) / size if size > 0 else 0.0

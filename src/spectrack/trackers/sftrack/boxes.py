"""From a soft mask to a box: plain rules, and the learned regressor around its crop.

A mask holds values in [0, 1]; whatever lies outside counts as the nearer end, NaN as background.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from spectrack.errors import InputError
from spectrack.structures import Box, SoftHW
from spectrack.trackers.sftrack.seg2box import SIDE, Seg2Box
from spectrack.tracking.colour import covering_box, robust_box
from spectrack.tracking.given_box import GivenBox

Rule = Callable[[SoftHW], Box | None]

CORE = 0.75
"""Threshold of the papers' rule: the bounding rectangle of the largest part above it."""


def tight_rule(soft_hw: SoftHW, threshold: float = 0.5) -> Box | None:
    """The tightest rectangle around the pixels at or above a threshold.

    Args:
        soft_hw: Soft mask of shape (H, W).
        threshold: In (0, 1].

    Returns:
        The box, or None where no pixel is that high.

    Raises:
        InputError: If the mask is not (H, W) with at least one pixel.
    """
    return Box.from_mask(_checked(soft_hw) >= threshold)


def rotated_corners(soft_hw: SoftHW, threshold: float = 0.5) -> NDArray[np.float32] | None:
    """The smallest rectangle of any angle around the pixels at or above a threshold.

    Whole pixels lie inside, not their centres only.

    Args:
        soft_hw: Soft mask of shape (H, W).
        threshold: In (0, 1].

    Returns:
        float32 (4, 2), x and y of the corners in order around it; they may lie outside the
        frame. None where no pixel is that high.

    Raises:
        InputError: If the mask is not (H, W) with at least one pixel.
    """
    hard_hw = _checked(soft_hw) >= threshold
    rows = np.flatnonzero(hard_hw.any(axis=1))
    if not rows.size:
        return None
    left = hard_hw[rows].argmax(axis=1)
    right = hard_hw.shape[1] - hard_hw[rows, ::-1].argmax(axis=1)
    points = [np.stack([x, y], axis=1) for x in (left, right) for y in (rows, rows + 1)]
    rectangle = cv2.minAreaRect(np.concatenate(points).astype(np.float32))
    return np.asarray(cv2.boxPoints(rectangle), dtype=np.float32)


def rotated_rule(soft_hw: SoftHW, threshold: float = 0.5) -> Box | None:
    """The upright rectangle about :func:`rotated_corners`, clipped to the frame.

    Raises:
        InputError: If the mask is not (H, W) with at least one pixel.
    """
    corners = rotated_corners(soft_hw, threshold)
    if corners is None:
        return None
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return Box.from_xyxy(x1, y1, x2, y2).clip((soft_hw.shape[1], soft_hw.shape[0]))


def largest_rule(soft_hw: SoftHW, threshold: float = CORE) -> Box | None:
    """The tightest rectangle around the largest part above a threshold, as the papers have it.

    Parts are joined over edges and corners; of equally large ones the first from the top counts.

    Args:
        soft_hw: Soft mask of shape (H, W).
        threshold: In (0, 1].

    Returns:
        The box, or None where no pixel is that high.

    Raises:
        InputError: If the mask is not (H, W) with at least one pixel.
    """
    hard_hw = (_checked(soft_hw) >= threshold).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(hard_hw, connectivity=8)
    if len(parts) < 2:
        return None
    x, y, w, h, _ = parts[1 + int(parts[1:, cv2.CC_STAT_AREA].argmax())].tolist()
    return Box(x, y, w, h)


def robust_rule(soft_hw: SoftHW, threshold: float = 0.5) -> Box | None:
    """:func:`~spectrack.tracking.colour.robust_box` of the pixels at or above a threshold.

    Raises:
        InputError: If the mask is not (H, W) with at least one pixel.
    """
    return robust_box(_checked(soft_hw) >= threshold)


BOX_RULES: Mapping[str, Rule] = {
    "tight": tight_rule,
    "rotated": rotated_rule,
    "largest": largest_rule,
    "robust": robust_rule,
}
"""Ways from a mask to a box that need no learning."""


class LearnedBox:
    """The box of a soft mask by :class:`~spectrack.trackers.sftrack.seg2box.Seg2Box`.

    Args:
        network: Trained; put into evaluation mode.
        threshold: Where the mask is cut to say where to look.
        looks: The first is about the tight box; each further one about the box found, so that
            stray pixels far off do not cost detail.

    Raises:
        InputError: If there is no look.
    """

    def __init__(self, network: Seg2Box, threshold: float = 0.5, looks: int = 1) -> None:
        if looks < 1:
            raise InputError(f"a learned box with {looks} looks was asked for; give at least one")
        self.network = network.eval()
        self.threshold, self.looks = threshold, looks

    def __call__(self, soft_hw: SoftHW, boxes: Sequence[Box] = ()) -> Box | None:
        """The box alone; see :meth:`find`."""
        found = self.find(soft_hw, boxes)
        return None if found is None else found[0]

    def find(self, soft_hw: SoftHW, boxes: Sequence[Box] = ()) -> tuple[Box, float] | None:
        """The box and how sure the network is of its edges.

        Args:
            soft_hw: Final soft mask of shape (H, W).
            boxes: Of the input trackers in this frame, none where they are unknown.

        Returns:
            The box inside the frame and a confidence in [0, 1]; None where no pixel reaches the
            threshold. Where the network gives no area, the tight box with confidence 0.

        Raises:
            InputError: If the mask is not (H, W) with at least one pixel.
        """
        tight = tight_rule(soft_hw, self.threshold)
        if tight is None:
            return None
        box, confidence = tight, 0.0
        for _ in range(self.looks):
            crop = crop_about(box)
            maps = torch.from_numpy(box_maps(soft_hw, boxes, crop))[None]
            with torch.inference_mode():
                guess = self.network(maps.to(self.network.places.device))
            found = from_edges(guess.boxes_n4[0].tolist(), crop).clip(soft_hw.shape[::-1])
            if found is None:
                return tight, 0.0
            box, confidence = found, float(guess.confidence_n[0])
        return box, confidence


class BoxReader:
    """The box of a mask such that it holds the mask.

    All pixels of 0.5 or more lie inside with ``tight`` and ``rotated``, at least 98 % with
    ``given``, ``robust`` and ``learned`` (which is grown where it cuts off more), the largest part
    of those above :data:`CORE` with ``largest``.

    Args:
        rule: ``given`` (:class:`~spectrack.tracking.given_box.GivenBox`), ``learned`` or a key of
            :data:`BOX_RULES`.
        network: For ``learned``.
    """

    def __init__(self, rule: str, network: Seg2Box) -> None:
        self._learned = LearnedBox(network) if rule == "learned" else None
        self._given = GivenBox() if rule == "given" else None
        self.rule: Rule | None = BOX_RULES.get(rule)
        """The rule where it needs the mask alone: none for ``given`` and ``learned``."""

    def start(self, given: Box, soft_hw: SoftHW) -> None:
        """See how the box of the first frame was drawn.

        Args:
            given: That box.
            soft_hw: The mask of the first frame.
        """
        if self._given is not None:
            self._given = GivenBox.of(given, soft_hw)

    def draw(self, tight: Box) -> Box:
        """A mask's box as the first frame's was drawn; itself with other rules than ``given``."""
        return tight if self._given is None else self._given.draw(tight)

    def cut(self, soft_hw: SoftHW, drawn: Sequence[Box]) -> SoftHW:
        """A mask without what it has spread onto; itself with other rules than ``given``.

        Args:
            soft_hw: Soft mask.
            drawn: Of the input trackers that began with a box and no mask.
        """
        return soft_hw if self._given is None else self._given.cut(soft_hw, drawn)

    def __call__(
        self, soft_hw: SoftHW, boxes: Sequence[Box] = (), drawn: Sequence[Box] = ()
    ) -> Box | None:
        """The box of a soft mask (H, W); None where no pixel is high enough.

        Args:
            soft_hw: Soft mask.
            boxes: Of the input trackers.
            drawn: Those of them that began with a box and no mask.
        """
        if self._given is not None:
            return self._given(soft_hw, drawn)
        if self._learned is None:
            return None if self.rule is None else self.rule(soft_hw)
        found = self._learned(soft_hw, boxes)
        return None if found is None else covering_box(found, soft_hw >= 0.5)


def crop_about(box: Box) -> Box:
    """Where the network looks: a box with p = (w + h) / 2 of its surroundings along each axis."""
    context = (box.w + box.h) / 2
    return Box(box.x - context / 2, box.y - context / 2, box.w + context, box.h + context)


def box_maps(
    soft_hw: SoftHW, boxes: Sequence[Box], crop: Box, side: int = SIDE
) -> NDArray[np.float32]:
    """Input of the network: the mask and the consensus of the boxes in a crop.

    Args:
        soft_hw: Soft mask of shape (H, W).
        boxes: Of the input trackers.
        crop: Where to look, in pixels of the frame; outside the frame the mask is 0.
        side: Height and width of the result.

    Returns:
        float32 (2, side, side) in [0, 1].
    """
    consensus = np.zeros((side, side), dtype=np.float32)
    for box in boxes:
        x1, y1, x2, y2 = (np.array([edge]) for edge in box.xyxy)
        across = _shares(x1, x2, crop.x, crop.w, side)[:, 0]
        down = _shares(y1, y2, crop.y, crop.h, side)[:, 0]
        consensus += np.outer(down, across) / len(boxes)
    return np.stack([area_crop(soft_hw, crop, (side, side)), consensus])


def area_crop(soft_hw: NDArray[np.float32], crop: Box, size_wh: tuple[int, int]) -> SoftHW:
    """A crop resized by area: every pixel of the result is the mean of what it covers.

    On whole pixels this is OpenCV's ``INTER_AREA``; the crop may lie between pixels and reach
    outside the frame, where the map is 0.

    Args:
        soft_hw: Map of shape (H, W).
        crop: Of the frame, in pixels, with an area.
        size_wh: Width and height of the result.

    Returns:
        float32 of that size, in [0, 1].
    """
    rows, cols = crop.slices(soft_hw.shape[::-1])
    part = np.nan_to_num(np.asarray(soft_hw[rows, cols], dtype=np.float32), nan=0.0).clip(0, 1)
    xs, ys = (np.arange(s.start, s.stop, dtype=np.float64) for s in (cols, rows))
    across = _shares(xs, xs + 1, crop.x, crop.w, size_wh[0])
    down = _shares(ys, ys + 1, crop.y, crop.h, size_wh[1])
    # Sparse, as each pixel touches one or two of the result; and a dense product this small would
    # wake the threads of BLAS, which then wait for cores that the trackers use.
    out: SoftHW = (csr_matrix(across) @ (csr_matrix(down) @ part).T).T.clip(0, 1)
    return np.ascontiguousarray(out, dtype=np.float32)


def to_edges(box: Box, crop: Box) -> list[float]:
    """Edges x1, y1, x2, y2 of a box in [0, 1] of a crop; those outside are at its border."""
    x1, y1, x2, y2 = box.xyxy
    edges = [(x1 - crop.x) / crop.w, (y1 - crop.y) / crop.h]
    edges += [(x2 - crop.x) / crop.w, (y2 - crop.y) / crop.h]
    return [min(max(edge, 0.0), 1.0) for edge in edges]


def from_edges(edges: Sequence[float], crop: Box) -> Box:
    """The box whose edges are x1, y1, x2, y2 in [0, 1] of a crop."""
    x1, y1, x2, y2 = edges
    return Box(crop.x + x1 * crop.w, crop.y + y1 * crop.h, (x2 - x1) * crop.w, (y2 - y1) * crop.h)


def _shares(
    starts: NDArray[np.float64], stops: NDArray[np.float64], first: float, extent: float, bins: int
) -> NDArray[np.float32]:
    """Share of each of ``bins`` equal parts of a line that each interval covers, (bins, M)."""
    width = extent / bins
    low = first + width * np.arange(bins)[:, None]
    covered = np.minimum(stops, low + width) - np.maximum(starts, low)
    return (np.maximum(covered, 0) / width).astype(np.float32)


def _checked(soft_hw: SoftHW) -> SoftHW:
    if soft_hw.ndim != 2 or 0 in soft_hw.shape:
        raise InputError(
            f"a mask of shape {soft_hw.shape} was given; expected (height, width) with pixels"
        )
    return soft_hw

"""What STARK looks at: squares about a box, what of them lies outside, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from spectrack.structures import Box, FrameHWC, HardHW
from spectrack.trackers.stark.network import SEARCH_SIDE
from spectrack.tracking.windows import counted_size, cut, square_about

TEMPLATE_FACTOR, SEARCH_FACTOR = 2.0, 5.0
"""Sides of the squares over the root of the box's area."""
MARGIN = 10.0
"""Pixels of a box in the frame at least."""
LARGEST = 2.0
"""A box that is given may have so many sides of the frame; it is cut to the frame otherwise."""
BLACK = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A square of the frame, resized.

    Args:
        pixels_hwc: uint8 (side, side, 3); black outside of the frame.
        outside_hw: bool (side, side), pixels that anything outside of the frame went into.
        scale: Pixels of the crop for one of the frame.
    """

    pixels_hwc: FrameHWC
    outside_hw: HardHW
    scale: float


def crop_about(frame_hwc: FrameHWC, box: Box, factor: float, side: int) -> Crop:
    """The square about a box.

    Args:
        frame_hwc: uint8 RGB.
        box: In the frame, with an area.
        factor: Side of the square over the root of the box's area.
        side: Of the result.

    Returns:
        The crop. As in the published program, the last column and row of the frame already count
        as outside where the square reaches beyond them.
    """
    x, y, window = square = square_about(box, factor)
    height, width = counted_size((frame_hwc.shape[0], frame_hwc.shape[1]), square)
    outside_hw = _outside(y, window, height, side)[:, None] | _outside(x, window, width, side)
    if min(x, y) + window <= 0 or x >= width or y >= height:
        pixels_hwc = np.zeros((side, side, 3), np.uint8)
    else:
        pixels_hwc = cut(frame_hwc[:height, :width], (x, y, window, window), side, BLACK)
    return Crop(pixels_hwc, outside_hw, side / window)


def _outside(start: int, length: int, limit: int, side: int) -> HardHW:
    """Which of ``side`` pixels of a resized line are mixed of any beside 0 to ``limit``."""
    line = np.ones((1, length), np.float32)
    line[0, max(0, -start) : max(0, limit - start)] = 0
    resized = cv2.resize(line, (side, 1), interpolation=cv2.INTER_LINEAR)
    found: HardHW = np.asarray(resized)[0] > 0
    return found


def in_frame(corners_4: Sequence[float], last: Box, scale: float) -> tuple[float, ...]:
    """Corners in the search crop as corners in the frame.

    Args:
        corners_4: x1, y1, x2, y2 in shares of the crop's side.
        last: What the crop is about.
        scale: See :class:`Crop`.

    Returns:
        x1, y1, x2, y2 in pixels of the frame; from the centre of ``last``, not from the rounded
        corner of the crop.
    """
    half, side = SEARCH_SIDE / 2 / scale, SEARCH_SIDE / scale
    cx, cy = last.center
    starts = (cx - half, cy - half) * 2
    return tuple(v * side + start for v, start in zip(corners_4, starts, strict=True))


def clipped(corners_4: Sequence[float], size_wh: tuple[int, int]) -> Box:
    """A box that reaches into the frame by :data:`MARGIN` and has sides of it at least.

    Args:
        corners_4: x1, y1, x2, y2; the second corner may come before the first.
        size_wh: Of the frame.
    """
    x, w = _clipped_side(corners_4[0], corners_4[2], size_wh[0])
    y, h = _clipped_side(corners_4[1], corners_4[3], size_wh[1])
    return Box(x, y, w, h)


def _clipped_side(first: float, last: float, limit: int) -> tuple[float, float]:
    margin = min(MARGIN, limit)
    first = min(max(0.0, first), limit - margin)
    last = min(max(margin, last), float(limit))
    return first, max(margin, last - first)


def given(box: Box, size_wh: tuple[int, int]) -> Box:
    """A box that people gave; cut to the frame where crops about it would be huge or beside it."""
    (width, height), (cx, cy) = size_wh, box.center
    small = box.w <= LARGEST * width and box.h <= LARGEST * height
    return box if small and 0 <= cx <= width and 0 <= cy <= height else box.clip(size_wh) or box

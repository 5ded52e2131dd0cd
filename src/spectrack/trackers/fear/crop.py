"""What FEAR looks at: boxes of whole pixels, and the squares that are cut around them.

The window around a box keeps the box's aspect ratio, not the picture's: it is stretched to a
square, so that a target of the size it had always covers the same part of the crop.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from spectrack.structures import FrameHWC
from spectrack.tracking.sampled_window import LARGEST_COPY, sampled_window

IntBox = tuple[int, int, int, int]
"""Whole pixels x, y, w, h."""

TEMPLATE_OFFSET = 0.2
SEARCH_OFFSET = 2.0
SMALLEST_SIDE = 3


def context_of(box: IntBox, offset: float) -> IntBox:
    """The window around a box.

    Args:
        box: Whole pixels.
        offset: What is added on every side, in sides of the box.

    Returns:
        The window, which may reach out of the frame; products of doubles, truncated towards zero,
        as in the published program: 45 pixels grow by 1.4 to 62.
    """
    x, y, w, h = box
    grown = (x - w * offset, y - h * offset, w * (1 + 2 * offset), h * (1 + 2 * offset))
    return int(grown[0]), int(grown[1]), int(grown[2]), int(grown[3])


def clamped(box: tuple[float, float, float, float], size_wh: tuple[int, int]) -> IntBox:
    """A box that lies in the frame, of whole pixels and at least 3 a side.

    Args:
        box: x, y, w, h; fractions are cut off.
        size_wh: Of the frame.

    Returns:
        The box. One that hangs over the left or upper edge is shifted, not cut: the published
        program takes its far edge from the corner that is already inside.
    """
    x, w = _clamped_side(box[0], box[2], size_wh[0])
    y, h = _clamped_side(box[1], box[3], size_wh[1])
    return x, y, w, h


def _clamped_side(start: float, length: float, limit: int) -> tuple[int, int]:
    start = min(max(int(start), 0), limit)
    length = min(max(start + int(length), 0), limit) - start
    if length < SMALLEST_SIDE:
        start -= max(0, start + SMALLEST_SIDE - limit)
        length = SMALLEST_SIDE
    return start, length


def mean_colour(frame_hwc: FrameHWC) -> tuple[float, float, float]:
    """Mean of every channel; what stands for pixels outside of the frame."""
    red, green, blue, _ = cv2.mean(frame_hwc)
    return red, green, blue


def cut(
    frame_hwc: FrameHWC, context: IntBox, side: int, colour: tuple[float, float, float]
) -> FrameHWC:
    """A window of a frame, stretched to a square.

    Args:
        frame_hwc: uint8 RGB.
        context: The window; it meets the frame.
        side: Of the square.
        colour: Of pixels outside of the frame, rounded to whole grey levels.

    Returns:
        uint8 (side, side, 3), interpolated linearly without smoothing.
    """
    x, y, w, h = context
    if w * h > LARGEST_COPY:
        return sampled_window(frame_hwc, context, side, colour)
    height, width = frame_hwc.shape[:2]
    left, top = max(0, -x), max(0, -y)
    right, bottom = max(0, x + w - width), max(0, y + h - height)
    inside: Any = frame_hwc[y + top : y + h - bottom, x + left : x + w - right]
    if left or top or right or bottom:
        inside = cv2.copyMakeBorder(
            inside, top, bottom, left, right, cv2.BORDER_CONSTANT, value=colour
        )
    if inside.shape[:2] != (side, side):
        inside = cv2.resize(inside, (side, side), interpolation=cv2.INTER_LINEAR)
    whole: FrameHWC = np.ascontiguousarray(inside)
    return whole

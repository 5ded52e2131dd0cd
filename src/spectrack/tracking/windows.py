"""Windows of a frame that may reach out of it, stretched to a square."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from spectrack.structures import Box, FrameHWC
from spectrack.tracking.sampled_window import LARGEST_COPY, sampled_window


def cut(
    frame_hwc: FrameHWC,
    window_xywh: tuple[int, int, int, int],
    side: int,
    colour: tuple[float, float, float] | None,
) -> FrameHWC:
    """A window of a frame, stretched to a square.

    Args:
        frame_hwc: uint8 RGB, or of another number of channels.
        window_xywh: The window, whole pixels; may lie partly or wholly outside.
        side: Of the square.
        colour: Of pixels outside of the frame, rounded to whole grey levels; where it is None the
            frame's border goes on.

    Returns:
        uint8 (side, side, 3), interpolated linearly without smoothing.
    """
    x, y, w, h = window_xywh
    if w * h > LARGEST_COPY:
        return sampled_window(frame_hwc, window_xywh, side, colour)
    if colour is None:
        return _cut_going_on(frame_hwc, window_xywh, side)
    height, width = frame_hwc.shape[:2]
    left, right = min(max(x, 0), width), min(max(x + w, 0), width)
    top, bottom = min(max(y, 0), height), min(max(y + h, 0), height)
    inside: Any = frame_hwc[top:bottom, left:right]
    if not inside.size:
        channels = frame_hwc.shape[2]
        return np.full((side, side, channels), np.rint(colour[:channels]), np.uint8)
    if inside.shape[:2] != (h, w):
        around = top - y, y + h - bottom, left - x, x + w - right
        inside = cv2.copyMakeBorder(inside, *around, cv2.BORDER_CONSTANT, value=colour)
    if inside.shape[:2] != (side, side):
        inside = cv2.resize(inside, (side, side), interpolation=cv2.INTER_LINEAR)
    whole: FrameHWC = np.ascontiguousarray(inside)
    return whole


def _cut_going_on(
    frame_hwc: FrameHWC, window_xywh: tuple[int, int, int, int], side: int
) -> FrameHWC:
    x, y, w, h = window_xywh
    height, width = frame_hwc.shape[:2]
    left, top = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    right, bottom = max(min(x + w, width), left + 1), max(min(y + h, height), top + 1)
    # beyond the frame on one side, all is that border
    before = min(max(-y, 0), h - 1), min(max(-x, 0), w - 1)
    after = h - before[0] - (bottom - top), w - before[1] - (right - left)
    rims = before[0], after[0], before[1], after[1]
    part: Any = frame_hwc[top:bottom, left:right]
    if any(rims):
        part = cv2.copyMakeBorder(part, *rims, cv2.BORDER_REPLICATE)
    part = cv2.resize(part, (side, side), interpolation=cv2.INTER_LINEAR)
    whole: FrameHWC = np.ascontiguousarray(part).reshape(side, side, -1)
    return whole


def square_about(box: Box, factor: float) -> tuple[int, int, int]:
    """The square of whole pixels about a box that STARK, D3S and ATOM's line cut.

    Args:
        box: With an area.
        factor: Its side in square roots of the box's area, rounded up.

    Returns:
        First column and row, and the side.
    """
    side = max(math.ceil(math.sqrt(box.w * box.h) * factor), 1)
    cx, cy = box.center
    return round(cx - side / 2), round(cy - side / 2), side


def counted_size(frame_hw: tuple[int, int], square_xys: tuple[int, int, int]) -> tuple[int, int]:
    """Height and width of the frame as a square counts them.

    As in the published programs, the last column and row of the frame already count as outside
    where the square reaches beyond them.
    """
    x, y, side = square_xys
    return _counted(y, side, frame_hw[0]), _counted(x, side, frame_hw[1])


def _counted(start: int, side: int, limit: int) -> int:
    return limit - 1 if start + side >= limit else limit

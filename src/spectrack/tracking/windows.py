"""Windows of a frame that may reach out of it, stretched to a square."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from spectrack.structures import FrameHWC
from spectrack.tracking.sampled_window import LARGEST_COPY, sampled_window


def cut(
    frame_hwc: FrameHWC,
    window_xywh: tuple[int, int, int, int],
    side: int,
    colour: tuple[float, float, float],
) -> FrameHWC:
    """A window of a frame, stretched to a square.

    Args:
        frame_hwc: uint8 RGB.
        window_xywh: The window, whole pixels; may lie partly or wholly outside.
        side: Of the square.
        colour: Of pixels outside of the frame, rounded to whole grey levels.

    Returns:
        uint8 (side, side, 3), interpolated linearly without smoothing.
    """
    x, y, w, h = window_xywh
    if w * h > LARGEST_COPY:
        return sampled_window(frame_hwc, window_xywh, side, colour)
    height, width = frame_hwc.shape[:2]
    left, right = min(max(x, 0), width), min(max(x + w, 0), width)
    top, bottom = min(max(y, 0), height), min(max(y + h, 0), height)
    inside: Any = frame_hwc[top:bottom, left:right]
    if not inside.size:
        return np.full((side, side, 3), np.rint(colour), np.uint8)
    if inside.shape[:2] != (h, w):
        around = top - y, y + h - bottom, left - x, x + w - right
        inside = cv2.copyMakeBorder(inside, *around, cv2.BORDER_CONSTANT, value=colour)
    if inside.shape[:2] != (side, side):
        inside = cv2.resize(inside, (side, side), interpolation=cv2.INTER_LINEAR)
    whole: FrameHWC = np.ascontiguousarray(inside)
    return whole

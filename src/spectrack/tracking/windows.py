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
        window_xywh: The window, whole pixels; it meets the frame.
        side: Of the square.
        colour: Of pixels outside of the frame, rounded to whole grey levels.

    Returns:
        uint8 (side, side, 3), interpolated linearly without smoothing.
    """
    x, y, w, h = window_xywh
    if w * h > LARGEST_COPY:
        return sampled_window(frame_hwc, window_xywh, side, colour)
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

"""Windows of a frame that may reach out of it, stretched to a square."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import FrameHWC

LARGEST_COPY = 2**24
"""Pixels of a window that is copied and resized; of larger ones only pixels that count are read."""


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
        return _sampled(frame_hwc, window_xywh, side, colour)
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


def _sampled(
    frame_hwc: FrameHWC,
    window_xywh: tuple[int, int, int, int],
    side: int,
    colour: tuple[float, float, float],
) -> FrameHWC:
    """As :func:`cut`, of only the pixels that are read: for targets that fill a large frame.

    A search window has 25 times the area of its target, and a copy of it may have half a gigabyte.
    """
    x, y, w, h = window_xywh
    cols, right_w = _between(x, w, side)
    rows, lower_h = _between(y, h, side)
    height, width = frame_hwc.shape[:2]
    picked = frame_hwc[rows.clip(0, height - 1)[:, None], cols.clip(0, width - 1)]
    picked = picked.astype(np.float32)
    fill = np.rint(colour).astype(np.float32)
    picked[(rows < 0) | (rows >= height)] = fill
    picked[:, (cols < 0) | (cols >= width)] = fill
    tall = picked[:side] + lower_h[:, None, None] * (picked[side:] - picked[:side])
    found = tall[:, :side] + right_w[:, None] * (tall[:, side:] - tall[:, :side])
    return np.rint(found).astype(np.uint8)


def _between(start: int, length: int, side: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pixels before and after every place that is read, one after the other, and how far between.

    Places are as :func:`cv2.resize` takes them: middles of pixels on middles of pixels.
    """
    place = ((np.arange(side) + 0.5) * (length / side) - 0.5).clip(0, length - 1)
    before = np.floor(place).astype(np.int64)
    after = np.minimum(before + 1, length - 1)
    return start + np.concatenate([before, after]), (place - before).astype(np.float32)

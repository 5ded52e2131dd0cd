"""A part of a frame seen small, of which only the pixels that are read are copied.

A crop has up to some 40 times the area of the target, beyond the frame too, and a copy of it may
have more than a gigabyte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import FrameHWC

LARGEST_COPY = 2**24
"""Pixels of a window that is copied and resized; of larger ones only pixels that count are read."""


def sampled_window(
    frame_hwc: FrameHWC,
    window: tuple[int, int, int, int],
    side: int,
    colour: tuple[float, float, float] | None,
) -> FrameHWC:
    """A window of a frame, stretched to a square.

    Args:
        frame_hwc: uint8 RGB, or of another number of channels.
        window: Whole pixels x, y, w, h; may reach out of the frame, and lie beside it.
        side: Of the square.
        colour: Of pixels outside of the frame, rounded to whole grey levels; where it is None the
            frame's border goes on.

    Returns:
        uint8 (side, side, 3), interpolated linearly without smoothing.
    """
    x, y, w, h = window
    cols, right_w = _between(x, w, side)
    rows, lower_h = _between(y, h, side)
    height, width = frame_hwc.shape[:2]
    picked = frame_hwc[rows.clip(0, height - 1)[:, None], cols.clip(0, width - 1)]
    picked = picked.astype(np.float32)
    if colour is not None:
        fill = np.rint(colour[: frame_hwc.shape[2]]).astype(np.float32)
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

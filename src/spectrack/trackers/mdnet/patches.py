"""Patches about boxes, as MDNet's network sees them: many at once, by one sampling of the frame.

A box and some context become a square, whatever the box's shape.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spectrack.structures import FrameHWC
from spectrack.trackers.mdnet.network import PATCH

CONTEXT = 16
"""Pixels of a patch on either side of the box."""
GREY = 128.0
"""What the network takes off every pixel."""
OUTSIDE = (128.0, 0.0, 0.0)
"""Red, green and blue of what lies outside the frame: the published program gives one number where
three are read, and its weights were learned so."""

BoxesN4 = NDArray[np.float32]
"""x, y, w, h in pixels of the frame, float32 (N, 4)."""


class Picture:
    """A frame on the network's device, to cut patches out of.

    Args:
        frame_hwc: uint8 RGB.
        device: Where the network runs.
    """

    def __init__(self, frame_hwc: FrameHWC, device: torch.device) -> None:
        pixels = torch.from_numpy(frame_hwc.copy()).to(device)
        self._outside = torch.tensor(OUTSIDE, device=device).view(1, 3, 1, 1)
        # less what is outside, which is zero then, as sampling has it
        self._pixels_nchw = pixels.permute(2, 0, 1)[None].float() - self._outside

    def cut(self, boxes_n4: BoxesN4) -> Tensor:
        """Patches about boxes.

        Args:
            boxes_n4: With w, h > 0; may lie outside.

        Returns:
            float32 (N, 3, 107, 107), channels last in memory: whole numbers, each pixel less 128.
        """
        height, width = self._pixels_nchw.shape[2:]
        xs, ys = (_positions(boxes_n4, axis, n) for axis, n in ((0, width), (1, height)))
        grid = np.empty((len(boxes_n4), PATCH, PATCH, 2), np.float32)
        grid[..., 0], grid[..., 1] = xs[:, None, :], ys[:, :, None]
        device = self._pixels_nchw.device
        source = self._pixels_nchw.expand(len(boxes_n4), -1, -1, -1)
        seen = F.grid_sample(source, torch.from_numpy(grid).to(device), align_corners=False)
        whole = (seen + self._outside).round_().sub_(GREY)
        return whole.contiguous(memory_format=torch.channels_last)


def _positions(boxes_n4: BoxesN4, axis: int, size: int) -> NDArray[np.float64]:
    """Where the pixels of patches lie along an axis, (N, 107): -1 and 1 are the frame's rims."""
    start, side = (boxes_n4[:, i, None].astype(np.float64) for i in (axis, axis + 2))
    step = side * (1 + 2 * CONTEXT / PATCH) / PATCH
    pixel = start + side / 2 + (np.arange(PATCH) - PATCH / 2) * step
    return (2 * pixel + 1) / size - 1

"""A scaled window into the frame: the tracker works where the target is, at a bounded cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.flow.estimators import FlowHW2
from spectrack.structures import Box, SoftHW


@dataclass(frozen=True, slots=True)
class View:
    """Columns x1 to x2 and rows y1 to y2 of a frame, seen at a scale of at most 1.

    Args:
        x1: First column.
        y1: First row.
        x2: One past the last column.
        y2: One past the last row.
        scale: Size of the view over the size of the window.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    scale: float

    @classmethod
    def around(
        cls, box: Box, size_wh: tuple[int, int], grow: float, margin: float, pixels: float
    ) -> View:
        """Window about a box.

        Args:
            box: Box in the frame.
            size_wh: Width and height of the frame.
            grow: Size of the window in box sizes.
            margin: Pixels at least on each side.
            pixels: The view has no more pixels than this.
        """
        width, height = size_wh
        side = 0.4 * math.sqrt(box.area)  # long thin boxes need room across, too
        mx = max(box.w * (grow - 1) / 2, margin, side)
        my = max(box.h * (grow - 1) / 2, margin, side)
        x1 = int(min(max(box.x - mx, 0), width - 1))
        y1 = int(min(max(box.y - my, 0), height - 1))
        x2 = int(max(min(math.ceil(box.x + box.w + mx), width), x1 + 1))
        y2 = int(max(min(math.ceil(box.y + box.h + my), height), y1 + 1))
        return cls(x1, y1, x2, y2, min(1.0, math.sqrt(pixels / ((x2 - x1) * (y2 - y1)))))

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the view."""
        width = max(1, round((self.x2 - self.x1) * self.scale))
        return width, max(1, round((self.y2 - self.y1) * self.scale))

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """The window of an image (H, W) or (H, W, C) of the frame's size, scaled."""
        part = image[self.y1 : self.y2, self.x1 : self.x2]
        if self.scale < 1:
            part = cv2.resize(part, self.size_wh, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(part)

    def paste(self, soft_hw: SoftHW, size_wh: tuple[int, int]) -> SoftHW:
        """A soft mask of the view brought back to the frame; 0 outside the window."""
        out = np.zeros((size_wh[1], size_wh[0]), dtype=np.float32)
        size = (self.x2 - self.x1, self.y2 - self.y1)
        large = cv2.resize(soft_hw, size, interpolation=cv2.INTER_LINEAR)
        # a mask that was cut has means over areas, which may come to a little more than one
        np.minimum(large, np.float32(1), out=out[self.y1 : self.y2, self.x1 : self.x2])
        return out

    def paste_flow(self, flow_hw2: NDArray[np.float32], size_wh: tuple[int, int]) -> FlowHW2:
        """Flow of the view brought back to the frame, in its pixels; 0 outside the window."""
        out = np.zeros((size_wh[1], size_wh[0], 2), dtype=np.float32)
        size = (self.x2 - self.x1, self.y2 - self.y1)
        width, height = self.size_wh
        large = cv2.resize(flow_hw2, size, interpolation=cv2.INTER_LINEAR)
        stretch = np.array([size[0] / width, size[1] / height], dtype=np.float32)
        np.multiply(large, stretch, out=out[self.y1 : self.y2, self.x1 : self.x2])
        return out

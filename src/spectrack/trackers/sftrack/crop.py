"""The crop about a hypothesis that the networks see, and the way back into the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box, SoftHW

SIDE = 128
"""Pixels of a crop's side."""

OUTSIDE = 127
"""Grey of what lies outside the frame."""

_SMALLEST = 16


@dataclass(frozen=True, slots=True)
class Crop:
    """Columns x1 to x2 and rows y1 to y2, of the frame or beyond it, stretched to a square.

    Args:
        x1: First column; may be negative.
        y1: First row.
        x2: One past the last column.
        y2: One past the last row.
    """

    x1: int
    y1: int
    x2: int
    y2: int

    @classmethod
    def around(cls, box: Box) -> Crop:
        """A crop with context: (w + p) x (h + p), p = (w + h) / 2, as SiamFC cuts its templates.

        Long thin targets are stretched to the square, but less than their boxes.
        """
        p = (box.w + box.h) / 2
        cx, cy = box.center
        w, h = max(box.w + p, _SMALLEST), max(box.h + p, _SMALLEST)
        x1, y1 = math.floor(cx - w / 2), math.floor(cy - h / 2)
        return cls(x1, y1, x1 + math.ceil(w), y1 + math.ceil(h))

    def shifted(self, dx: int, dy: int) -> Crop:
        """The same crop seen from another origin."""
        return Crop(self.x1 + dx, self.y1 + dy, self.x2 + dx, self.y2 + dy)

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Crop pixels a frame pixel, along x and y."""
        return SIDE / (self.x2 - self.x1), SIDE / (self.y2 - self.y1)

    def cut(self, image: NDArray[Any], outside: int = 0) -> NDArray[Any]:
        """The crop of an image (H, W) or (H, W, C), at SIDE x SIDE.

        Args:
            image: Of the frame's size; uint8 or float32.
            outside: Value of what lies outside it.
        """
        height, width = image.shape[:2]
        x1, y1 = min(max(self.x1, 0), width), min(max(self.y1, 0), height)
        x2, y2 = min(max(self.x2, x1), width), min(max(self.y2, y1), height)
        if x2 <= x1 or y2 <= y1:
            return np.full((SIDE, SIDE, *image.shape[2:]), outside, dtype=image.dtype)
        part = image[y1:y2, x1:x2]
        rims = (y1 - self.y1, self.y2 - y2, x1 - self.x1, self.x2 - x2)
        if any(rims):
            value = (outside,) * 3
            part = cv2.copyMakeBorder(part, *rims, cv2.BORDER_CONSTANT, value=value)
        shrinks = (self.x2 - self.x1) * (self.y2 - self.y1) > SIDE * SIDE
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        out: NDArray[Any] = cv2.resize(part, (SIDE, SIDE), interpolation=how)
        return out

    def box_map(self, box: Box) -> SoftHW:
        """A filled box as the crop shows it: float32 (SIDE, SIDE), the share of each pixel."""
        sx, sy = self.scale_xy
        across = _coverage((box.x - self.x1) * sx, (box.x + box.w - self.x1) * sx)
        down = _coverage((box.y - self.y1) * sy, (box.y + box.h - self.y1) * sy)
        return down[:, None] * across

    def paste(self, soft_ss: SoftHW, out_hw: NDArray[Any]) -> tuple[slice, slice]:
        """Write a map of the crop into a frame; what lies outside is dropped.

        Args:
            soft_ss: (SIDE, SIDE), of the type of ``out_hw``.
            out_hw: (H, W); the part under the crop is overwritten.

        Returns:
            Rows and columns that were written.
        """
        height, width = out_hw.shape
        rows = slice(min(max(self.y1, 0), height), max(min(self.y2, height), 0))
        cols = slice(min(max(self.x1, 0), width), max(min(self.x2, width), 0))
        if rows.stop <= rows.start or cols.stop <= cols.start:
            return slice(0, 0), slice(0, 0)
        size = (self.x2 - self.x1, self.y2 - self.y1)
        full = cv2.resize(soft_ss, size, interpolation=cv2.INTER_LINEAR)
        out_hw[rows, cols] = full[
            rows.start - self.y1 : rows.stop - self.y1, cols.start - self.x1 : cols.stop - self.x1
        ]
        return rows, cols


def _coverage(start: float, end: float) -> NDArray[np.float32]:
    """Share of each of SIDE unit cells that lies between two points, float32 (SIDE,)."""
    cell = np.arange(SIDE, dtype=np.float32)
    return np.clip(np.minimum(end, cell + 1) - np.maximum(start, cell), 0, 1).astype(np.float32)

"""The square crop about a box that a segmentation network sees, and the way back into the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box, SoftHW

OUTSIDE = 127
"""Grey of what lies outside the frame."""

STRETCH = 2.0
"""How many times more a crop may be stretched along one axis than along the other."""

_SMALLEST = 16.0


@dataclass(frozen=True, slots=True)
class SquareCrop:
    """A rectangle of the frame, or partly beyond it, stretched to a square.

    Args:
        x: Left edge in the frame, pixels; may be negative.
        y: Top edge.
        w: Width in the frame.
        h: Height in the frame.
        side: Pixels of the square's side.
    """

    x: int
    y: int
    w: int
    h: int
    side: int

    @classmethod
    def around(cls, box: Box, context: float, side: int) -> SquareCrop:
        """The crop of ``context`` times the box's sides, stretched by :data:`STRETCH` at most.

        Args:
            box: In the frame.
            context: Sides of the crop in sides of the box, where it need not be stretched less.
            side: Pixels of the square's side.
        """
        w, h = crop_sides(box.w, box.h, context)
        cx, cy = box.center
        x1, y1 = math.floor(cx - w / 2), math.floor(cy - h / 2)
        return cls(x1, y1, math.ceil(cx + w / 2) - x1, math.ceil(cy + h / 2) - y1, side)

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Crop pixels a frame pixel, along x and y."""
        return self.side / self.w, self.side / self.h

    def cut(self, image: NDArray[Any], outside: int = 0) -> NDArray[Any]:
        """The crop of an image (H, W) or (H, W, C), (side, side).

        Args:
            image: Of the frame's size; uint8 or float32.
            outside: Value of what lies outside it.
        """
        height, width = image.shape[:2]
        x1, y1 = min(max(self.x, 0), width), min(max(self.y, 0), height)
        x2 = min(max(self.x + self.w, x1), width)
        y2 = min(max(self.y + self.h, y1), height)
        if x2 <= x1 or y2 <= y1:
            shape = (self.side, self.side, *image.shape[2:])
            return np.full(shape, outside, dtype=image.dtype)
        part = image[y1:y2, x1:x2]
        rims = (y1 - self.y, self.y + self.h - y2, x1 - self.x, self.x + self.w - x2)
        if any(rims):
            part = cv2.copyMakeBorder(part, *rims, cv2.BORDER_CONSTANT, value=(outside,) * 3)
        shrinks = self.w * self.h > self.side * self.side
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        out: NDArray[Any] = cv2.resize(part, (self.side, self.side), interpolation=how)
        return out

    def box_map(self, box: Box) -> SoftHW:
        """A filled box as the crop shows it: float32 (side, side), the share of each pixel."""
        sx, sy = self.scale_xy
        return filled_box(
            (box.x - self.x) * sx, (box.y - self.y) * sy, box.w * sx, box.h * sy, self.side
        )

    def inside(self, size_wh: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the frame under the crop; empty where it lies beyond."""
        width, height = size_wh
        y1, x1 = min(max(self.y, 0), height), min(max(self.x, 0), width)
        rows = slice(y1, max(min(self.y + self.h, height), y1))
        cols = slice(x1, max(min(self.x + self.w, width), x1))
        return rows, cols

    def back(self, map_ss: NDArray[Any], size_wh: tuple[int, int]) -> NDArray[Any]:
        """A map of the crop as the part of the frame at :meth:`inside` shows it.

        Args:
            map_ss: (side, side), uint8 or float32.
            size_wh: Of the frame.
        """
        rows, cols = self.inside(size_wh)
        if rows.stop <= rows.start or cols.stop <= cols.start:
            return np.zeros((rows.stop - rows.start, cols.stop - cols.start), dtype=map_ss.dtype)
        full = cv2.resize(map_ss, (self.w, self.h), interpolation=cv2.INTER_LINEAR)
        out: NDArray[Any] = full[
            rows.start - self.y : rows.stop - self.y, cols.start - self.x : cols.stop - self.x
        ]
        return out


def crop_sides(w: float, h: float, context: float) -> tuple[float, float]:
    """Width and height of the crop about a box of these sides, see :class:`SquareCrop`."""
    w, h = max(w * context, _SMALLEST), max(h * context, _SMALLEST)
    return max(w, h / STRETCH), max(h, w / STRETCH)


def filled_box(x: float, y: float, w: float, h: float, side: int) -> SoftHW:
    """A filled box in a square: float32 (side, side), the share of each pixel that it covers."""
    return _coverage(y, y + h, side)[:, None] * _coverage(x, x + w, side)


def _coverage(start: float, end: float, cells: int) -> NDArray[np.float32]:
    """Share of each of so many unit cells that lies between two points, float32 (cells,)."""
    cell = np.arange(cells, dtype=np.float32)
    return np.clip(np.minimum(end, cell + 1) - np.maximum(start, cell), 0, 1).astype(np.float32)

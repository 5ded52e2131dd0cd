"""The part of a frame that a tracking network learns from, about a box (RTS section 4, ATOM).

The part has a fixed area in areas of the box and the form of the network's input. Where it would
stick out of the frame it is moved inside, and made smaller first where it does not fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, HardHW

CropMode = Literal["inside_major", "inside", "replicate"]
Pixel = TypeVar("Pixel", np.uint8, np.bool_)


@dataclass(frozen=True)
class TrainingCrop:
    """Where a crop lies, and what it is resized to.

    Attributes:
        x: Left edge in the frame, in pixels; may be below 0.
        y: Top edge.
        w: Width in the frame.
        h: Height.
        size_wh: Width and height that it is resized to.
    """

    x: int
    y: int
    w: int
    h: int
    size_wh: tuple[int, int]

    @classmethod
    def plan(
        cls,
        box: Box,
        frame_wh: tuple[int, int],
        size_wh: tuple[int, int],
        search: float = 5.0,
        mode: CropMode = "inside_major",
        most: float | None = None,
    ) -> TrainingCrop:
        """The crop about a box.

        Args:
            box: What it is centred at.
            frame_wh: Width and height of the frame.
            size_wh: Of the result.
            search: Square root of its area, in square roots of the box's.
            mode: "inside_major" makes a crop smaller until one side fits into the frame, "inside"
                until both do; "replicate" leaves it as it is.
            most: By how much it may be made smaller, 1 or more; without limit where left out.

        Raises:
            InputError: If the box has no area.
        """
        if box.area <= 0:
            raise InputError(f"box {tuple(box)} has no area; give a target with one")
        side = math.sqrt(box.area / math.prod(size_wh)) * search
        w, h = (math.ceil(n * side) for n in size_wh)
        frame_w, frame_h = frame_wh
        if mode != "replicate":
            larger = max if mode == "inside" else min
            shrink = max(1.0, larger(w / frame_w, h / frame_h))
            shrink = min(shrink, most or math.inf)
            w, h = max(1, math.floor(w / shrink)), max(1, math.floor(h / shrink))
        x, y = round(box.x + box.w / 2 - w / 2), round(box.y + box.h / 2 - h / 2)
        if mode != "replicate":
            x, y = _inside(x, w, frame_w), _inside(y, h, frame_h)
        return cls(x, y, w, h, size_wh)

    def image(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The crop of a frame, bilinear; beyond its border the border goes on."""
        cut, pad = self._cut(frame_hwc)
        padded = cv2.copyMakeBorder(cut, *pad, cv2.BORDER_REPLICATE) if any(pad) else cut
        return np.asarray(cv2.resize(padded, self.size_wh), np.uint8)

    def mask(self, mask_hw: HardHW) -> NDArray[np.uint8]:
        """The crop of a mask, uint8 0 or 1, nearest; beyond the border there is nothing."""
        cut, (top, bottom, left, right) = self._cut(mask_hw)
        padded = np.pad(cut.astype(np.uint8), ((top, bottom), (left, right)))
        rows = np.arange(self.size_wh[1]) * padded.shape[0] // self.size_wh[1]
        cols = np.arange(self.size_wh[0]) * padded.shape[1] // self.size_wh[0]
        return padded[rows[:, None], cols]

    def box(self, box: Box) -> Box:
        """A box of the frame in pixels of the result."""
        fx, fy = self.size_wh[0] / self.w, self.size_wh[1] / self.h
        return Box((box.x - self.x) * fx, (box.y - self.y) * fy, box.w * fx, box.h * fy)

    def box_about(self, box: Box, middle: Box) -> Box:
        """The same where the crop's middle pixel stands for the middle of a box.

        As ATOM's training has it, which does not mind that a crop begins at a whole pixel.

        Args:
            box: Of the frame.
            middle: What the crop was planned about.
        """
        factor = self.size_wh[0] / self.w
        (cx, cy), (mx, my) = box.center, middle.center
        w, h = box.w * factor, box.h * factor
        x = (self.size_wh[0] - 1) / 2 + (cx - mx) * factor - w / 2
        y = (self.size_wh[1] - 1) / 2 + (cy - my) * factor - h / 2
        return Box(x, y, w, h)

    def _cut(self, image: NDArray[Pixel]) -> tuple[NDArray[Pixel], tuple[int, int, int, int]]:
        """What is in the frame, and the padding: top, bottom, left, right.

        A crop that reaches the frame's right or lower border loses its last column or row, as the
        published program has it.
        """
        height, width = int(image.shape[0]), int(image.shape[1])
        left, top = max(0, -self.x), max(0, -self.y)
        right = max(0, self.x + self.w - width + 1)
        bottom = max(0, self.y + self.h - height + 1)
        rows = slice(self.y + top, self.y + self.h - bottom)
        cols = slice(self.x + left, self.x + self.w - right)
        cut = image[rows, cols]
        if not cut.size:
            raise InputError(
                f"a crop at {self.x},{self.y} of {self.w}x{self.h} pixels lies beyond a frame of "
                f"{width}x{height}; give a box that is in the frame"
            )
        return cut, (top, bottom, left, right)


def _inside(start: int, size: int, frame: int) -> int:
    """A start from which the crop lies in the frame, or sticks out evenly on both sides."""
    start += max(0, -start) + min(0, frame - start - size)
    outside = (max(0, -start) + max(0, start + size - frame)) // 2
    return -outside if outside > 0 else start

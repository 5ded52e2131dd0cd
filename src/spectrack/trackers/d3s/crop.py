"""The square that the segmentation network sees, and the way between its pixels and the frame's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box, FrameHWC, HardHW, SoftHW
from spectrack.tracking.patches import PairYX, pair
from spectrack.tracking.windows import counted_size, cut, square_about

FACTOR = 4.0
"""Side of the square in square roots of the target's area."""

Corners = NDArray[np.float64]
"""Four corners (x, y) in their order."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of the frame, resized.

    Args:
        x: First column in the frame; may be negative.
        y: First row.
        window: Side in the frame, pixels.
        side: Side as the network sees it.
        pos_yx: What it is about; the way back goes by it, not by the rounded corner.
    """

    x: int
    y: int
    window: int
    side: int
    pos_yx: tuple[float, float]

    @classmethod
    def about(cls, pos_yx: PairYX, size_hw: PairYX, side: int) -> Crop:
        """The square about a target.

        Args:
            pos_yx: Its centre in the frame.
            size_hw: Its size there.
            side: Of the result.
        """
        (cy, cx), (h, w) = (map(float, v) for v in (pos_yx, size_hw))
        x, y, window = square_about(Box(cx - w / 2, cy - h / 2, w, h), FACTOR)
        return cls(x, y, window, side, (cy, cx))

    @property
    def scale(self) -> float:
        """Pixels of the crop for one of the frame."""
        return self.side / self.window

    def cut(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The crop of a frame, uint8 (side, side, 3); beyond its border the border goes on."""
        return self._cut(frame_hwc, None)

    def cut_mask(self, mask_hw: HardHW) -> SoftHW:
        """The crop of a mask, float32 (side, side), bilinear; beyond the border there is nothing.

        Its numbers are multiples of 1/255.
        """
        bytes_hw1 = mask_hw[..., None].astype(np.uint8) * np.uint8(255)
        found = self._cut(bytes_hw1, (0.0, 0.0, 0.0)).reshape(self.side, self.side)
        return found.astype(np.float32) / np.float32(255)

    def _cut(self, image_hwc: FrameHWC, colour: tuple[float, float, float] | None) -> FrameHWC:
        frame_hw = (image_hwc.shape[0], image_hwc.shape[1])
        height, width = counted_size(frame_hw, (self.x, self.y, self.window))
        # a frame of one pixel keeps it
        inner = image_hwc[: max(height, 1), : max(width, 1)]
        return cut(inner, (self.x, self.y, self.window, self.window), self.side, colour)

    def to_frame(self, points_n2: NDArray[np.floating]) -> Corners:
        """Points (x, y) of the crop in the frame, float64 (N, 2)."""
        middle = np.array(self.pos_yx[::-1])
        return (np.asarray(points_n2, np.float64) - self.side / 2) / self.scale + middle

    def paste(self, soft_ss: SoftHW, size_wh: tuple[int, int]) -> SoftHW:
        """A map of the crop brought into the frame, float32 (H, W), bilinear; zero around.

        Only pixels of the frame are computed, however large the crop is.
        """
        width, height = size_wh
        found = np.zeros((height, width), np.float32)
        rows = slice(max(self.y, 0), max(min(self.y + self.window, height), 0))
        cols = slice(max(self.x, 0), max(min(self.x + self.window, width), 0))
        if rows.stop <= rows.start or cols.stop <= cols.start:
            return found
        # middles of pixels on middles of pixels, as resizing to the whole window has them
        shift = self.scale / 2 - 0.5
        matrix = np.array(
            [
                [self.scale, 0, (cols.start - self.x) * self.scale + shift],
                [0, self.scale, (rows.start - self.y) * self.scale + shift],
            ]
        )
        found[rows, cols] = cv2.warpAffine(
            np.ascontiguousarray(soft_ss, np.float32),
            matrix,
            (cols.stop - cols.start, rows.stop - rows.start),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return found


def filled(corners_n2: Corners, size_wh: tuple[int, int]) -> HardHW:
    """A convex polygon drawn as a mask of a frame; corners are cut to whole pixels."""
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    far = 4 * max(size_wh) + 2**14  # OpenCV draws with whole numbers of 32 bits less a few
    points = np.trunc(corners_n2.clip(-far, far)).astype(np.int32)
    cv2.fillConvexPoly(mask, points, (1,))
    return mask.astype(bool)


def grown(mask_ss: HardHW, size_hw: PairYX, crop: Crop) -> HardHW:
    """A mask of a crop made larger by a twentieth of the target's shorter side, at least 2 pixels.

    Args:
        mask_ss: (side, side).
        size_hw: Of the target in the frame.
        crop: The crop.
    """
    side = max(5, round(0.05 * float(min(pair(size_hw))) * crop.scale))
    larger = cv2.dilate(mask_ss.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(larger, bool)


def area_of(corners_42: Corners) -> float:
    """Area of a rectangle by its corners."""
    a, b, c = corners_42[:3]
    return math.dist(a, b) * math.dist(b, c)

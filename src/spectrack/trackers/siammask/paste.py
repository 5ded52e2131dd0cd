"""From the mask of a cell to the frame, and from a mask to a rotated box.

Wang et al., CVPR 2019, section 3.3 (box generation: axis-aligned, rotated minimum rectangle).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.metrics.polygons import upright_box
from spectrack.structures import Box, HardHW, SoftHW
from spectrack.trackers.siammask.network import BASE, SEARCH
from spectrack.trackers.siammask.refinement import SIDE
from spectrack.tracking.siamese import Number

STRIDE = 8
LEAST_AREA = 100.0
"""Square pixels; smaller outlines say nothing of a rotated box."""

Corners = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Square:
    """A square of the frame: first corner and side, in pixels."""

    x: float
    y: float
    side: float

    @classmethod
    def of_cell(cls, centre_xy: tuple[Number, Number], side: int, cell: tuple[int, int]) -> Square:
        """What the mask of a cell covers.

        Args:
            centre_xy: Of the search region, in the frame.
            side: Of the search region, in pixels of the frame.
            cell: Row and column.
        """
        scale = side / SEARCH
        x, y = (
            float(centre) - side / 2 + (number - BASE / 2) * STRIDE * scale
            for centre, number in zip(centre_xy, cell[::-1], strict=True)
        )
        return cls(x, y, SIDE * scale)

    def paste(self, soft_nn: SoftHW, size_wh: tuple[int, int]) -> SoftHW:
        """Probabilities of the square brought into the frame; zeros around.

        Args:
            soft_nn: float32 (127, 127).
            size_wh: Of the frame.

        Returns:
            float32 (H, W), bilinear.
        """
        k = SIDE / self.side
        width, height = size_wh
        # as the published programs have it: pixel 0 on 0, pixel W k on W - 1
        a, b = (width - 1) / (width * k), (height - 1) / (height * k)
        matrix = np.array([[a, 0, a * self.x * k], [0, b, b * self.y * k]])
        found = cv2.warpAffine(soft_nn, matrix, size_wh, flags=cv2.INTER_LINEAR)
        return np.asarray(found, np.float32)


def levelled(soft_hw: SoftHW, threshold: float) -> SoftHW:
    """Probabilities brought to where one half tells target from background, the order kept.

    Args:
        soft_hw: float32 in [0, 1].
        threshold: Above it is the target, in (0, 1).
    """
    low = soft_hw * np.float32(0.5 / threshold)
    high = 1 - (1 - soft_hw) * np.float32(0.5 / (1 - threshold))
    # the lower of two lines below the point where they meet, the higher above it
    found: SoftHW = np.where(soft_hw <= threshold, low, high).astype(np.float32)
    return found


def rotated_rectangle(mask_hw: HardHW) -> Corners | None:
    """The smallest rectangle about the largest piece of a mask.

    Returns:
        Corners (4, 2) as x, y of middles of pixels, in their order; None where the outline of that
        piece holds 100 square pixels or less.
    """
    outlines, _ = cv2.findContours(
        mask_hw.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    largest = max(outlines, key=cv2.contourArea, default=None)
    if largest is None or not cv2.contourArea(largest) > LEAST_AREA:
        return None
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(largest)), np.float32)


def tight_box(soft_hw: SoftHW) -> Box | None:
    """The tight box of the pixels of one half and more; None where there are none."""
    return Box.from_mask(soft_hw >= 0.5)


def rotated_box(soft_hw: SoftHW) -> Box | None:
    """The upright box that stands for the rotated rectangle of the pixels of one half and more.

    It has the rectangle's centre and area; None where there is no rectangle.
    """
    corners = rotated_rectangle(soft_hw >= 0.5)
    if corners is None:
        return None
    x, y, w, h = upright_box(corners.astype(np.float64), "mean_area")
    return Box(x, y, w + 1, h + 1)  # corners are middles of pixels, and boxes are edges

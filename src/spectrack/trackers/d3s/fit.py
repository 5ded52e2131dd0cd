"""From the mask of a crop to a box: its outline, its smallest rectangle, and the best one inside.

D3S, section 3.4: a rotated box is laid along the ellipse of the mask's largest piece, then its
sides move inward while that makes it fit better; what sticks out thinly is left outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.metrics.polygons import upright_box
from spectrack.structures import Box, HardHW
from spectrack.trackers.d3s.crop import Corners, area_of

LEAST_AREA = 50.0
"""Square pixels of the crop; smaller outlines are no target."""
ALPHA = 0.25
"""What a pixel of background in the box costs, in pixels of target outside."""
KEPT = 0.9
"""Share of the target's pixels that the box holds at least."""
LONG = 0.6
"""An ellipse with an axis of more of the mask's side than that is not believed."""
BELIEVED = (0.1, 2.5)
"""Area of the fitted box in areas of the smallest rectangle, beyond which that one is given."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The largest piece of a mask.

    Args:
        contour_n12: Pixels around it, int32 (N, 1, 2), x and y.
        area: What they enclose, square pixels, between middles of pixels.
    """

    contour_n12: NDArray[np.int32]
    area: float

    @classmethod
    def of(cls, mask_hw: HardHW) -> Outline | None:
        """From a mask; None where its largest piece is too small."""
        found, _ = cv2.findContours(
            mask_hw.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        largest: Any = max(found, key=cv2.contourArea, default=None)
        if largest is None or not cv2.contourArea(largest) > LEAST_AREA:
            return None
        return cls(largest, float(cv2.contourArea(largest)))

    def fill(self, shape_hw: tuple[int, int]) -> HardHW:
        """The piece without its holes."""
        mask = np.zeros(shape_hw, np.uint8)
        cv2.drawContours(mask, [self.contour_n12], 0, (1,), cv2.FILLED)
        return np.asarray(mask, bool)

    def around(self, mask_hw: HardHW | None, shape_hw: tuple[int, int]) -> HardHW:
        """Where the target may be: the piece, or all pieces of a mask, and three pixels around.

        Args:
            mask_hw: Whose pieces are meant; None for this one alone.
            shape_hw: Of the crop.
        """
        area = self.fill(shape_hw) if mask_hw is None else mask_hw
        return np.asarray(cv2.dilate(area.astype(np.uint8), np.ones((7, 7), np.uint8)), bool)

    @property
    def rectangle(self) -> Corners:
        """The smallest rotated rectangle about it."""
        return np.asarray(cv2.boxPoints(cv2.minAreaRect(self.contour_n12)), np.float64)


def fitted_box(mask_hw: HardHW, rotated: bool) -> Corners | None:
    """The box of a mask; None where there is nothing large enough.

    Args:
        mask_hw: Of a crop.
        rotated: Turn the box with the target; otherwise it is the tight upright one.

    Returns:
        Corners, middles of pixels.
    """
    outline = Outline.of(mask_hw)
    if outline is None:
        return None
    if not rotated:
        return _corners(*_extent(outline))
    centre, degrees = _lie(outline, max(mask_hw.shape))
    turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    size_wh = (mask_hw.shape[1], mask_hw.shape[0])
    # bytes of 0 and 1 are interpolated and rounded, as in the published program
    turned = np.asarray(cv2.warpAffine(mask_hw.astype(np.uint8), turn, size_wh), bool)
    upright = Outline.of(turned)
    if upright is None:
        return None
    corners = _corners(*tightened(turned, _extent(upright)))
    back = cv2.invertAffineTransform(turn)
    return corners @ back[:, :2].T + back[:, 2]


def tightened(mask_hw: HardHW, box_tlbr: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """A box whose sides move inward one pixel at a time while its score grows.

    The score is N1 / (alpha (A - N1) + N): N1 of the mask's N pixels in a box of A. Every score is
    four numbers of the table of sums, whatever the size of the box. As in the published program the
    box that is given has no score, so the first move that keeps enough of the mask is always made.

    Args:
        mask_hw: The target.
        box_tlbr: First and last row and column, in the order top, left, bottom, right, inclusive.

    Returns:
        The same of the box found.
    """
    sums = cv2.integral(mask_hw.astype(np.uint8))
    total = int(sums[-1, -1])
    box, best = list(box_tlbr), -1.0
    moves = ((0, 1), (1, 1), (2, -1), (3, -1))
    moved = True
    while moved:
        moved = False
        for side, step in moves:
            box[side] += step
            top, left, bottom, right = box
            score = -1.0
            if bottom >= top and right >= left:
                inside = int(
                    sums[bottom + 1, right + 1]
                    - sums[top, right + 1]
                    - sums[bottom + 1, left]
                    + sums[top, left]
                )
                if inside >= KEPT * total:
                    area = (bottom - top + 1) * (right - left + 1)
                    score = inside / (ALPHA * (area - inside) + total)
            if score > best:
                best, moved = score, True
            else:
                box[side] -= step
    top, left, bottom, right = box
    return top, left, bottom, right


def believed_box(outline: Outline, shape_hw: tuple[int, int], rotated: bool) -> Corners:
    """The fitted box of an outline, or its smallest rectangle where the fit is far off it."""
    rectangle = outline.rectangle
    fitted = fitted_box(outline.fill(shape_hw), rotated)
    if fitted is None:
        return rectangle
    low, high = BELIEVED
    ratio = area_of(fitted) / max(area_of(rectangle), 1e-9)
    return fitted if low < ratio < high else rectangle


def area_preserving(corners_n2: Corners) -> Box:
    """The upright box with the centre and, but for a pixel on both sides, the area of a polygon.

    Args:
        corners_n2: Of a rectangle, middles of pixels.

    Returns:
        Corner and sides as the published program counts them.
    """
    x, y, w, h = upright_box(corners_n2, "mean_area")
    return Box(x - 0.5, y - 0.5, w + 1, h + 1)


def _lie(outline: Outline, side: int) -> tuple[tuple[float, float], float]:
    """Centre (x, y) and angle along which a rotated box is laid."""
    if len(outline.contour_n12) >= 5:  # an ellipse needs as many points
        centre, axes, degrees = cv2.fitEllipse(outline.contour_n12)
        if max(axes) <= LONG * side and all(map(math.isfinite, (*centre, degrees))):
            return (float(centre[0]), float(centre[1])), float(degrees)
    centre, _, degrees = cv2.minAreaRect(outline.contour_n12)
    return (float(centre[0]), float(centre[1])), float(degrees)


def _extent(outline: Outline) -> tuple[int, int, int, int]:
    points = outline.contour_n12[:, 0]
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return top, left, bottom, right


def _corners(top: int, left: int, bottom: int, right: int) -> Corners:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64)

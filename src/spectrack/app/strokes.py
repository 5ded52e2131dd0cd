"""Painting on masks: a stroke of a round brush adds pixels or takes them away."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from spectrack.errors import InputError
from spectrack.structures import HardHW

FINE = 4
"""Bits of a pixel in which OpenCV places points."""
LARGEST_BRUSH = 500.0
MOST_POINTS = 20_000


def paint(
    mask_hw: HardHW, points_xy: Sequence[tuple[float, float]], radius: float, erase: bool = False
) -> HardHW:
    """A mask with a stroke on it.

    Args:
        mask_hw: Hard mask of shape (H, W); it stays as it is.
        points_xy: Where the brush went, in pixels, at least one; (0, 0) is the top-left corner of
            the top-left pixel. It may leave the frame.
        radius: Of the brush in pixels, at least 0.5.
        erase: Take pixels away.

    Raises:
        InputError: If there is no point, too many, or the brush is too large or no number.
    """
    points = np.asarray(points_xy, dtype=np.float64).reshape(-1, 2)
    if not 1 <= len(points) <= MOST_POINTS or not np.isfinite(points).all():
        raise InputError(f"a stroke of {len(points)} points was given; give 1 to {MOST_POINTS}")
    if not 0.5 <= radius <= LARGEST_BRUSH:
        raise InputError(
            f"a brush of radius {radius} was given; give 0.5 to {LARGEST_BRUSH:g} pixels"
        )
    height, width = mask_hw.shape
    margin = 2 * LARGEST_BRUSH
    points = np.clip(points, -margin, (width + margin, height + margin))
    touched = np.zeros((height, width), dtype=np.uint8)
    # Pixel (i, j) covers [j, j + 1) x [i, i + 1); OpenCV has its centre at (j, i).
    places = np.rint((points - 0.5) * (1 << FINE)).astype(np.int32)
    if len(places) > 1:
        thick = max(1, round(2 * radius))
        cv2.polylines(touched, [places.reshape(-1, 1, 2)], False, 1, thick, cv2.LINE_8, shift=FINE)
    for x, y in places.tolist():
        cv2.circle(touched, (x, y), round(radius * (1 << FINE)), 1, -1, cv2.LINE_8, FINE)
    stroke = touched > 0
    return mask_hw & ~stroke if erase else mask_hw | stroke

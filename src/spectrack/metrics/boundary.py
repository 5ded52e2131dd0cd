"""Contour accuracy F of DAVIS-2016 (Perazzi et al., CVPR 2016, section 5.1).

The boundary of a mask lies between pixels, so a pixel belongs to it where the mask changes
towards its right, lower or lower right neighbour. Boundary pixels of one mask are matched where
the other's boundary is no farther than a tolerance (Euclidean distance between pixel centres).
Precision is the matched share of the result's boundary, recall that of the truth's, and F their
harmonic mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.metrics.regions import hard_pair, overlap_of, paired
from spectrack.structures import Box, HardHW


def boundary_map(mask_hw: HardHW) -> HardHW:
    """Boundary pixels of a bool mask, shape (H, W).

    In the last row only the right neighbour counts, in the last column only the lower one; the
    edge of the picture is no boundary.
    """
    edge = np.zeros(mask_hw.shape, dtype=bool)
    here = mask_hw[:-1, :-1]
    edge[:-1, :-1] = here ^ mask_hw[1:, 1:]
    edge[:, :-1] |= mask_hw[:, :-1] ^ mask_hw[:, 1:]
    edge[:-1] |= mask_hw[:-1] ^ mask_hw[1:]
    return edge


def boundary_radius(size_wh: tuple[int, int], tolerance: float = 0.008) -> int:
    """Tolerance in pixels: a share of the diagonal rounded up, or pixels themselves if >= 1.

    Raises:
        InputError: If the tolerance is not a positive finite number.
    """
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise InputError(
            f"tolerance {tolerance} was given; expected a share of the diagonal, such as 0.008, "
            "or a number of pixels"
        )
    return math.ceil(tolerance if tolerance >= 1 else tolerance * math.hypot(*size_wh))


def boundary_f(mask_hw: NDArray[Any], truth_hw: NDArray[Any], tolerance: float = 0.008) -> float:
    """F of one frame, in [0, 1].

    Where neither mask has a boundary F is 1; where only one has, F is 0.

    Args:
        mask_hw: Hard mask, bool or integer, shape (H, W).
        truth_hw: True mask, likewise.
        tolerance: Share of the picture's diagonal, rounded up to pixels; pixels if >= 1.

    Raises:
        InputError: If the masks are soft or do not fit together, or the tolerance is not > 0.
    """
    return region_and_contour(mask_hw, truth_hw, tolerance)[1]


def region_and_contour(
    mask_hw: NDArray[Any], truth_hw: NDArray[Any], tolerance: float = 0.008
) -> tuple[float, float]:
    """J and F of one frame; arguments and errors as :func:`boundary_f`.

    Faster than one after the other: both are counted in the window around both masks.
    """
    mask, truth = hard_pair(mask_hw, truth_hw)
    radius = boundary_radius((mask.shape[1], mask.shape[0]), tolerance)
    box = Box.from_mask(mask | truth)
    if box is None:
        return 1.0, 1.0
    # One pixel of background around both masks keeps every boundary pixel, and the rule for the
    # last row and column then holds as in the whole picture.
    around = Box(box.x - 1, box.y - 1, box.w + 2, box.h + 2)
    window = around.slices((mask.shape[1], mask.shape[0]))
    mask, truth = mask[window], truth[window]
    return overlap_of(mask, truth), _contour(boundary_map(mask), boundary_map(truth), radius)


def _contour(found_hw: HardHW, wanted_hw: HardHW, radius: int) -> float:
    """F of two boundaries."""
    n_found, n_wanted = np.count_nonzero(found_hw), np.count_nonzero(wanted_hw)
    if n_found == 0 or n_wanted == 0:
        return float(n_found == n_wanted)
    precision = np.count_nonzero(found_hw & _near(wanted_hw, radius)) / n_found
    recall = np.count_nonzero(wanted_hw & _near(found_hw, radius)) / n_wanted
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def boundary_f_t(
    masks: Iterable[NDArray[Any]], truths: Iterable[NDArray[Any]], tolerance: float = 0.008
) -> NDArray[np.float64]:
    """F over time: one value a frame, shape (T,); arguments as in :func:`boundary_f`.

    Raises:
        InputError: If there are more masks than truths or fewer, or as :func:`boundary_f`.
    """
    values = [boundary_f(m, g, tolerance) for m, g in paired(masks, truths)]
    return np.array(values, dtype=np.float64)


def _near(edge_hw: HardHW, radius: int) -> HardHW:
    """Pixels no farther than a radius from a boundary: dilation with a disk."""
    steps = np.arange(-radius, radius + 1)
    disk = (steps[:, None] ** 2 + steps[None] ** 2 <= radius * radius).astype(np.uint8)
    grown: HardHW = cv2.dilate(edge_hw.view(np.uint8), disk).astype(bool)
    return grown

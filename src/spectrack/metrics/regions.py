"""Region similarity J: intersection over union of masks.

Axis letters: T time, H height, W width. The empty mask equals itself: J of two empty masks is 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, HardHW


def hard_pair(mask_hw: NDArray[Any], truth_hw: NDArray[Any]) -> tuple[HardHW, HardHW]:
    """Both masks as bool arrays of one shape (H, W); non-zero is foreground.

    Raises:
        InputError: If a mask is not two-dimensional, is soft, or the shapes differ.
    """
    mask, truth = np.asarray(mask_hw), np.asarray(truth_hw)
    for name, array in (("mask", mask), ("truth", truth)):
        if array.ndim != 2:
            raise InputError(f"a {name} of shape {array.shape} was given; expected (height, width)")
        if array.dtype != np.bool_ and not np.issubdtype(array.dtype, np.integer):
            raise InputError(
                f"a {name} of {array.dtype} was given; expected a hard mask, so cut a soft one "
                "at a threshold first"
            )
    if mask.shape != truth.shape:
        raise InputError(
            f"the mask has shape {mask.shape} but the truth {truth.shape}; give masks of one size"
        )
    return _hard(mask), _hard(truth)


def _hard(mask_hw: NDArray[Any]) -> HardHW:
    """A bool mask as it is (a copy would take longer than J does), others by what is not zero."""
    hard: HardHW = mask_hw if mask_hw.dtype == np.bool_ else mask_hw != 0
    return hard


def jaccard(mask_hw: NDArray[Any], truth_hw: NDArray[Any]) -> float:
    """J = |mask and truth| / |mask or truth|, in [0, 1]; 1 where both are empty.

    Args:
        mask_hw: Hard mask, bool or integer, shape (H, W).
        truth_hw: True mask, likewise.

    Raises:
        InputError: If the masks are soft or do not fit together.
    """
    return overlap_of(*hard_pair(mask_hw, truth_hw))


def overlap_of(mask_hw: HardHW, truth_hw: HardHW) -> float:
    """J of two bool masks of one shape, unchecked."""
    both = np.count_nonzero(mask_hw & truth_hw)
    union = np.count_nonzero(mask_hw) + np.count_nonzero(truth_hw) - both
    return both / union if union else 1.0


def jaccard_t(masks: Iterable[NDArray[Any]], truths: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    """J over time: one value a frame, shape (T,).

    Args:
        masks: Hard masks of shape (H, W), one a frame; an array (T, H, W) is fine.
        truths: True masks, likewise.

    Raises:
        InputError: If there are more of one than of the other, or as :func:`jaccard`.
    """
    return np.array([jaccard(m, g) for m, g in paired(masks, truths)], dtype=np.float64)


def box_iou(box: Box | None, truth: Box | None) -> float:
    """Overlap of two boxes in [0, 1]: 1 where both are None (out of sight), 0 where one is."""
    return float(box is truth) if box is None or truth is None else box.iou(truth)


def box_iou_t(boxes: Iterable[Box | None], truths: Iterable[Box | None]) -> NDArray[np.float64]:
    """Box overlap over time, shape (T,); see :func:`box_iou`.

    Raises:
        InputError: If there are more of one than of the other.
    """
    return np.array([box_iou(a, b) for a, b in paired(boxes, truths)], dtype=np.float64)


def paired(
    first: Iterable[Any], second: Iterable[Any], what: str = "results and truth"
) -> Iterator[tuple[Any, Any]]:
    """Items of two streams side by side.

    Raises:
        InputError: If one ends before the other.
    """
    ended = object()
    for a, b in zip_longest(first, second, fillvalue=ended):
        if a is ended or b is ended:
            raise InputError(f"{what} differ in number; give one of each for every frame")
        yield a, b

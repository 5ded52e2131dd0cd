"""What a filter is given for a frame, as it reads it, or a sentence on what is wrong with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError


def checked_masks(
    frame_hwc: NDArray[np.uint8], soft: NDArray[np.float32], maps: int, size_wh: tuple[int, int]
) -> NDArray[np.float32]:
    """Masks of a frame as float32 (maps, H, W); (H, W) is taken for one.

    Raises:
        InputError: If the frame or the masks do not fit, hold NaN or leave [0, 1].
    """
    width, height = size_wh
    if frame_hwc.shape != (height, width, 3) or frame_hwc.dtype != np.uint8:
        raise InputError(
            f"a {frame_hwc.dtype} frame of shape {frame_hwc.shape} was given; "
            f"expected uint8 of shape {(height, width, 3)}"
        )
    soft_mhw = np.ascontiguousarray(soft, dtype=np.float32)
    soft_mhw = soft_mhw[None] if soft_mhw.ndim == 2 else soft_mhw
    if soft_mhw.shape != (maps, height, width):
        raise InputError(
            f"masks of shape {soft_mhw.shape} were given; "
            f"expected {(maps, height, width)} like the frames"
        )
    # A NaN fails the comparison too.
    if not (soft_mhw.min() >= 0 and soft_mhw.max() <= 1):
        raise InputError("a soft mask holds NaN or leaves [0, 1]; give values in [0, 1]")
    return soft_mhw


def checked_guide(
    guide_hw: NDArray[np.float32] | None, size_wh: tuple[int, int]
) -> NDArray[np.float32] | None:
    """A guide as contiguous float32, or None.

    Raises:
        InputError: If it does not fit the frames, holds NaN or leaves [0, 1].
    """
    if guide_hw is None:
        return None
    width, height = size_wh
    if guide_hw.shape != (height, width):
        raise InputError(f"a guide of shape {guide_hw.shape} was given; expected {(height, width)}")
    if not (guide_hw.min() >= 0 and guide_hw.max() <= 1):
        raise InputError("a guide holds NaN or leaves [0, 1]; give values in [0, 1]")
    return np.ascontiguousarray(guide_hw, dtype=np.float32)


def checked_flow(flow_hw2: NDArray[np.float32], size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """A flow as contiguous float32.

    Raises:
        InputError: If its shape is not (H, W, 2).
    """
    width, height = size_wh
    if flow_hw2.shape != (height, width, 2):
        raise InputError(
            f"a flow of shape {flow_hw2.shape} was given; expected {(height, width, 2)}"
        )
    return np.ascontiguousarray(flow_hw2, dtype=np.float32)

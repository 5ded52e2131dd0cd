"""Arrays as people hold them: NumPy, PyTorch, on disk; floats or whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import FrameHWC

TOLERANCE = 1e-3
"""Floats that mean [0, 1] may be that far outside: networks and resizing round."""


def is_tensor(value: object) -> bool:
    """Whether a value is a PyTorch tensor; PyTorch is not loaded to find out."""
    return any(cls.__module__.startswith("torch") for cls in type(value).__mro__[:-1])


def as_array(value: Any) -> NDArray[Any]:
    """A value as an array, without a copy where that can be: a tensor is brought to the CPU."""
    if is_tensor(value):
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()  # NumPy knows no bfloat16
        return np.asarray(value.numpy())
    return np.asanyarray(value)


def rgb_frame(value: Any) -> FrameHWC:
    """A frame as uint8 RGB of shape (H, W, 3), C-contiguous.

    Args:
        value: Array or tensor of shape (H, W, 3), or (3, H, W) as PyTorch has it: uint8, or floats
            in [0, 1], which are rounded.

    Raises:
        InputError: If it is none of these.
    """
    array = as_array(value)
    if array.ndim == 3 and array.shape[2] != 3 and array.shape[0] == 3:
        array = array.transpose(1, 2, 0)
    kind = array.dtype.kind
    if array.ndim != 3 or array.shape[2] != 3 or not (array.dtype == np.uint8 or kind == "f"):
        raise InputError(
            f"frames of dtype {array.dtype} and shape {np.shape(value)} were given; "
            "expected uint8 RGB frames of shape (height, width, 3), or floats in [0, 1]"
        )
    if kind != "f" or array.size == 0:
        return np.ascontiguousarray(array, dtype=np.uint8)
    low, high = float(array.min()), float(array.max())
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # a NaN fails, too
        raise InputError(
            f"frames of floats from {low:g} to {high:g} were given; "
            "expected floats in [0, 1], or uint8 from 0 to 255"
        )
    scaled = np.rint(np.clip(array, 0, 1).astype(np.float32) * np.float32(255))
    return np.ascontiguousarray(scaled, dtype=np.uint8)


def load_array(path: Path, what: str) -> NDArray[Any]:
    """The array in a ``.npy`` (mapped, not read) or the only one in a ``.npz``.

    Args:
        path: The file.
        what: What it should hold, for messages.

    Raises:
        InputError: If the file cannot be read or holds several arrays.
    """
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            names = loaded.files
            array = loaded[names[0]] if len(names) == 1 else None
    except Exception as error:
        # NumPy and zipfile raise many kinds for broken files; all mean the same to the user.
        raise InputError(f"{what} {path} cannot be read ({error}); replace it") from None
    if array is None:
        raise InputError(f"{what} {path} holds {len(names)} arrays; give a file with one")
    return np.asarray(array)

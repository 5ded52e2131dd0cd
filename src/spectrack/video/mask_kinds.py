"""What a mask file means: indexed, 1-bit, grey or NumPy; hard or soft.

What a file means is told by its kind:

==========================================  ===================================================
file                                        meaning
==========================================  ===================================================
palette PNG, RGB in palette colours         object ids; 0 is background, 255 "void" beside others
1-bit PNG; grey with 0 and one other level  hard mask, foreground is ``> 0`` as for DAVIS results
grey with all levels below 16, three up     object ids saved without their palette
any other grey (8 or 16 bits)               soft mask, full scale is 1
``.npy``/``.npz``, bool                     hard mask
``.npy``/``.npz``, integers                 object ids; hard where only 0 and 255 occur
``.npy``/``.npz``, floats in [0, 1]         soft mask
==========================================  ===================================================

A file alone is judged by its levels. In a folder some frames say less than others: an object left,
a soft mask faded to two levels. So :func:`judge` can be told what kind the folder is. Among object
ids every file of whole numbers up to 255, and every empty one, holds ids; a hard mask among them,
such as a grey one of 0 and 255, is object 1. Among soft masks every grey one is soft.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.tracks import davis_palette
from spectrack.video.folder import load_image
from spectrack.video.given import TOLERANCE

Kind = Literal["hard", "index", "soft"]
VOID = 255
"""Object id of pixels that count for nobody."""
_MOST_IDS = 16
_MOST_TINT = 32


@dataclass(frozen=True)
class RawMask:
    """A decoded file; grey ones are not yet judged.

    Attributes:
        kind: What the file is sure to be; "grey" is to be judged.
        array: Its values, shape (H, W).
        coloured: Whether grey was saved as RGB, where it may be colours of the palette.
    """

    kind: Literal["hard", "index", "soft", "grey"]
    array: NDArray[Any]
    coloured: bool = False


def load_mask(path: Path) -> RawMask:
    """Decode a mask file.

    Raises:
        InputError: If the file is missing, truncated, corrupt, no mask, or holds NaN or values
            outside [0, 1].
    """
    if path.suffix.lower() in {".npy", ".npz"}:
        return _load_numpy(path)
    mode, array = load_image(path, "mask")
    if mode == "1":
        return RawMask("hard", array.astype(bool))
    if mode == "P":
        return RawMask("index", array)
    if array.ndim == 3 and array.shape[2] == 2:
        array = array[..., 0]
    if array.ndim == 3:
        rgb = array[..., :3]
        if (rgb[..., :1] == rgb).all():
            return RawMask("grey", rgb[..., 0], coloured=True)
        if path.suffix.lower() in {".jpg", ".jpeg", ".webp"} and _nearly_grey(rgb):
            return RawMask("grey", np.rint(rgb.mean(axis=2)).astype(np.uint8))
        return RawMask("index", _ids_of_colours(rgb, path))
    return RawMask("grey", array)


def _load_numpy(path: Path) -> RawMask:
    try:
        loaded = np.load(path, allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else loaded[loaded.files[0]]
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give an existing mask") from None
    except Exception as error:
        # NumPy and zipfile raise many kinds for broken files; all mean the same to the user.
        raise InputError(f"mask {path} cannot be read ({error}); replace or remove it") from None
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"mask {path} has shape {array.shape}; expected (height, width)")
    if array.dtype == np.bool_:
        return RawMask("hard", array)
    if np.issubdtype(array.dtype, np.integer):
        if array.min() < 0 or array.max() > VOID:
            raise InputError(f"mask {path} holds ids outside 0 to 255; expected object ids")
        ids = array.astype(np.uint8)
        # 0 and 255 mean the same as in a grey picture: a hard mask, or void among object ids.
        return RawMask("grey" if set(np.unique(ids)) <= {0, VOID} else "index", ids)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"mask {path} has dtype {array.dtype}; expected bool, integers or floats")
    return RawMask("soft", unit_values(array, f"mask {path}"))


def unit_values(values: NDArray[np.floating[Any]], source: str) -> NDArray[np.float32]:
    """Values of a soft mask as float32 in [0, 1]; what rounding put slightly outside is clipped.

    Args:
        values: Floats of any shape.
        source: What holds them, for messages.

    Raises:
        InputError: If a value is NaN, infinite, or more than ``TOLERANCE`` outside [0, 1].
    """
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):  # a NaN is the minimum of all
        raise InputError(f"{source} holds NaN or infinite values; expected numbers in [0, 1]")
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise InputError(
            f"{source} holds values from {low:g} to {high:g}; expected a soft mask in [0, 1]"
        )
    out: NDArray[np.float32] = values.astype(np.float32)
    return out if low >= 0 and high <= 1 else np.clip(out, 0, 1)


def judge(raw: RawMask, folder: Kind | None = None) -> tuple[Kind, NDArray[Any]]:
    """Say what a file means: bool, uint8 ids or float32 in [0, 1], shape (H, W).

    Args:
        raw: The decoded file.
        folder: What kind the folder is that it is from; None judges it by itself.
    """
    if folder == "index" and raw.kind != "index" and _may_be_ids(raw.array):
        return "index", _ids_of(raw)
    if raw.kind != "grey":
        return raw.kind, raw.array
    if folder != "soft":
        levels = np.unique(raw.array)
        if len(levels) <= 1 or (len(levels) == 2 and levels[0] == 0):
            return "hard", raw.array > 0
        if levels[-1] < _MOST_IDS and np.issubdtype(raw.array.dtype, np.integer):
            return "index", raw.array.astype(np.uint8)
    floating = np.issubdtype(raw.array.dtype, np.floating)
    full = 1.0 if floating else 255.0 if raw.array.dtype == np.uint8 else 65535.0
    values = np.clip(raw.array.astype(np.float32) / np.float32(full), 0, 1)
    return "soft", values


def _may_be_ids(array: NDArray[Any]) -> bool:
    """Whether values are whole numbers of 0 to 255; floats are where all are 0."""
    if array.dtype.kind not in "biu":
        return not array.any()
    return bool(array.min() >= 0 and array.max() <= VOID)


def is_hard(ids_hw: NDArray[Any]) -> bool:
    """Whether whole numbers are 0 and 255 alone: without a palette that is a mask, not void."""
    return bool(((ids_hw == 0) | (ids_hw == VOID)).all())


def _ids_of(raw: RawMask) -> NDArray[np.uint8]:
    """A file among object ids; an object may be alone with a palette's colour that is grey."""
    ids = raw.array.astype(np.uint8)
    if is_hard(ids):
        return (ids == VOID).astype(np.uint8)
    if not raw.coloured:
        return ids
    greys = {int(r): i for i, (r, g, b) in enumerate(davis_palette()) if r == g == b}
    if not set(np.unique(ids).tolist()) <= set(greys):
        return ids
    table = np.zeros(256, dtype=np.uint8)
    table[list(greys)] = list(greys.values())
    return table[ids]


def _nearly_grey(rgb_hwc: NDArray[np.uint8]) -> bool:
    """Whether colours are no more than what a lossy codec makes of black and white."""
    return int((rgb_hwc.max(axis=2) - rgb_hwc.min(axis=2)).max()) <= _MOST_TINT


def _ids_of_colours(rgb_hwc: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """Object ids of a mask saved in the colours of the DAVIS palette."""
    code = rgb_hwc.astype(np.int32) @ np.array([65536, 256, 1])
    palette = davis_palette().astype(np.int32) @ np.array([65536, 256, 1])
    colours, place = np.unique(code, return_inverse=True)
    known = {int(c): i for i, c in enumerate(palette)}
    if all(int(c) in known for c in colours):
        ids = np.array([known[int(c)] for c in colours], dtype=np.uint8)
    elif len(colours) == 2 and colours[0] == 0:
        ids = np.array([0, 1], dtype=np.uint8)
    else:
        raise InputError(
            f"mask {path} holds {len(colours)} colours that are not the DAVIS palette; "
            "give an indexed, grey or 1-bit mask"
        )
    return ids[place.reshape(code.shape)]

"""What to follow, as people give it: a mask from a file or an array, a box that is questioned."""

from __future__ import annotations

import reprlib
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError, InputWarning
from spectrack.structures import Box, Target
from spectrack.video.given import as_array
from spectrack.video.mask_kinds import VOID, unit_values
from spectrack.video.masks import object_ids, read_mask

MOST_GREY_OBJECTS = 16
"""A grey target mask with no more levels than this is not taken for a soft mask."""
LEAST_SIDE = 4.0
"""A box with a side below this, in pixels, is questioned."""
_NEAR = 48 / 255


def read_targets(mask: str | Path | NDArray[Any]) -> dict[int, Target]:
    """What to follow from a mask: one object, or several of an indexed mask.

    Args:
        mask: A mask file, or an array or tensor (H, W): bool, object ids, or floats in [0, 1],
            which are cut at one half.

    Raises:
        InputError: If the mask cannot be read, is empty, or is grey with a few levels, which may
            be several objects or none.
    """
    if isinstance(mask, str | Path):
        source, values = f"mask {mask}", read_mask(mask)
    else:
        source, values = "the mask", _from_array(mask)
    if values.dtype == np.float32:
        levels = np.unique(values)
        # a lossy codec gives 3 and 252 for 0 and 255
        near = (np.abs(levels - 0.5) >= 0.5 - _NEAR).all()
        if 2 < len(levels) <= MOST_GREY_OBJECTS and not near:
            raise InputError(
                f"{source} has {len(levels)} grey levels, which may be several objects; "
                "give an indexed PNG, or one with two levels"
            )
        values = values >= 0.5
    if not values.any():
        raise InputError(f"{source} is empty; give one with foreground pixels")
    if values.dtype == np.bool_:
        return {1: Target(mask=values)}
    return {i: Target(mask=values == i) for i in object_ids(values)}


def one_target(mask: str | Path | NDArray[Any]) -> Target:
    """As :func:`read_targets`, for one object.

    Raises:
        InputError: As there, or if the mask holds several objects; the sentence names them.
    """
    targets = read_targets(mask)
    if len(targets) > 1:
        shown = ", ".join(map(str, targets))
        source = f"mask {mask}" if isinstance(mask, str | Path) else "the mask"
        raise InputError(
            f"{source} holds several objects ({shown}) where one is wanted; give the mask of one "
            "(mask == id), or follow them all with track_all"
        )
    return next(iter(targets.values()))


def any_target(value: Any) -> Target:
    """A target in any form: four numbers are a box x, y, w, h, anything else is a mask.

    Args:
        value: A :class:`~spectrack.structures.Target` or :class:`~spectrack.structures.Box`, a
            list, array or tensor of numbers, or the file of a mask.

    Raises:
        InputError: If it is none of these, or as in :func:`one_target`.
    """
    if isinstance(value, Target):
        return value
    if value is None or isinstance(value, Box):
        return Target(box=value)
    if isinstance(value, str | PathLike):
        return one_target(Path(value))
    try:
        array = as_array(value)
    except ValueError:  # rows of different lengths
        array = np.empty(0)
    if array.size == 4:
        return Target(box=array.ravel().tolist())
    if array.ndim < 2:
        raise InputError(
            f"{reprlib.repr(value)} is not four numbers nor a mask; give x,y,w,h in pixels, "
            "or a mask of shape (height, width)"
        )
    return one_target(array)


def question_box(target: Target) -> None:
    """Ask back where a box that was given without a mask is hardly meant so.

    An ``InputWarning`` is given for a side below ``LEAST_SIDE`` pixels.

    Raises:
        InputError: If no number is above 1, as in boxes relative to the size of the frame.
    """
    if target.mask is not None:
        return
    shown = ",".join(f"{v:g}" for v in target.box)
    if max(target.box) <= 1 and target.box.area > 0:
        raise InputError(f"box {shown} looks like fractions of the frame; give x,y,w,h in pixels")
    if 0 < min(target.box.w, target.box.h) < LEAST_SIDE:
        warnings.warn(
            f"box {shown} is smaller than {LEAST_SIDE:g} pixels, which is little to follow; "
            "make sure that it is x,y,w,h in pixels",
            InputWarning,
            stacklevel=3,
        )


def _from_array(mask: Any) -> NDArray[Any]:
    """An array as bool, uint8 ids or float32 in [0, 1], shape (H, W)."""
    array = as_array(mask)
    if array.ndim == 3 and 1 in {array.shape[0], array.shape[2]}:
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biuf":
        raise InputError(
            f"a mask of dtype {array.dtype} and shape {array.shape} was given; "
            "expected bool, object ids or floats in [0, 1] of shape (height, width)"
        )
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind == "f":
        return unit_values(array, "the mask")
    values = np.unique(array)
    if len(values) <= 2 and values[0] == 0:
        return array != 0
    if values[0] < 0 or values[-1] > VOID:
        raise InputError("the mask holds ids outside 0 to 255; expected object ids")
    return array.astype(np.uint8)

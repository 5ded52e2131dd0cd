"""Masks that a program holds as one soft mask a frame: a track, an array, or one by one.

Whole numbers are object ids, as in files; they are one mask where only 0 and 1, or 0 and 255, occur
in all frames. Among ids, a frame of 0 and 255 alone is a mask of object 1, as a grey file is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Mask, SoftHW
from spectrack.tracks import Track
from spectrack.video.given import as_array
from spectrack.video.mask_kinds import VOID, is_hard, unit_values

OneMask: TypeAlias = NDArray[Any] | Mask | None


class SoftMasks(Protocol):
    """Soft masks by frame number: float32 (H, W) in [0, 1], None where a frame has none."""

    def __getitem__(self, index: int, /) -> SoftHW | None: ...

    def __len__(self) -> int: ...


class TrackMasks:
    """The masks of a track, decoded one at a time.

    Args:
        track: Any track; frames without a mask give an empty one.
    """

    def __init__(self, track: Track) -> None:
        self._track = track

    def __len__(self) -> int:
        return len(self._track)

    def __getitem__(self, index: int) -> SoftHW | None:
        return self._track.mask(index).astype(np.float32)


class ArrayMasks:
    """Masks in an array.

    Args:
        masks_thw: Shape (T, H, W) or (T, 1, H, W): floats in [0, 1], bool, or integers (non-zero
            is foreground). One that lies on disk is read, and its values checked, frame by frame.
        object_id: The number that is foreground in integers; all but 0 where left out.

    Raises:
        InputError: If the shape is another, or a value is NaN or outside [0, 1] by more than
            rounding.
    """

    def __init__(self, masks_thw: NDArray[Any], object_id: int | None = None) -> None:
        given = as_array(masks_thw)
        masks = given[:, 0] if given.ndim == 4 and given.shape[1] == 1 else given
        if masks.ndim != 3 or 0 in masks.shape:
            raise InputError(
                f"masks of shape {given.shape} were given; expected (frames, height, width)"
            )
        self._soft = np.issubdtype(masks.dtype, np.floating)
        if not self._soft and masks.dtype != np.bool_ and masks.dtype.kind not in "iu":
            raise InputError(
                f"masks of dtype {masks.dtype} were given; expected bool, integers or floats"
            )
        self._masks, self._object_id = masks, object_id
        if self._soft and not isinstance(masks, np.memmap):
            for mask in masks:
                _checked(mask)

    def __len__(self) -> int:
        return len(self._masks)

    def __getitem__(self, index: int) -> SoftHW | None:
        mask = np.asarray(self._masks[index])
        if self._soft:
            return _checked(mask)
        hard = self._object_id is None or (self._object_id == 1 and is_hard(mask))
        chosen = mask != 0 if hard else mask == self._object_id
        return chosen.astype(np.float32)


class ListMasks:
    """Masks one by one, those of one object; see :func:`open_list`.

    Args:
        masks: One a frame, checked: floats (H, W), run lengths, or None where a frame has none.
        names: Names of the frames, for :func:`missing_stems`.

    Attributes:
        missing: Indices of frames without a mask.

    Raises:
        InputError: If all are missing, or they differ in size.
    """

    def __init__(self, masks: Sequence[OneMask], names: Sequence[str] | None = None) -> None:
        self._masks = masks
        sizes = {
            (mask.height, mask.width) if isinstance(mask, Mask) else mask.shape
            for mask in masks
            if mask is not None
        }
        if len(sizes) > 1:
            shown = " and ".join(f"{w}x{h}" for h, w in sorted(sizes)[:2])
            raise InputError(f"masks of {shown} were given; give masks of one size")
        if not sizes:
            raise InputError("no frame has a mask; give a mask for at least one frame")
        self.missing = [i for i, mask in enumerate(self._masks) if mask is None]
        self.stems = names

    def __len__(self) -> int:
        return len(self._masks)

    def __getitem__(self, index: int) -> SoftHW | None:
        mask = self._masks[index]
        if isinstance(mask, Mask):
            return mask.decode().astype(np.float32)
        return None if mask is None else _checked(mask)


class ResizedMasks:
    """Masks brought to the size of the frames: hard ones to the nearest pixel, soft ones smoothly.

    Args:
        masks: Masks of any size.
        size_wh: Width and height wanted.
    """

    def __init__(self, masks: SoftMasks, size_wh: tuple[int, int]) -> None:
        self.masks, self._size_wh = masks, size_wh

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> SoftHW | None:
        mask = self.masks[index]
        if mask is None or mask.shape == self._size_wh[::-1]:
            return mask
        hard = bool(((mask == 0) | (mask == 1)).all())
        way = cv2.INTER_NEAREST_EXACT if hard else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(mask, self._size_wh, interpolation=way), dtype=np.float32)


def open_array(
    masks_thw: NDArray[Any], object_id: int | None = None, source: str = "the array"
) -> dict[int, SoftMasks]:
    """Masks in an array, one entry an object.

    Args:
        masks_thw: As for :class:`ArrayMasks`.
        object_id: Only this object of several; the number of a single one.
        source: What holds them, for messages.

    Raises:
        InputError: As :class:`ArrayMasks`, or if ids are outside 0 to 255 or lack this object.
    """
    array = as_array(masks_thw)
    whole = ArrayMasks(array)
    if array.dtype.kind not in "iu":
        return {object_id or 1: whole}
    there = [_ids_in(mask, source) for mask in array]
    found = set().union(*there)
    if _is_one(found):
        return {object_id or 1: whole}
    if {VOID} in there:  # a hard mask among ids
        found.add(1)
    ids = sorted(found - {VOID})
    return chosen({i: ArrayMasks(array, i) for i in ids}, object_id, source)


def open_list(
    masks: Iterable[OneMask], names: Sequence[str] | None = None, object_id: int | None = None
) -> dict[int, SoftMasks]:
    """Masks one by one, one entry an object.

    Args:
        masks: Arrays or tensors (H, W), run lengths, or None where a frame has no mask. Among
            object ids a hard mask is object 1.
        names: Names of the frames, for :func:`missing_stems`.
        object_id: Only this object of several; the number of a single one.

    Raises:
        InputError: If one is no mask, or a soft one among object ids, all are missing, they differ
            in size, or there is no such object.
    """
    kept = [_one_mask(mask, number) for number, mask in enumerate(masks)]
    found = _objects_in(kept)
    if not _is_one(found):
        kept = [_among_ids(mask, number) for number, mask in enumerate(kept)]
        found = _objects_in(kept) - {VOID}

    def of(number: int) -> ListMasks:
        return ListMasks([m.of(number) if isinstance(m, _Numbered) else m for m in kept], names)

    if _is_one(found):
        return {object_id or 1: of(max(found, default=1))}
    return chosen({i: of(i) for i in sorted(found)}, object_id, "the list")


def chosen(
    objects: Mapping[int, SoftMasks], object_id: int | None, source: str | Path
) -> dict[int, SoftMasks]:
    """All objects, or the one that was asked for.

    Raises:
        InputError: If it is not there.
    """
    if object_id is None:
        return dict(objects)
    if object_id not in objects:
        known = ", ".join(map(str, objects))
        raise InputError(f"{source} holds no object {object_id}; it has {known}")
    return {object_id: objects[object_id]}


@dataclass(frozen=True)
class _Numbered:
    """The object ids of a frame, compressed.

    Args:
        size_wh: Width and height.
        objects: Object id to its mask, of those that are there.
    """

    size_wh: tuple[int, int]
    objects: dict[int, Mask]

    def of(self, object_id: int) -> Mask:
        return self.objects.get(object_id) or Mask.empty(self.size_wh)


def _objects_in(kept: Iterable[NDArray[Any] | Mask | _Numbered | None]) -> set[int]:
    return {i for mask in kept if isinstance(mask, _Numbered) for i in mask.objects}


def _is_one(found: set[int]) -> bool:
    """Whether whole numbers are one mask, not the ids of objects."""
    return found <= {1} or found <= {VOID}


def _ids_in(ids_hw: NDArray[Any], source: str) -> set[int]:
    """The ids of a frame but for background; void alone where it is a hard mask of 0 and 255.

    Raises:
        InputError: If they are outside 0 to 255.
    """
    low, high = int(ids_hw.min()), int(ids_hw.max())
    if low < 0 or high > VOID:
        raise InputError(f"{source} holds ids outside 0 to 255; expected object ids")
    if high <= 1 or (high == VOID and is_hard(ids_hw)):
        return {high} - {0}
    return set(np.flatnonzero(np.bincount(ids_hw.ravel().astype(np.intp, copy=False))).tolist()) - {
        0
    }


def _among_ids(mask: NDArray[Any] | Mask | _Numbered | None, number: int) -> _Numbered | None:
    """A mask of a list that holds object ids; a hard one is object 1.

    Raises:
        InputError: If it is soft.
    """
    if isinstance(mask, Mask):
        return _Numbered((mask.width, mask.height), {1: mask} if mask.area else {})
    if not isinstance(mask, np.ndarray):
        return mask
    if mask.any():
        raise InputError(
            f"mask {number} is soft where others of the list hold object ids; "
            "give ids in all of them, or the masks of one object"
        )
    return _Numbered(mask.shape[::-1], {})


def _one_mask(mask: Any, number: int) -> NDArray[Any] | Mask | _Numbered | None:
    """Check one mask of a list; hard ones are kept compressed."""
    if mask is None or isinstance(mask, Mask):
        return mask
    array = as_array(mask)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "biuf":
        raise InputError(
            f"mask {number} has dtype {array.dtype} and shape {array.shape}; expected bool, "
            "integers or floats of shape (height, width), or None"
        )
    if array.dtype.kind == "f":
        _checked(array)
        return array
    if array.dtype.kind == "b":
        return Mask.encode(array)
    ids = _ids_in(array, f"mask {number}")
    if ids == {VOID}:
        return Mask.encode(array == VOID)
    return _Numbered(array.shape[::-1], {i: Mask.encode(array == i) for i in sorted(ids)})


def _checked(array: NDArray[Any]) -> SoftHW:
    try:
        return unit_values(array, "the masks")
    except InputError:
        raise InputError(
            "soft masks with NaN or values outside [0, 1] were given; expected [0, 1]"
        ) from None

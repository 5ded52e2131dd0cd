"""Masks that a program holds as one soft mask a frame: a track, an array, or one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Mask, SoftHW
from spectrack.tracks import Track
from spectrack.video.given import as_array
from spectrack.video.mask_kinds import unit_values

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
        chosen = mask != 0 if self._object_id is None else mask == self._object_id
        return chosen.astype(np.float32)


class ListMasks:
    """Masks one by one: arrays or tensors (H, W), run lengths, or None where a frame has none.

    Args:
        masks: One a frame.
        names: Names of the frames, for :func:`missing_stems`.

    Attributes:
        missing: Indices of frames without a mask.

    Raises:
        InputError: If one is no mask, all are missing, or they differ in size.
    """

    def __init__(self, masks: Iterable[OneMask], names: Sequence[str] | None = None) -> None:
        self._masks: list[OneMask] = []
        sizes = set()
        for number, mask in enumerate(masks):
            kept = _one_mask(mask, number)
            self._masks.append(kept)
            if kept is not None:
                sizes.add((kept.height, kept.width) if isinstance(kept, Mask) else kept.shape)
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
        return None if mask is None else _soft_of(mask)


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


def _one_mask(mask: Any, number: int) -> NDArray[Any] | Mask | None:
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
    return Mask.encode(array)


def _soft_of(array: NDArray[Any]) -> SoftHW:
    return _checked(array) if array.dtype.kind == "f" else (array != 0).astype(np.float32)


def _checked(array: NDArray[Any]) -> SoftHW:
    try:
        return unit_values(array, "the masks")
    except InputError:
        raise InputError(
            "soft masks with NaN or values outside [0, 1] were given; expected [0, 1]"
        ) from None

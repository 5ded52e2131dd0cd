"""Masks from anywhere as one soft mask a frame: a track, an array, or a folder of any method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import SoftHW
from spectrack.tracks import Track
from spectrack.video.masks import MaskFolder, object_ids, read_mask
from spectrack.video.reader import Frames

MaskSource = str | Path | Track | NDArray[Any]


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
        masks_thw: Shape (T, H, W): floats in [0, 1], bool, or integers (non-zero is foreground).

    Raises:
        InputError: If the shape is another, or a value is NaN or outside [0, 1].
    """

    def __init__(self, masks_thw: NDArray[Any]) -> None:
        if masks_thw.ndim != 3 or 0 in masks_thw.shape:
            raise InputError(
                f"masks of shape {masks_thw.shape} were given; expected (frames, height, width)"
            )
        soft = np.issubdtype(masks_thw.dtype, np.floating)
        # A NaN fails both comparisons, so it is caught too.
        if soft and not (masks_thw.min() >= 0 and masks_thw.max() <= 1):
            raise InputError(
                "soft masks with NaN or values outside [0, 1] were given; expected [0, 1]"
            )
        self._masks, self._soft = masks_thw, soft

    def __len__(self) -> int:
        return len(self._masks)

    def __getitem__(self, index: int) -> SoftHW | None:
        mask = self._masks[index]
        return (mask if self._soft else mask != 0).astype(np.float32)


def open_masks(
    source: MaskSource, frames: Frames, object_id: int | None = None
) -> dict[int, SoftMasks]:
    """Open masks for the frames of a video, one entry an object.

    Args:
        source: A track, an array (T, H, W), a result folder or a folder of mask files.
        frames: The video they belong to.
        object_id: Only this object of indexed masks.

    Returns:
        Object id to masks, one for every frame.

    Raises:
        InputError: If the masks cannot be read or do not fit the frames.
    """
    if isinstance(source, str | Path):
        return _from_folder(Path(source), frames, object_id)
    masks: SoftMasks = TrackMasks(source) if isinstance(source, Track) else ArrayMasks(source)
    first = masks[0] if len(masks) else None
    if len(masks) != len(frames):
        raise InputError(
            f"{len(masks)} masks were given for {len(frames)} frames; give one a frame"
        )
    if first is not None and first.shape != frames.size_wh[::-1]:
        raise InputError(
            f"masks of {first.shape[1]}x{first.shape[0]} were given for frames of "
            f"{frames.size_wh[0]}x{frames.size_wh[1]}; give masks of the same size"
        )
    return {object_id or 1: masks}


def missing_stems(masks: SoftMasks) -> list[str]:
    """Names of the frames that have no mask."""
    if not isinstance(masks, MaskFolder):
        return []
    stems: Sequence[str] = masks.stems or []
    return [stems[i] if stems else f"{i:05d}" for i in masks.missing]


def _from_folder(path: Path, frames: Frames, object_id: int | None) -> dict[int, SoftMasks]:
    folder = MaskFolder(path, frames, object_id)
    if folder.kind != "index":
        return {object_id or 1: folder}
    files = [file for i in range(len(folder)) if (file := folder.file(i)) is not None]
    ids = sorted(set().union(*(object_ids(read_mask(file)) for file in files)))
    if object_id is not None:
        if object_id not in ids:
            raise InputError(
                f"{path} holds no object {object_id}; it has {', '.join(map(str, ids)) or 'none'}"
            )
        return {object_id: folder}
    return {i: MaskFolder(path, frames, i) for i in ids} or {1: folder}

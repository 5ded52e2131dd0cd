"""Masks from anywhere as one soft mask a frame: a track, arrays, or files of any method."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError, InputWarning
from spectrack.tracks import Track
from spectrack.video.alignment import align_stems
from spectrack.video.folder import IMAGE_SUFFIXES
from spectrack.video.given import is_tensor
from spectrack.video.given_masks import (
    ListMasks,
    OneMask,
    ResizedMasks,
    SoftMasks,
    TrackMasks,
    open_array,
    open_list,
)
from spectrack.video.masks import MaskFolder
from spectrack.video.reader import Frames

MaskSource: TypeAlias = (
    str
    | Path
    | Track
    | NDArray[Any]
    | Sequence[OneMask]
    | Mapping[int, OneMask]
    | Mapping[str, OneMask]
    | Iterable[OneMask]
)
"""What :func:`open_masks` takes; PyTorch tensors count as arrays."""

LEAST_SAME_SHAPE = 0.98
"""Masks whose ratio of sides differs more than this from the frames' are stretched: it is said."""


def open_masks(
    source: MaskSource, frames: Frames, object_id: int | None = None, resize: bool = False
) -> dict[int, SoftMasks]:
    """Open masks for the frames of a video, one entry an object.

    Args:
        source: A track; an array or tensor (T, H, W); a list, generator or dict (frame number or
            name to mask) of masks; a result folder or a folder of mask files; or one file: ``.npy``
            or ``.npz`` (T, H, W), run lengths (``.json``), or a video of masks. Integers are object
            ids wherever they are from.
        frames: The video they belong to.
        object_id: Only this object of indexed masks.
        resize: Bring masks of another size to that of the frames.

    Returns:
        Object id to masks, one for every frame.

    Raises:
        InputError: If the masks cannot be read or do not fit the frames.
    """
    if isinstance(source, str | Path):
        opened = _from_disk(Path(source), frames, object_id, resize)
    else:
        opened = objects_in_memory(source, frames, object_id)
    return {key: _fitted(masks, frames, resize) for key, masks in opened.items()}


def in_memory(source: Any, frames: Frames | None = None) -> SoftMasks:
    """Masks of one object that are no files; see :func:`objects_in_memory`.

    Raises:
        InputError: As there, or if they hold several objects.
    """
    found = objects_in_memory(source, frames)
    if len(found) > 1:
        raise InputError(
            f"masks of objects {', '.join(map(str, found))} were given where those of one are "
            "wanted; give the masks of one (masks == id)"
        )
    return next(iter(found.values()))


def objects_in_memory(
    source: Any, frames: Frames | None = None, object_id: int | None = None
) -> dict[int, SoftMasks]:
    """Masks that are no files, one entry an object; see :func:`open_masks`.

    Args:
        source: As there, but for files.
        frames: The video; masks by frame need it.
        object_id: Only this object of several; the number of a single one.

    Raises:
        InputError: If they are no masks, names do not fit the frames, or there is no such object.
    """
    if isinstance(source, Track):
        return {object_id or 1: TrackMasks(source)}
    if isinstance(source, np.ndarray) or is_tensor(source):
        return open_array(source, object_id)
    if isinstance(source, Mapping):
        if frames is None:
            raise InputError("masks by frame need the video; give it too or give a list of masks")
        return open_list(_by_frame(source, frames), frames.stems, object_id)
    if not isinstance(source, Iterable):
        raise InputError(
            f"a {type(source).__name__} was given as masks; "
            "give a folder, a file, a track, an array, a list or a dict"
        )
    return open_list(source, None if frames is None else frames.stems, object_id)


@contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """Note every ``InputWarning`` that is given within, each once; they are given all the same.

    Yields:
        The sentences, as they come.
    """
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        yield notes
    for warning in caught:
        text = str(warning.message)
        if issubclass(warning.category, InputWarning) and text not in notes:
            notes.append(text)
            warnings.warn(text, InputWarning, stacklevel=4)
        elif not issubclass(warning.category, InputWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def missing_stems(masks: SoftMasks) -> list[str]:
    """Names of the frames that have no mask."""
    if isinstance(masks, ResizedMasks):
        return missing_stems(masks.masks)
    if not isinstance(masks, MaskFolder | ListMasks):
        return []
    stems: Sequence[str] = masks.stems or []
    return [stems[i] if stems else f"{i:05d}" for i in masks.missing]


def _by_frame(source: Mapping[Any, OneMask], frames: Frames) -> list[OneMask]:
    """Masks that were given by number or name of their frame, one a frame."""
    count = len(frames)
    if not source:
        raise InputError("an empty dict of masks was given; give at least one mask")
    masks: list[OneMask] = [None] * count
    if all(isinstance(key, str) for key in source):
        names, values = list(source), list(source.values())
        aligned = align_stems(names, frames.stems, count, "the dict", frames.source)
        if aligned.warning is not None:
            warnings.warn(aligned.warning, InputWarning, stacklevel=4)
        masks = [None if place is None else values[place] for place in aligned.places]
    else:
        for key, mask in source.items():
            if not isinstance(key, int | np.integer) or not 0 <= key < count:
                raise InputError(
                    f"a mask for frame {key!r} was given but the video has frames 0 to "
                    f"{count - 1}; give frame numbers from 0 or the names of the frames"
                )
            masks[int(key)] = mask
    return masks


def _fitted(masks: SoftMasks, frames: Frames, resize: bool) -> SoftMasks:
    """Masks as many and as large as the frames.

    Raises:
        InputError: If they are not and cannot be.
    """
    if isinstance(masks, MaskFolder) and not resize:
        return masks  # checks itself, and one file at a time
    if frames.length is not None and len(masks) != frames.length:
        raise InputError(
            f"{len(masks)} masks were given for {len(frames)} frames; give one a frame"
        )
    first = next((m for i in range(len(masks)) if (m := masks[i]) is not None), None)
    if first is None or first.shape == frames.size_wh[::-1]:
        return ResizedMasks(masks, frames.size_wh) if resize else masks
    (height, width), (wide, tall) = first.shape, frames.size_wh
    if not resize:
        raise InputError(
            f"masks of {width}x{height} were given for frames of {wide}x{tall}; "
            "give masks of the same size, or resize them (--resize, resize=True)"
        )
    ratio = (width * tall) / (height * wide)
    if min(ratio, 1 / ratio) < LEAST_SAME_SHAPE:
        warnings.warn(
            f"masks of {width}x{height} are stretched to frames of {wide}x{tall}, which have "
            "another ratio of width to height; make sure that they show the same picture",
            InputWarning,
            stacklevel=4,
        )
    return ResizedMasks(masks, frames.size_wh)


def _from_disk(
    path: Path, frames: Frames, object_id: int | None, any_size: bool
) -> dict[int, SoftMasks]:
    if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES:
        from spectrack.video.mask_files import open_mask_file

        return open_mask_file(path, frames, object_id)
    folder = MaskFolder(path, frames, object_id, any_size)
    if object_id is None:
        return objects_in(folder)
    if folder.kind == "index" and object_id not in folder.objects:
        known = ", ".join(map(str, folder.objects)) or "none"
        raise InputError(f"{path} holds no object {object_id}; it has {known}")
    return {object_id: folder}


def objects_in(folder: MaskFolder) -> dict[int, SoftMasks]:
    """Object id to masks, of every object in a folder; numbered masks are read for it.

    Args:
        folder: Opened without an id; it is object 1 where its masks are not numbered, or empty.

    Raises:
        InputError: If a mask cannot be read.
    """
    return {i: folder.of_object(i) for i in folder.objects} or {1: folder}

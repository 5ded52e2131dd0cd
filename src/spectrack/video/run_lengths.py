"""Masks as COCO run lengths in a JSON file: one list a video, or the layout of YouTube-VIS."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectrack.errors import InputError, InputWarning
from spectrack.structures import Mask
from spectrack.video.alignment import align_stems
from spectrack.video.frames import Frames
from spectrack.video.given_masks import ListMasks

MOST_PIXELS = 1 << 28
"""A mask may claim no more than this: a short file must not fill the memory."""

_KINDS = (
    "a list of run lengths, one a frame, or YouTube-VIS annotations or results with 'segmentations'"
)


def read_run_lengths(path: Path, frames: Frames) -> dict[int, ListMasks]:
    """Masks of one or several objects from a JSON file.

    It holds one of these, with ``null`` where a frame has no mask:

    - a list of run lengths ``{"size": [h, w], "counts": ...}``, one a frame;
    - a dictionary with ``annotations`` (and ``videos``), or a list of results, as YouTube-VIS has
      them: each with ``segmentations``, one run length a frame. Of several videos that of the name
      of ``frames`` is taken.

    Ids of annotations from 1 to 255 are kept; results are counted from 1.

    Args:
        path: The file.
        frames: The video the masks belong to.

    Returns:
        Object id to masks.

    Raises:
        InputError: If the file holds no such thing, or masks of another video.
    """
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"masks {path} cannot be read ({error}); expected {_KINDS}") from None
    if isinstance(data, list) and any(isinstance(e, dict) and "counts" in e for e in data):
        return {1: _object(data, None, path, frames)}
    if isinstance(data, dict) and "segmentations" in data:
        data = [data]
    names: Sequence[str] | None = None
    if isinstance(data, dict) and isinstance(data.get("annotations"), list):
        video = _video(data.get("videos"), path, frames)
        given = data["annotations"]
        if video is not None:
            given = [a for a in given if _get(a, "video_id") in {None, _get(video, "id")}]
            names = _stems(_get(video, "file_names"))
    else:
        given = data if isinstance(data, list) else []
    objects = [a for a in given if isinstance(_get(a, "segmentations"), list)]
    if not objects:
        raise InputError(f"masks {path} hold no run lengths; expected {_KINDS}")
    videos = {json.dumps(_get(a, "video_id")) for a in objects}
    if len(videos) > 1:
        raise InputError(
            f"masks {path} are of {len(videos)} videos; give the masks of one, or 'videos' with "
            f"one named {frames.name}"
        )
    return {
        key: _object(a["segmentations"], names, path, frames)
        for key, a in zip(_ids(objects), objects, strict=True)
    }


def read_mask_of(value: Any, source: str) -> Mask | None:
    """One run length, compressed or not; None for ``null``.

    Raises:
        InputError: If it is none, or its runs do not fill its size.
    """
    if value is None:
        return None
    wrong = InputError(
        f"{source} is no run length; expected a size [height, width] and counts that fill it"
    )
    size, counts = _get(value, "size"), _get(value, "counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(s) is int for s in size)):
        raise wrong
    height, width = size
    if min(size) < 1 or height * width > MOST_PIXELS:
        raise wrong
    runs = _runs(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(r) is int and r >= 0 for r in runs):
        raise wrong
    if sum(runs) != height * width:
        raise wrong
    # Encoded anew: what others wrote never reaches the compiled decoder.
    inside = np.arange(len(runs)) % 2 == 1
    return Mask.encode(np.repeat(inside, runs).reshape(width, height).T)


def _runs(text: str) -> list[int] | None:
    """Run lengths from COCO's text; None where it is none.

    A character holds five bits of a number, lowest first, and whether more follow; the numbers
    from the fourth on are differences to the one two places before.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            return None
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs if shift == 0 else None


def _object(
    given: Sequence[Any], names: Sequence[str] | None, path: Path, frames: Frames
) -> ListMasks:
    """The masks of one object, one for every frame."""
    masks = [read_mask_of(value, f"mask {i} in {path}") for i, value in enumerate(given)]
    count = len(masks) if frames.length is None else frames.length
    if names is not None and len(names) == len(masks) and frames.stems is not None:
        aligned = align_stems(names, frames.stems, count, str(path), frames.source)
        if aligned.warning is not None:
            warnings.warn(aligned.warning, InputWarning, stacklevel=5)
        masks = [None if place is None else masks[place] for place in aligned.places]
    if len(masks) != count:
        raise InputError(
            f"{path} holds {len(masks)} masks for {count} frames; give one a frame, or null"
        )
    return ListMasks(masks, frames.stems)


def _video(videos: Any, path: Path, frames: Frames) -> Any:
    """The entry of the video at hand; None where the file names none."""
    if not isinstance(videos, list) or not videos:
        return None
    if len(videos) == 1:
        return videos[0]
    for video in videos:
        files = _get(video, "file_names")
        first = Path(str(files[0])).parent.name if isinstance(files, list) and files else None
        if frames.name in {_get(video, "name"), first}:
            return video
    raise InputError(
        f"{path} holds {len(videos)} videos but none named {frames.name}; give its own masks"
    )


def _ids(objects: Sequence[Any]) -> list[int]:
    """Ids of the objects: their own where they are 1 to 255 and differ, else 1, 2, ..."""
    own = [_get(a, "id") for a in objects]
    if all(type(i) is int and 1 <= i <= 255 for i in own) and len(set(own)) == len(own):
        return own
    if len(objects) > 255:
        raise InputError(f"{len(objects)} objects were given; give at most 255 of a video")
    return list(range(1, len(objects) + 1))


def _stems(names: Any) -> list[str] | None:
    ok = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return [Path(name).stem for name in names] if ok else None


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None

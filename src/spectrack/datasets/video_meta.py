"""Objects of videos as ``meta.json`` lists them: when they are given, and what they are.

YouTube-VOS writes ``{"videos": {SEQ: {"objects": {"1": {"category": "ape", "frames": ["00000",
...]}}}}}`` with the annotated frames in which the object is; LVOS has ``"frame_range": {"start":
"00000001", ...}`` in the place of ``frames``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrack.datasets.listing import checked_name, read_object
from spectrack.errors import InputError

Objects = Mapping[int, tuple[str | None, str]]
"""Object id to the stem of the frame in which it is given, where that is known, and what it is."""

_MOST_ID = 254


def read_meta(path: Path) -> dict[str, Objects]:
    """Sequence to its objects, in the order of the file.

    Raises:
        InputError: If the file cannot be read, or holds something else; the message says where.
    """
    videos = read_object(path).get("videos")
    if not isinstance(videos, dict) or not videos:
        raise InputError(f"{path} has no 'videos' by their names; give the data set's own file")
    return {
        checked_name(name, path): _objects(entry, f"{path}, {name}", path)
        for name, entry in videos.items()
    }


def _objects(entry: Any, where: str, path: Path) -> Objects:
    listed = entry.get("objects") if isinstance(entry, dict) else None
    if not isinstance(listed, dict):
        raise InputError(f"{where} has no 'objects' by their ids; give the data set's own file")
    found: dict[int, tuple[str | None, str]] = {}
    for word, told in listed.items():
        if not (word.isascii() and word.isdecimal() and 0 < int(word) <= _MOST_ID):
            raise InputError(f"{where} has object {word[:20]!r}; expected ids from 1 to {_MOST_ID}")
        if not isinstance(told, dict):
            raise InputError(f"{where}, object {word} is no JSON object; give the data set's file")
        found[int(word)] = (_start(told, f"{where}, object {word}"), str(told.get("category", "")))
    return dict(sorted(found.items()))


def _start(told: dict[str, Any], where: str) -> str | None:
    """Stem of the frame in which an object is given."""
    span = told.get("frame_range")
    if isinstance(span, dict) and isinstance(span.get("start"), str):
        return str(span["start"])
    frames = told.get("frames")
    if frames is None:
        return None
    if not isinstance(frames, list) or not frames or not all(isinstance(f, str) for f in frames):
        raise InputError(f"{where} has no 'frames', names of frames; give the data set's own file")
    return str(min(frames))


def starts_of(objects: Objects, stems: tuple[str, ...], where: str) -> dict[int, int] | None:
    """Object id to the number of the frame in which it is given; None where one is not known.

    Raises:
        InputError: If a frame is not among those of the sequence; the message begins with
            ``where``.
    """
    places = {stem: index for index, stem in enumerate(stems)}
    starts: dict[int, int] = {}
    for key, (stem, _) in objects.items():
        if stem is None:
            return None
        if stem not in places:
            raise InputError(
                f"{where}: object {key} is given in frame {stem}, which is not there; "
                "complete the sequence"
            )
        starts[key] = places[stem]
    return starts


def categories_of(objects: Objects) -> dict[int, str]:
    """Object id to what it is, where that is told."""
    return {key: category for key, (_, category) in objects.items() if category}

"""What every file format is told beside the tracks, and how a row of their table looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.tracks import Track, Tracks
from spectrack.video.export import check_video
from spectrack.video.folder import image_files
from spectrack.video.frames import Frames

LARGEST_FILE = 1 << 30
"""A text file to read may have no more bytes: what it holds has to fit the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a format may need beside the tracks.

    Args:
        name: Of the video.
        labels: Object id to the name of its class; "object 1" and so on where left out.
        category: Number of the class, where a format has numbers alone.
        tolerance: Pixels that a polygon may be off; 0 keeps masks exactly.
        frames: The video; where it is given, tracks that are read belong to its frames.
        progress: Called with (frames done, all frames).
    """

    name: str = "video"
    labels: Mapping[int, str] = field(default_factory=dict)
    category: int = 1
    tolerance: float = 0.0
    frames: Frames | None = None
    progress: Progress = lambda done, total: None

    def label(self, object_id: int) -> str:
        """Name of an object's class."""
        return self.labels.get(object_id, f"object {object_id}")

    def classes(self, tracks: Tracks) -> dict[str, int]:
        """Names of the classes, in order of the objects, to their numbers from 1."""
        names = dict.fromkeys(self.label(object_id) for object_id in tracks)
        return {name: number for number, name in enumerate(names, start=1)}

    def video(self, of: str) -> Frames:
        """The video.

        Args:
            of: The format that needs it, for the message.

        Raises:
            InputError: If none was given.
        """
        if self.frames is None:
            raise InputError(f"{of} needs the video too; give it with --video VIDEO")
        return self.frames

    def known(self, of: str) -> tuple[tuple[int, int], list[str]]:
        """Size of the frames and their stems, for formats that do not tell them.

        Raises:
            InputError: If no video was given, or its length is not known.
        """
        frames = self.video(of)
        if frames.length is None:
            raise InputError(f"{frames.source} has no known length; give a video or a folder")
        stems = frames.stems
        return frames.size_wh, list(stems or (f"{i:05d}" for i in range(frames.length)))

    def file_names(self, tracks: Tracks) -> list[str]:
        """Name of each frame's file: its own where the source is a folder of images, else .jpg."""
        made_of = tracks.first.info.get("source")
        source = made_of if self.frames is None else self.frames.source
        endings: dict[str, str] = {}
        with suppress(InputError, OSError):  # a video, or a folder that is no longer there
            endings = {file.stem: file.suffix for file in image_files(str(source))}
        return [f"{stem}{endings.get(stem, '.jpg')}" for stem in tracks.first.stems]


Writer = Callable[[Tracks, Path, About], None]
Reader = Callable[[Path, About], Tracks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row of the table of formats.

    Args:
        description: One line for people.
        write: Import string of a :data:`Writer`, which writes a file, or into a folder that is
            there and empty.
        read: Import string of a :data:`Reader`; left out where tracks cannot be had back.
        suffixes: What names of its files end in, the usual one first; none for a folder.
        names: What its folder holds.
        needs: What must be there: "masks", "boxes", or nothing in particular.
        video: Whether writing needs the frames.
    """

    description: str
    write: str
    read: str | None = None
    suffixes: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    needs: str = ""
    video: bool = False

    @property
    def writer(self) -> Writer:
        """What writes it."""
        return _load(self.write)

    @property
    def reader(self) -> Reader | None:
        """What reads it."""
        return None if self.read is None else _load(self.read)


def write_tracks(tracks: Tracks, place: Path, name: str, format_: Format, about: About) -> None:
    """Write tracks in a format.

    Args:
        tracks: The objects of one video.
        place: The file, or a folder that is there and empty.
        name: Of the format, for messages.
        format_: Its row.
        about: The rest.

    Raises:
        InputError: If the tracks lack what the format holds, or the video is not theirs.
    """
    if format_.needs == "masks" and not has_masks(tracks):
        raise InputError(
            f"the result has no masks and {name} holds nothing else; choose a format that takes "
            "boxes, such as mot, vot, coco or cvat"
        )
    if format_.needs == "boxes" and not any(e.box for t in tracks.values() for e in t):
        raise InputError(f"the result has no boxes and {name} holds nothing else")
    if format_.video:
        check_video(about.video(name), tracks)
    format_.writer(tracks, place, about)


def has_masks(tracks: Tracks) -> bool:
    """Whether any mask has a pixel."""
    return any(e.mask is not None and e.mask.area for track in tracks.values() for e in track)


def read_text(path: Path) -> str:
    """A text file as it is.

    Raises:
        InputError: If it cannot be read, is no UTF-8, or too large.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} is larger than 1 GiB; give a file of one video")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); give a text file") from None


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: As :func:`read_text`, and if it is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no JSON ({error}); give a complete file") from None


def gathered(tracks: Mapping[int, Track], path: Path) -> Tracks:
    """Tracks that were read.

    Raises:
        InputError: If there is none, or ids are not 1 to 255.
    """
    if not tracks:
        raise InputError(f"{path} holds no object; give a file with at least one")
    return Tracks(tracks)


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)

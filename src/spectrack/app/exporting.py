"""What the page writes for others, and how."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spectrack.api import open_frames
from spectrack.errors import InputError
from spectrack.storage import replacing
from spectrack.tracks import Tracks


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is offered.

    Args:
        title: What people call it.
        suffix: Of the file.
        write: Writes a result folder and its video into a file.
    """

    title: str
    suffix: str
    write: Callable[[Path, Path, Path], None]


def formats() -> Mapping[str, Format]:
    """Every format by its name."""
    return {
        "result": Format("Result folder: masks, boxes (zip)", ".zip", _zip),
        "overlay": Format("Video with masks drawn in (mp4)", ".mp4", _overlay),
    }


def write_export(result: Path, video: Path, name: str, out: Path) -> None:
    """Write a result in a format; an older file of that name is replaced.

    Raises:
        InputError: If there is no such format, or the result cannot be read.
    """
    known = formats()
    if name not in known:
        raise InputError(f"format {name!r} does not exist; choose from {', '.join(known)}")
    with replacing(out) as part:
        # Some writers tell what to write by the suffix.
        aside = part.with_name(f".{out.stem}{out.suffix}")
        try:
            known[name].write(result, video, aside)
            aside.rename(part)
        finally:
            aside.unlink(missing_ok=True)


def _zip(result: Path, video: Path, out: Path) -> None:
    del video
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for path in sorted(result.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(result).as_posix())


def _overlay(result: Path, video: Path, out: Path) -> None:
    from spectrack.video.export import write_overlay

    with open_frames(str(video)) as frames:
        write_overlay(out, frames, Tracks.load(result))

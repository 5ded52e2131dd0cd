"""What the page writes for others: every format of :mod:`spectrack.exports`, and the overlay."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from spectrack.api import open_frames
from spectrack.errors import InputError
from spectrack.exports.base import About, write_tracks
from spectrack.exports.table import FORMATS
from spectrack.storage import PART, replacing
from spectrack.tracks import Tracks

OVERLAY = "overlay"
"""The video with masks drawn in; not a format of :mod:`spectrack.exports`."""


def formats() -> dict[str, str]:
    """Every format by its name, and what it is; the result folder first."""
    order = sorted(FORMATS, key=lambda name: name != "result")
    titles = {name: f"{name}: {FORMATS[name].description}" for name in order}
    return titles | {OVERLAY: f"{OVERLAY}: the video with masks drawn in (mp4)"}


def file_name(stem: str, name: str) -> str:
    """What the file of a format is called; folders are packed.

    Args:
        stem: The first part.
        name: Of the format.

    Raises:
        InputError: If there is no such format.
    """
    if name == OVERLAY:
        return f"{stem}-{name}.mp4"
    if name not in FORMATS:
        raise InputError(f"format {name!r} does not exist; choose from {', '.join(formats())}")
    return f"{stem}-{name}{(*FORMATS[name].suffixes, '.zip')[0]}"


def write_export(result: Path, video: Path, name: str, out: Path) -> None:
    """Write a result in a format; an older file of that name is replaced.

    Args:
        result: A result folder.
        video: Its video.
        name: Of the format.
        out: The file, named by :func:`file_name`.

    Raises:
        InputError: If there is no such format, or the result cannot be written in it.
    """
    file_name("", name)
    aside = out.with_name(f"{out.stem}{PART}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        made = aside / out.name  # some writers tell what to write by the suffix
        tracks = Tracks.load(result)
        with open_frames(str(video)) as frames:
            if name == OVERLAY:
                from spectrack.video.export import write_overlay

                write_overlay(made, frames, tracks)
            else:
                place = made if FORMATS[name].suffixes else aside / name
                if place != made:
                    place.mkdir()
                about = About(name=video.stem, frames=frames)
                write_tracks(tracks, place, name, FORMATS[name], about)
                if place != made:
                    _pack(place, made)
        made.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _pack(folder: Path, out: Path) -> None:
    """A folder as a zip file, without compressing again what is compressed."""
    with replacing(out) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())

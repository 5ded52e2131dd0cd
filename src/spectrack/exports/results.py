"""The result folder itself as a format, so that what others wrote can become one."""

from __future__ import annotations

from pathlib import Path

from spectrack.exports.base import About
from spectrack.tracks import Tracks


def write(tracks: Tracks, folder: Path, about: About) -> None:
    """Write ``masks/*.png``, ``boxes.csv`` and ``track.json``."""
    tracks.save(folder)


def read(folder: Path, about: About) -> Tracks:
    """Read a result folder.

    Raises:
        InputError: If it is not a complete one.
    """
    return Tracks.load(folder)

"""Which files a page may name: below the root, and uploads that are what they claim to be."""

from __future__ import annotations

import os
import re
from pathlib import Path

from spectrack.errors import InputError

UPLOAD_BYTES = 4 << 30
"""Largest upload: 4 GiB."""
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"})
SHOWN = 500
"""Names of a folder that are listed."""

_HEAD = 16
_NAME = re.compile(r"[^A-Za-z0-9._ -]+")


def below(root: Path, text: str, read: bool = True) -> Path:
    """The file or folder that a page names, which lies below a root.

    Args:
        root: The folder beyond which nothing is read.
        text: A path relative to it; empty for the root itself.
        read: Whether the files in a folder are to be read: none may be a link that leads outside.

    Returns:
        The path with all links followed.

    Raises:
        InputError: If it is absolute, goes up, leads outside through a link, or is not there.
    """
    home = root.resolve()
    parts = text.replace("\\", "/").split("/")
    if "\0" in text or text.startswith(("/", "\\", "~")) or ":" in parts[0] or ".." in parts:
        raise InputError(f"path {text!r} leads outside; give one below the root folder")
    found = home.joinpath(*(part for part in parts if part not in {"", "."}))
    try:
        real = found.resolve(strict=True)
    except (OSError, RuntimeError):
        raise InputError(f"path {text!r} does not exist below the root folder") from None
    if not real.is_relative_to(home):
        raise InputError(f"path {text!r} leads outside; give one below the root folder")
    if read and not lies_below(home, real):
        raise InputError(f"folder {text!r} holds links that lead outside; give one without")
    return real


def lies_below(root: Path, path: Path) -> bool:
    """Whether a file lies below a folder; of a folder also what all links in it lead to."""
    home = root.resolve()
    if not _leads_into(home, path) or not path.is_dir():
        return _leads_into(home, path)
    try:
        with os.scandir(path) as entries:
            links = [Path(entry.path) for entry in entries if entry.is_symlink()]
    except OSError:  # nobody here may look into it
        return False
    return all(_leads_into(home, link) for link in links)


def names_below(root: Path, text: str) -> list[tuple[str, bool]]:
    """What a folder holds that a page may open: names, and whether each is a folder.

    Raises:
        InputError: As :func:`below`, or if it is no folder.
    """
    folder = below(root, text, read=False)
    if not folder.is_dir():
        raise InputError(f"{text!r} is no folder")
    home = root.resolve()
    found = []
    for path in sorted(folder.iterdir(), key=lambda p: (not p.is_dir(), p.name.lower())):
        if _leads_into(home, path) and not path.name.startswith("."):
            found.append((path.name, path.is_dir()))
    return found[:SHOWN]


def _leads_into(home: Path, path: Path) -> bool:
    """Whether what a name stands for lies in a folder; a link that leads in a circle does not."""
    try:
        return path.resolve(strict=True).is_relative_to(home)
    except FileNotFoundError:  # a link to what is not there may lead outside, too
        return path.resolve().is_relative_to(home)
    except (OSError, RuntimeError):  # older versions of Python call a circle a RuntimeError
        return False


def upload_name(name: str) -> str:
    """A plain file name for an upload.

    Args:
        name: As the page gives it.

    Raises:
        InputError: If it is not that of a video.
    """
    plain = _NAME.sub("_", name.replace("\\", "/").split("/")[-1]).strip(" .")[-80:]
    suffix = Path(plain).suffix.lower()
    if suffix not in VIDEO_SUFFIXES or not Path(plain).stem.strip("._ "):
        kinds = ", ".join(sorted(VIDEO_SUFFIXES))
        raise InputError(f"{name[:80]!r} is no video the page takes; give one of {kinds}")
    return plain


def check_head(head: bytes, name: str) -> None:
    """Make sure that the first bytes of an upload are those of a video container.

    FFmpeg would follow playlists, and play text, whatever their names.

    Raises:
        InputError: If they are not.
    """
    mp4 = head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof"}
    matroska = head.startswith(b"\x1a\x45\xdf\xa3")
    avi = head.startswith(b"RIFF") and head[8:12] == b"AVI "
    mpeg = head.startswith((b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"))
    if len(head) < _HEAD or not (mp4 or matroska or avi or mpeg):
        raise InputError(f"{name} is not a video by its content; give an mp4, mkv, webm or avi")

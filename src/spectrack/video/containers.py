"""Does a video file hold all the bytes its own container announces?

FFmpeg decodes what is left of a cut file without a word, so a half-copied Matroska or AVI file
would give half a video. MP4, Matroska and AVI write their sizes down; other kinds do not and
cannot be checked, nor can AVI that was written to a pipe, where nobody could go back for the size.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_RIFF_OPEN = frozenset({0, 0xFFFFFFFF})
"""Sizes of a RIFF file whose writer could not tell."""
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"sidx"})


def announced_bytes(path: Path) -> int | None:
    """Number of bytes the container claims to span, or None where it makes no claim."""
    size = path.stat().st_size
    with path.open("rb") as handle:
        head = handle.read(12)
        handle.seek(0)
        if head[4:8] in _MP4_BOXES:
            return _mp4_end(handle, size)
        if head.startswith(_EBML):
            return _matroska_end(handle)
        if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
            span = int.from_bytes(head[4:8], "little")
            return None if span in _RIFF_OPEN else 8 + span
    return None


def _mp4_end(handle: BinaryIO, size: int) -> int | None:
    """End of the last top-level box that starts inside the file."""
    position = 0
    while position + 8 <= size:
        handle.seek(position)
        head = handle.read(16)
        if head[4:8] not in _MP4_BOXES and not head[4:8].isalnum():
            return None  # junk after the last box: no claim
        span = int.from_bytes(head[:4], "big")
        if span == 1:
            span = int.from_bytes(head[8:16], "big")
        if span == 0:
            return size  # this box runs to the end of the file
        if span < 8:
            return None
        position += span
    return position


def _matroska_end(handle: BinaryIO) -> int | None:
    """End of the first segment; None where the writer left the size open, as live streams do."""
    handle.seek(len(_EBML))
    header = _vint(handle)
    if header is None:
        return None
    handle.seek(header, 1)
    if handle.read(len(_SEGMENT)) != _SEGMENT:
        return None
    span = _vint(handle)
    return None if span is None else handle.tell() + span


def _vint(handle: BinaryIO) -> int | None:
    """EBML integer of variable length; None at the end of the file or for "unknown"."""
    first = handle.read(1)
    if not first or first == b"\0":
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + handle.read(length - 1), "big") & ((1 << 7 * length) - 1)
    return None if value == (1 << 7 * length) - 1 else value

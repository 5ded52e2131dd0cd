"""Soft masks in a few kilobytes: 16 levels, only where there is something, compressed.

The level nearest to a value is on the same side of one half, so the hard mask stays as it is.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from spectrack.structures import Box, SoftHW

LEVELS = 15


def pack(soft_hw: SoftHW) -> list[Any]:
    """A soft mask as JSON can hold it.

    Args:
        soft_hw: float32 (H, W) in [0, 1].

    Returns:
        First row, first column, rows and columns of the part that is not zero, and its levels, two
        in a byte, compressed and in base 64.
    """
    box = Box.from_mask(soft_hw > 0.5 / LEVELS)
    if box is None:
        return [0, 0, 0, 0, ""]
    rows, cols = box.slices((soft_hw.shape[1], soft_hw.shape[0]))
    top, left = rows.start, cols.start
    part = np.rint(np.clip(soft_hw[rows, cols], 0, 1) * np.float32(LEVELS)).astype(np.uint8)
    flat = np.append(part.ravel(), np.zeros(part.size % 2, np.uint8))
    halves = (flat[::2] << 4) | flat[1::2]
    text = base64.b64encode(zlib.compress(halves.tobytes(), 1)).decode("ascii")
    return [top, left, *part.shape, text]


def unpack(packed: list[Any], size_wh: tuple[int, int]) -> SoftHW:
    """The soft mask that :func:`pack` was given, to the nearest of 16 levels; float32 (H, W)."""
    top, left, height, width, text = packed
    soft = np.zeros(size_wh[::-1], dtype=np.float32)
    if height:
        halves = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)
        flat = np.stack([halves >> 4, halves & 15], axis=1).ravel()[: height * width]
        part = flat.reshape(height, width).astype(np.float32) / np.float32(LEVELS)
        soft[top : top + height, left : left + width] = part
    return soft


class KeptSoftMasks:
    """The soft masks in a journal, read one frame at a time; used in a ``with`` block.

    Args:
        path: A journal that is whole; see :mod:`spectrack.tracking.journal`.
    """

    def __init__(self, path: Path) -> None:
        self._handle = path.open("rb")
        head = json.loads(self._handle.readline()[9:])
        self._size_wh = (int(head["size_wh"][0]), int(head["size_wh"][1]))
        self._keys = [int(key) for key in head["objects"]]
        self._places: list[int] = []
        place = self._handle.tell()
        while line := self._handle.readline():
            if not line[9:].startswith(b'{"resumed_at"'):
                self._places.append(place)
            place = self._handle.tell()

    def __call__(self, object_id: int, frame: int) -> SoftHW | None:
        """The soft mask of an object in a frame, float32 (H, W); None where none was kept."""
        self._handle.seek(self._places[frame])
        line = json.loads(self._handle.readline()[9:])
        packed = line.get("soft", [None] * len(self._keys))[self._keys.index(object_id)]
        return None if packed is None else unpack(packed, self._size_wh)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()

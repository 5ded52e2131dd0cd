"""Soft masks of an object that is followed alone, kept until pixels are shared with the others.

Where a mask says more than :data:`~spectrack.tracking.joint.FAINT` it is kept to the last bit, so
that :func:`~spectrack.tracking.joint.share_pixels` comes to what it would have in one pass of all
objects. Each frame is compressed by itself: one at a time is unpacked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, SoftHW
from spectrack.tracking.journal import Kept
from spectrack.tracks import Track

_HEAD = struct.Struct("<4I")
"""First row, first column, rows and columns of the part that follows."""


@dataclass(frozen=True, slots=True, eq=False)
class SoftMasks:
    """The soft masks of one object.

    Args:
        source: All frames one after the other, or the file that holds them.
        sizes: Bytes of each frame; 0 where there is no mask, or the object was not found.
        size_wh: Width and height of the frames.
    """

    source: bytes | Path
    sizes: tuple[int, ...]
    size_wh: tuple[int, int]

    def __call__(self, frame: int) -> SoftHW | None:
        """The mask of a frame, float32 (H, W), 0 where it is faint; None where there is none.

        Raises:
            InputError: If the file is damaged.
        """
        if not self.sizes[frame]:
            return None
        content = self._content(sum(self.sizes[:frame]), self.sizes[frame])
        soft = np.zeros(self.size_wh[::-1], dtype=np.float32)
        try:
            top, left, rows, cols = _HEAD.unpack_from(content)
            flat = np.frombuffer(zlib.decompress(content[_HEAD.size :]), dtype="<f4")
            soft[top : top + rows, left : left + cols] = flat.reshape(rows, cols)
        except (ValueError, struct.error, zlib.error) as error:
            raise InputError(
                f"{self.source if isinstance(self.source, Path) else 'what was kept'} is damaged "
                f"({error}); remove it to follow that object again"
            ) from error
        return soft

    def _content(self, begin: int, size: int) -> bytes:
        if isinstance(self.source, bytes):
            return self.source[begin : begin + size]
        with self.source.open("rb") as handle:
            handle.seek(begin)
            return handle.read(size)


class SoftKeeper:
    """Packs the soft masks of a pass of one object, as its ``journal``."""

    kept: Kept | None = None

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def add(
        self,
        tracks: Mapping[int, Track],
        predictions: Mapping[int, Prediction],
        broken: str | None = None,
    ) -> None:
        """Keep the newest mask."""
        (prediction,) = predictions.values()
        mask = prediction.mask if prediction.found else None  # what is lost claims nothing
        self._frames.append(b"" if mask is None else _packed(mask.astype(np.float32)))

    def masks(self, size_wh: tuple[int, int]) -> SoftMasks:
        """All of them, in memory."""
        return SoftMasks(b"".join(self._frames), tuple(map(len, self._frames)), size_wh)


def _packed(soft_hw: SoftHW) -> bytes:
    from spectrack.tracking.joint import FAINT  # needs torch; not every tracker does

    heard = soft_hw > FAINT
    box = Box.from_mask(heard) or Box(0, 0, 0, 0)
    rows, cols = box.slices((soft_hw.shape[1], soft_hw.shape[0]))
    part = np.where(heard[rows, cols], soft_hw[rows, cols], np.float32(0)).astype("<f4")
    return _HEAD.pack(rows.start, cols.start, *part.shape) + zlib.compress(part.tobytes(), 1)

"""The same videos as a poor, far-off camera sees them: small, grey, with the marks of JPEG.

DAVIS shows large targets in bright colours. A tracker learned there alone is not ready for the
small grey ones of surveillance and of older benchmarks; these can stand in for them.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from spectrack.datasets.base import Dataset, Sequence
from spectrack.errors import InputError
from spectrack.structures import FrameHWC, HardHW
from spectrack.video.frames import ArrayFrames

if TYPE_CHECKING:
    from spectrack.video.reader import Frames

LEAST = 48
"""Shorter side of the smallest frame made, pixels."""


class Faded(Dataset):
    """Another data set with masks, made smaller and poorer; frames are made when opened.

    Args:
        data: Sequences with true masks.
        side: Square root of the area of the target's first box, pixels, that frames are reduced
            to; frames are never enlarged, and their shorter side stays at 48 or more.
        grey: Take the colours away.
        quality: Of JPEG, 1 to 100; 100 leaves JPEG out.

    Raises:
        InputError: If the side or the quality is out of range.
    """

    def __init__(
        self, data: Dataset, side: float = 32.0, grey: bool = True, quality: int = 60
    ) -> None:
        if not side >= 4:
            raise InputError(f"targets of {side} pixels were asked for; give 4 or more")
        if not 1 <= quality <= 100:
            raise InputError(f"JPEG quality {quality} was asked for; give 1 to 100")
        self._data, self._side, self._grey, self._quality = data, side, grey, quality
        self._scale = lru_cache(maxsize=None)(self._scale_of)
        self._frames = lru_cache(maxsize=2)(self._make)
        sequences = [
            Sequence(name, data[name].stems, partial(self._open, name), partial(self._mask, name))
            for name in data
        ]
        super().__init__(f"{data.name}, faded to {side:g} pixels", sequences)

    def _scale_of(self, name: str) -> float:
        box = self._data[name].target().box
        with self._data[name].frames() as frames:
            shorter = min(frames.size_wh)
        wanted = self._side / float(np.sqrt(box.w * box.h))
        return min(1.0, max(wanted, LEAST / shorter))

    def _size(self, name: str, width: int, height: int) -> tuple[int, int]:
        scale = self._scale(name)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _make(self, name: str) -> list[FrameHWC]:
        with self._data[name].frames() as frames:
            return [self._faded(name, frame) for frame in frames]

    def _faded(self, name: str, frame: FrameHWC) -> FrameHWC:
        size_wh = self._size(name, frame.shape[1], frame.shape[0])
        small: Any = cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA)
        if self._grey:
            small = cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if self._quality < 100:
            _, code = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
            small = cv2.imdecode(code, cv2.IMREAD_COLOR)
        return np.ascontiguousarray(small, dtype=np.uint8)

    def _open(self, name: str) -> Frames:
        return ArrayFrames(self._frames(name), name)

    def _mask(self, name: str, index: int) -> HardHW | None:
        mask = self._data[name].truth_mask(index)
        if mask is None:
            return None
        size_wh = self._size(name, mask.shape[1], mask.shape[0])
        share = cv2.resize(mask.astype(np.float32), size_wh, interpolation=cv2.INTER_AREA)
        hard: HardHW = share >= 0.5
        return hard

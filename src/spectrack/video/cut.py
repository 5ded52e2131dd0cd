"""The first frames of a longer source."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.frames import BrokenFrame, Frames


class FirstFrames(Frames):
    """At most ``count`` frames of another source, which it closes.

    Args:
        frames: The longer source.
        count: How many frames to give, >= 1.

    Raises:
        InputError: If ``count`` < 1.
    """

    def __init__(self, frames: Frames, count: int) -> None:
        if count < 1:
            raise InputError(f"the first {count} frames were asked for; give at least 1")
        self._frames, self._count = frames, count
        self.source, self.name = frames.source, frames.name
        self.size_wh, self.fps = frames.size_wh, frames.fps
        self.media = frames.media
        self.stems = None if frames.stems is None else frames.stems[:count]

    @property
    def length(self) -> int | None:
        """Number of frames; None where the longer source does not know."""
        whole = self._frames.length
        return None if whole is None else min(whole, self._count)

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """Time stamps of these frames, as the longer source has them."""
        times = self._frames.times_s
        return None if times is None else times[: self._count]

    def __iter__(self) -> Iterator[FrameHWC]:
        return islice(iter(self._frames), self._count)

    def salvage(self, start: int = 0) -> Iterator[FrameHWC | BrokenFrame]:
        """As the longer source does, up to the last of these frames."""
        return islice(self._frames.salvage(start), max(self._count - start, 0))

    def _read(self, index: int) -> FrameHWC:
        return self._frames[index]

    def close(self) -> None:
        """Close the longer source."""
        self._frames.close()

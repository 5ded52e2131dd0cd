"""Frames that are decoded once and read by several, each at its own pace."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from threading import Lock

from spectrack.structures import FrameHWC


class SharedFrames:
    """One pass over a video for several readers, which may live in threads of their own.

    A frame is kept until the slowest reader has had it, so they should go forward together.

    Args:
        frames: Frames of the video, uint8 RGB (H, W, 3).
        readers: How many will read.
    """

    def __init__(self, frames: Iterable[FrameHWC], readers: int) -> None:
        self.stems: list[str] | None = getattr(frames, "stems", None)
        self._source = iter(frames)
        self._kept: deque[FrameHWC] = deque()
        self._first = 0
        """Number of the first frame that is kept."""
        self._next = [0] * readers
        self._lock = Lock()
        self._broken: Exception | None = None
        """Why no frame comes any more; a source that failed looks ended to whoever asks again."""

    @property
    def kept(self) -> int:
        """Frames in memory."""
        return len(self._kept)

    def readers(self) -> list[FrameReader]:
        """The readers, each to be gone through once; do not change the frames."""
        return [FrameReader(self, number) for number in range(len(self._next))]

    def take(self, reader: int) -> FrameHWC:
        """The next frame of a reader.

        Raises:
            StopIteration: At the end.
            InputError: If the frame cannot be read; every reader that comes to it is told.
        """
        with self._lock:
            place = self._next[reader] - self._first
            if place == len(self._kept):
                self._kept.append(self._read())
            frame = self._kept[place]
            self._next[reader] += 1
            while self._first < min(self._next):
                self._kept.popleft()
                self._first += 1
            return frame

    def _read(self) -> FrameHWC:
        if self._broken is not None:
            raise self._broken
        try:
            return next(self._source)
        except StopIteration:
            raise
        except Exception as error:
            self._broken = error
            raise


class FrameReader:
    """The frames as one of several readers gets them.

    Args:
        shared: The frames.
        number: Of the reader.

    Attributes:
        stems: Names of the frames, where they have any.
    """

    def __init__(self, shared: SharedFrames, number: int) -> None:
        self._shared, self._number = shared, number
        self.stems = shared.stems

    def __iter__(self) -> Iterator[FrameHWC]:
        return self

    def __next__(self) -> FrameHWC:
        return self._shared.take(self._number)

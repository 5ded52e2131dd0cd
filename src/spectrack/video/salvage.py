"""Reading on past broken frames: which frames of a video file are lost, and a source without gaps.

A frame that cannot be decoded is known by its time stamp, which the container has even where the
picture is broken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import FrameHWC
from spectrack.video.frames import BrokenFrame, Frames


def by_stamp(
    container: Any, stream: Any, stamps: Sequence[int | None]
) -> Iterator[tuple[int, av.VideoFrame | None]]:
    """Decode what can be decoded; each frame of a file in its place, None where it is broken.

    Args:
        container: An open file, at its start.
        stream: Its video stream, decoded without threads (they report errors late).
        stamps: Presentation time of every frame in stream units, ascending, each once.

    Yields:
        Index and frame, as many as there are stamps.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    done = 0
    for frame in _whole_frames(container, stream):
        stamp = frame.pts
        if stamp is None:
            continue
        place = bisect_left(known, stamp)
        if place < done or place == len(known) or known[place] != stamp:
            continue
        yield from ((lost, None) for lost in range(done, place))
        yield place, frame
        done = place + 1
    yield from ((lost, None) for lost in range(done, len(known)))


def _whole_frames(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    with suppress(av.error.FFmpegError):  # the container itself is broken: nothing comes after it
        for packet in container.demux(stream):
            frames: list[av.VideoFrame] = []
            with suppress(av.error.FFmpegError):
                frames = packet.decode()
            for frame in frames:
                if not getattr(frame, "is_corrupt", False):
                    yield frame


def broken_frames(frames: Frames) -> dict[int, str]:
    """Number of each frame that cannot be decoded, and why; all of them are decoded once.

    Raises:
        BrokenFrame: Where the source cannot tell what lies behind a frame that is broken.
    """
    tried = enumerate(frames.salvage())
    return {index: str(item) for index, item in tried if isinstance(item, BrokenFrame)}


class HeldFrames(Frames):
    """Another source without gaps: a broken frame shows the picture before it.

    Frames in order are read in one go behind a broken one, others each from the start on.

    Args:
        frames: The source, whose first frame is whole; it is closed with this one.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self.source, self.name, self.stems = frames.source, frames.name, frames.stems
        self.size_wh, self.fps, self.media = frames.size_wh, frames.fps, frames.media
        self._walk: Iterator[FrameHWC] = iter(())
        self._next = -1

    @property
    def length(self) -> int | None:
        """Number of frames, broken ones among them."""
        return self._frames.length

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """Time stamps as the source has them."""
        return self._frames.times_s

    def __iter__(self) -> Iterator[FrameHWC]:
        last: FrameHWC | None = None
        for item in self._frames.salvage():
            if not isinstance(item, BrokenFrame):
                last = item
            elif last is None:
                raise item
            yield last

    def _read(self, index: int) -> FrameHWC:
        if index != self._next:
            try:
                return self._frames[index]
            except BrokenFrame:
                self._walk = islice(iter(self), index, None)
        self._next = index + 1
        return next(self._walk)

    def close(self) -> None:
        """Close the source."""
        self._frames.close()

"""A part of a video, forward or backward; frames are read again, a bounded number is held."""

from __future__ import annotations

from collections.abc import Iterator

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.frames import BrokenFrame, Frames

HELD_BYTES = 64 * 2**20
"""Most bytes of frames that are decoded ahead to be handed out in reverse."""
MOST_HELD = 64
"""Most of them at once: a longer wait for the first would be felt."""


class FrameSpan(Frames):
    """Consecutive frames of another source, which stays open.

    Decoders go forward only, so that frames in reverse are decoded in runs, each from its first
    frame on, and handed out from the last one back.

    Args:
        frames: A source with random access.
        first: Number of the frame that comes first.
        last: Number of the frame that comes last; below ``first`` for the reverse order.

    Raises:
        InputError: If the source has no random access.
        IndexError: If it does not hold these frames.
    """

    def __init__(self, frames: Frames, first: int, last: int) -> None:
        count = frames.length
        if count is None:
            raise InputError(
                f"{frames.source} cannot jump to frame {first}; give a video file or a folder"
            )
        if not (0 <= first < count and 0 <= last < count):
            raise IndexError(f"frames {first} to {last} were asked for of {count}")
        self._frames, self.first, self.last = frames, first, last
        self._step = 1 if last >= first else -1
        self.source, self.name = frames.source, frames.name
        self.size_wh, self.fps = frames.size_wh, frames.fps
        stems = frames.stems
        self.stems = None if stems is None else [stems[self.number(i)] for i in range(self.length)]

    @property
    def length(self) -> int:
        """Number of frames."""
        return abs(self.last - self.first) + 1

    def number(self, index: int) -> int:
        """Number in the whole video of a frame of this part."""
        return self.first + self._step * index

    def __iter__(self) -> Iterator[FrameHWC]:
        return self._from(0)

    def salvage(self, start: int = 0) -> Iterator[FrameHWC | BrokenFrame]:
        """Frames from ``start`` on; the first that cannot be decoded ends it.

        Raises:
            BrokenFrame: There.
        """
        return self._from(start)

    def _read(self, index: int) -> FrameHWC:
        return self._frames[self.number(index)]

    def _from(self, start: int) -> Iterator[FrameHWC]:
        if self._step > 0:
            yield from (self._read(index) for index in range(start, self.length))
            return
        width, height = self.size_wh
        run = max(1, min(MOST_HELD, HELD_BYTES // (3 * width * height)))
        top = self.number(start)
        while top >= self.last:
            bottom = max(self.last, top - run + 1)
            held = [self._frames[number] for number in range(bottom, top + 1)]
            while held:
                yield held.pop()
            top = bottom - 1

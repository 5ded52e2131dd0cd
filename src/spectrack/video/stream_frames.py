"""Frames that come one by one and only once: a generator."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.frames import DEFAULT_FPS, Frames
from spectrack.video.given import rgb_frame


class StreamFrames(Frames):
    """Frames of an iterator; no length, no random access, and they can be read once.

    Args:
        frames: Gives frames as :func:`spectrack.video.given.rgb_frame` takes them; one is held.
        name: Short name.
        fps: Frames per second to assume.

    Raises:
        InputError: If it gives no frame, or the first is none.
    """

    def __init__(
        self, frames: Iterator[Any], name: str = "stream", fps: float = DEFAULT_FPS
    ) -> None:
        self.source = self.name = name
        self.fps = fps
        try:
            first = rgb_frame(next(frames))
        except StopIteration:
            raise InputError("a generator gave no frame; give one with at least one") from None
        self.size_wh = (first.shape[1], first.shape[0])
        self._frames: Iterator[Any] | None = chain([first], frames)

    @property
    def length(self) -> None:
        """Unknown until the end."""
        return None

    def __iter__(self) -> Iterator[FrameHWC]:
        frames, self._frames = self._frames, None
        if frames is None:
            raise InputError("the frames of a generator can be read once only; give a list of them")
        for number, value in enumerate(frames):
            frame = rgb_frame(value)
            if frame.shape[1::-1] != self.size_wh:
                raise InputError(
                    f"frame {number} is {frame.shape[1]}x{frame.shape[0]} but the first was "
                    f"{self.size_wh[0]}x{self.size_wh[1]}; give frames of one size"
                )
            yield frame

    def _read(self, index: int) -> FrameHWC:
        raise InputError(f"{self.source} cannot jump to frame {index}; iterate over it instead")

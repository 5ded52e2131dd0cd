"""From key frames to answers: what a worker process computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from spectrack.api import make_tracker
from spectrack.app.answers import Answer
from spectrack.app.keys import Key, Span
from spectrack.structures import FrameHWC, Mask, Prediction, Target
from spectrack.tracking.loop import run
from spectrack.tracks import Entry, Track
from spectrack.video.reader import Frames

OnAnswer = Callable[[int, Entry], None]
"""Called with the number of a frame of the video and the tracker's answer for it."""

NOT_THERE = Entry(None, None, 0.0, False)


class SpanFrames(Frames):
    """The frames of a span, from its first on or from its last back.

    Args:
        frames: The video; it knows its length and can jump.
        span: The span.
        backward: Whether the last comes first.
    """

    def __init__(self, frames: Frames, span: Span, backward: bool = False) -> None:
        self._frames = frames
        order = range(span.first, span.last + 1)
        self.order = order[::-1] if backward else order
        self.source, self.name = frames.source, frames.name
        self.size_wh, self.fps = frames.size_wh, frames.fps

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.order)

    def __iter__(self) -> Iterator[FrameHWC]:
        return (self._frames[index] for index in self.order)

    def _read(self, index: int) -> FrameHWC:
        return self._frames[self.order[index]]


def answer_span(
    frames: Frames, span: Span, tracker: str, on_answer: OnAnswer
) -> list[tuple[int, Answer]]:
    """Follow an object through a span from its key frames.

    Args:
        frames: The video.
        span: Where, and from which keys.
        tracker: Name of a tracker.
        on_answer: Told of every answer as it comes; what it raises ends the work.

    Returns:
        Frame and answer, of every frame that the span owns, in order.
    """
    if span.empty:
        return [(frame, Answer(NOT_THERE, NOT_THERE, 0.0)) for frame in span.owned]
    backward = span.left is None
    key = span.right if backward else span.left
    assert key is not None
    order = SpanFrames(frames, span, backward)
    raws: dict[int, Entry] = {}

    def take(index: int, frame_hwc: FrameHWC, found: Prediction) -> None:
        del frame_hwc
        hard = found.hard_mask()
        mask = None if hard is None else Mask.encode(hard)
        frame = order.order[index]
        raws[frame] = Entry(found.box, mask, float(found.score), bool(found.found))
        on_answer(frame, raws[frame])

    track = run(make_tracker(tracker), order, target_of(key), None, take, clean=True)
    doubts = doubts_of(track)
    whole = {
        frame: Answer(raws[frame], entry, doubts[place])
        for place, (frame, entry) in enumerate(zip(order.order, track, strict=True))
    }
    return [(frame, whole[frame]) for frame in span.owned]


def target_of(key: Key) -> Target:
    """What a tracker is told in a key frame."""
    return Target(key.box, None if key.mask is None else key.mask.decode())


def doubts_of(track: Track) -> list[float]:
    """The doubt of every frame; from the scores alone where no filter told it."""
    told: Any = track.info.get("doubt")
    if isinstance(told, list) and len(told) == len(track):
        return [float(v) for v in told]
    scores = np.clip([e.score if e.found else 1.0 for e in track], 0, 1)
    return [float(v) for v in 1 - np.exp(-2 * (1 - scores))]

"""From key frames to answers: what the worker that computes does for a span."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from spectrack.api import make_tracker
from spectrack.app.keys import Key, KeyedSpan
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.tracking.doubts import doubt_info
from spectrack.tracking.keys import GONE
from spectrack.tracking.passes import Passes, PassOf
from spectrack.tracking.span_answers import SpanAnswers, absent, solve
from spectrack.tracking.two_ways import TwoWays
from spectrack.tracks import Track
from spectrack.video.frames import Frames

OnAnswer = Callable[[int, Prediction, str], None]
"""Called with the number of a frame, an answer for it, and what it is: ``forward``, ``backward`` or
``done``. What it raises ends the work."""


class Engine:
    """Answers the spans of a video with one tracker.

    Passes of the tracker are kept, so that work that was ended goes on where it was, and a key
    frame between two others makes use of those that are on their way.

    Args:
        frames: The video.
        tracker: Name of the tracker.
        folder: Where passes are kept.
    """

    def __init__(self, frames: Frames, tracker: str, folder: Path) -> None:
        self._frames = frames
        self._passes = Passes(frames, lambda: make_tracker(tracker), folder)

    def work(self, span: KeyedSpan) -> int:
        """Frames that :meth:`answer` will go through, each way and the filter counted."""
        missing = sum(self._passes.missing(one, _end(span, one)) for one in _passes_of(span))
        return missing + (0 if span.empty else len(span))

    def answer(self, span: KeyedSpan, on_answer: OnAnswer) -> SpanAnswers:
        """Follow an object from the key frames of a span, fuse both ways, and filter."""
        if span.empty:
            return absent(span.frames)

        def take(number: int, frame_hwc: FrameHWC, answer: Prediction, way: str) -> None:
            del frame_hwc
            on_answer(number, answer, way)

        passes = _passes_of(span)
        for one in passes:
            self._passes.follow(one, _end(span, one), take)
        return solve(
            span.frames,
            next((one for one in passes if not one.backward), None),
            next((one for one in passes if one.backward), None),
            self._passes,
            self._frames,
            True,
            TwoWays(),
            lambda number, frame_hwc, answer: take(number, frame_hwc, answer, "done"),
        )


def _passes_of(span: KeyedSpan) -> list[PassOf]:
    """Forward from the key before, backward from the key after."""
    sides = ((span.frames.before, span.before, False), (span.frames.after, span.after, True))
    found = []
    for frame, key, backward in sides:
        target = None if key is None else tracking_key(key)
        if frame is not None and isinstance(target, Target):
            found.append(PassOf(frame, target, backward))
    return found


def _end(span: KeyedSpan, one: PassOf) -> int:
    """The frame that a pass must come to: across the span, and to the key beyond it."""
    if one.backward:
        return span.frames.start
    return span.frames.stop if span.after is not None else span.frames.stop - 1


def tracking_key(key: Key) -> Target | Literal["gone"]:
    """A key as the trackers take it."""
    if key.kind == "gone":
        return GONE
    return Target(key.box, None if key.mask is None else key.mask.decode())


def doubts_of(answers: SpanAnswers) -> list[float]:
    """The doubt of every frame of a span, in [0, 1]; jumps are judged within the span."""
    track = Track((1, 1), entries=answers.clean)
    return [float(v) for v in doubt_info(track, answers.parts)["doubt"]]

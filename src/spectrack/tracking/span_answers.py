"""The answers of a span: both ways fused, through the spectral filter, and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spectrack.storage import write_json
from spectrack.structures import ABSENT, FrameHWC, Prediction
from spectrack.tracking.journal import entry_of, plain_entry
from spectrack.tracking.keys import Span
from spectrack.tracking.passes import Answers, Passes, PassOf
from spectrack.tracking.two_ways import TwoWays, Weigher, fuse
from spectrack.tracks import Entry, Track
from spectrack.video.spans import FrameSpan

OneAnswer = Callable[[int, FrameHWC, Prediction], None]


@dataclass(slots=True, eq=False)
class SpanAnswers:
    """What is said of the frames of a span.

    Attributes:
        raw: Answers before the filter, one a frame.
        clean: Answers after it; the same without a filter.
        parts: Parts of the doubt, one number a frame each; see :mod:`spectrack.spectral.doubt`.
    """

    raw: list[Entry] = field(default_factory=list)
    clean: list[Entry] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        plain = {
            "raw": [plain_entry(e) for e in self.raw],
            "clean": [plain_entry(e) for e in self.clean],
            "parts": self.parts,
        }
        write_json(path, plain, indent=None)

    @classmethod
    def load(cls, path: Path, length: int, size_wh: tuple[int, int]) -> SpanAnswers | None:
        """Read it; None where there is none that is whole and of that many frames."""
        try:
            plain = json.loads(path.read_text())
            raw = [entry_of(e, size_wh) for e in plain["raw"]]
            clean = [entry_of(e, size_wh) for e in plain["clean"]]
            parts = {str(k): [float(x) for x in v] for k, v in plain["parts"].items()}
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            return None
        lengths = {len(raw), len(clean), *(len(v) for v in parts.values())}
        return cls(raw, clean, parts) if lengths == {length} else None


def absent(span: Span) -> SpanAnswers:
    """Nothing is there in these frames."""
    entry = Entry(None, None, 0.0, False)
    count = span.stop - span.start
    nothing = {name: [0.0] * count for name in ("change", "weakness", "directions")}
    return SpanAnswers([entry] * count, [entry] * count, nothing)


def solve(
    span: Span,
    before: PassOf | None,
    after: PassOf | None,
    passes: Passes,
    frames: Any,
    clean: bool,
    settings: TwoWays,
    on_frame: OneAnswer,
) -> SpanAnswers:
    """Fuse the answers of both ways, which are there, and filter them.

    Args:
        span: Which frames.
        before: The pass forward; it has come to the end of the span, and to the key there.
        after: The pass backward; to the beginning, likewise.
        passes: All passes.
        frames: The video.
        clean: Whether masks go through the filter. Keys that are masks are fixed values of it.
        settings: How both ways are weighed.
        on_frame: Called with number, frame and final answer, frame by frame.
    """
    fixed = {
        one.frame for one in (before, after) if one is not None and one.target.mask is not None
    }
    last = span.stop if after is not None else span.stop - 1
    out = SpanAnswers()
    with ExitStack() as stack:
        forward = None if before is None else stack.enter_context(passes.answers(before))
        backward = None if after is None else stack.enter_context(passes.answers(after))
        mixer = _Mixer(span, (before, after), (forward, backward), settings)
        raw, done = Track(frames.size_wh), Track(frames.size_wh)
        held: list[tuple[int, FrameHWC]] = []

        def keep(ready: Iterator[Prediction] | list[Prediction]) -> None:
            for prediction in ready:
                number, frame_hwc = held.pop(0)
                if number < span.stop:
                    done.append(prediction)
                    on_frame(number, frame_hwc, prediction)

        cleaner = _Cleaning(passes, fixed, clean)
        for number, frame_hwc in enumerate(FrameSpan(frames, span.start, last), span.start):
            answer = mixer(number)
            if number < span.stop:
                raw.append(answer)
            held.append((number, frame_hwc))
            keep(cleaner.push(number, frame_hwc, answer))
        keep(cleaner.flush())
    count = span.stop - span.start
    out.raw, out.clean = raw.entries, done.entries
    out.parts = cleaner.parts(count)
    out.parts["directions"] = [round(float(v), 4) for v in mixer.doubt[:count]]
    for key in fixed & set(range(span.start, span.stop)):
        for values in out.parts.values():
            values[key - span.start] = 0.0
    return out


def joined_parts(answers: Sequence[SpanAnswers]) -> dict[str, list[float]]:
    """The parts of the doubt of all spans, in order."""
    names = ("change", "weakness", "directions")
    return {name: [v for found in answers for v in found.parts[name]] for name in names}


class _Mixer:
    """The answer for each frame of a span before the filter."""

    def __init__(
        self,
        span: Span,
        keys: tuple[PassOf | None, PassOf | None],
        answers: tuple[Answers | None, Answers | None],
        settings: TwoWays,
    ) -> None:
        self._span = span
        self._keys = {one.frame: one.target for one in keys if one is not None}
        self._forward, self._backward = forward, backward = answers
        self._weigher: Weigher | None = None
        if forward is not None and backward is not None:
            numbers = range(span.start, span.stop + 1)
            self._weigher = Weigher(
                [forward.entry(n) for n in numbers], [backward.entry(n) for n in numbers], settings
            )
            self.doubt = 1 - self._weigher.agreement
        else:
            self.doubt = np.zeros(span.stop - span.start)

    def __call__(self, number: int) -> Prediction:
        found = self._mixed(number)
        key = self._keys.get(number)
        if key is None or key.mask is None or found.mask is None:
            return found
        return Prediction(key.box, key.mask, 1.0, True)

    def _mixed(self, number: int) -> Prediction:
        if self._weigher is None:
            only = self._forward or self._backward
            return ABSENT if only is None else only.prediction(number)
        assert self._forward is not None
        assert self._backward is not None
        if number == self._span.start:
            return self._forward.prediction(number)
        if number == self._span.stop:
            return self._backward.prediction(number)
        shares = self._weigher.shares(number - self._span.start)
        return fuse(self._forward.prediction(number), self._backward.prediction(number), shares)


class _Cleaning:
    """The filter of one object, or none."""

    def __init__(self, passes: Passes, fixed: set[int], clean: bool) -> None:
        self._fixed = fixed
        self._cleaner = None
        if clean:
            from spectrack.tracking.cleaning import Cleaner  # compiles; only where it is used

            tracker = passes.tracker
            rule = tracker.box_of_mask
            boxes = [1] if tracker.reads_boxes else []
            self._cleaner = Cleaner([], None, boxes, {} if rule is None else {1: rule})

    def push(self, number: int, frame_hwc: FrameHWC, answer: Prediction) -> list[Prediction]:
        if self._cleaner is None:
            return [answer]
        fixed = [1] if number in self._fixed else []
        return [ready[1] for ready in self._cleaner.push(frame_hwc, {1: answer}, fixed)]

    def flush(self) -> Iterator[Prediction]:
        if self._cleaner is not None:
            yield from (ready[1] for ready in self._cleaner.flush())

    def parts(self, count: int) -> dict[str, list[float]]:
        """Parts of the doubt but for jumps, which are one of the whole video."""
        parts = {"change": [0.0] * count, "weakness": [0.0] * count}
        told = {} if self._cleaner is None else self._cleaner.info(1)
        if told:
            parts |= {name: told["doubt_parts"][name][:count] for name in parts}
        return parts

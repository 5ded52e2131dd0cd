"""Passes: a tracker that follows from a key frame in one direction, its answers kept in a journal.

A pass is known by its key, its direction and its tracker. It is done once and serves whatever span
lies on its way; one that ended too early goes on, started again as a run that was killed.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrack.errors import InputError
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.journal import Journal, Kept, read_journal
from spectrack.tracking.keys import Key, Span, digest, key_digest
from spectrack.tracking.loop import run_many
from spectrack.tracking.packed_masks import KeptSoftMasks
from spectrack.tracking.resuming import prediction_of
from spectrack.tracks import Entry
from spectrack.video.frames import Frames
from spectrack.video.spans import FrameSpan

OnAnswer = Callable[[int, FrameHWC, Prediction, str], None]
"""Called with the number of a frame, the frame, an answer for it and what it is:
``forward``, ``backward`` or ``done``."""


@dataclass(frozen=True, slots=True)
class PassOf:
    """Which pass.

    Attributes:
        frame: The key frame.
        target: What it says.
        backward: Whether it goes to the frames before.
        said: The target's digest; found where left out, which takes a while for a mask.
    """

    frame: int
    target: Target
    backward: bool
    said: str = ""

    def __post_init__(self) -> None:
        if not self.said:
            object.__setattr__(self, "said", key_digest(self.target))

    def last(self, frame: int) -> int:
        """How many answers it has when it has come to a frame, that of the key included."""
        return abs(frame - self.frame) + 1

    def end(self, span: Span) -> int:
        """The frame that it must come to for a span: across it, and to the key beyond it."""
        if self.backward:
            return span.start
        return span.stop if span.after is not None else span.stop - 1


def passes_of(span: Span, keys: Mapping[int, Key], said: Mapping[int, str]) -> list[PassOf]:
    """The passes that the answers of a span follow from.

    Args:
        span: One of those between the keys.
        keys: Number of the frame to key.
        said: Number of the frame to the key's digest.
    """
    found = []
    for frame, backward in ((span.before, False), (span.after, True)):
        if frame is not None:
            target = keys[frame]
            assert isinstance(target, Target)  # what is gone is not followed
            found.append(PassOf(frame, target, backward, said[frame]))
    return found


class Passes:
    """All passes of one object over one video.

    Args:
        frames: The video, with random access.
        make: Makes a fresh tracker.
        folder: Where journals are kept.
    """

    def __init__(self, frames: Frames, make: Callable[[], Tracker], folder: Path) -> None:
        self._frames, self._make, self._folder = frames, make, folder
        self.tracker = make()
        """One that is never started, for what it says of itself."""
        if self.tracker.counts_frames:
            raise InputError(
                f"{type(self.tracker).__name__} answers by the number of the frame and cannot "
                "start at key frames; use another tracker"
            )
        settings = self.tracker.settings
        own = dataclasses.is_dataclass(settings) and not isinstance(settings, type)
        self.settings: dict[str, Any] = dataclasses.asdict(settings) if own else {}
        # By the name of its journal: a pass itself holds the mask of a key, replaced or not.
        self._come: dict[str, int] = {}
        self._lock = threading.Lock()
        self.identity = digest(type(self.tracker).__qualname__, self.settings)
        """A name for the tracker and its settings."""

    def path(self, one: PassOf) -> Path:
        """The journal of a pass."""
        return self._folder / digest(one.frame, one.said, one.backward, self.identity)

    def missing(self, one: PassOf, frame: int) -> int:
        """How many frames must be followed for a pass to come to a frame."""
        name = self.path(one).name
        with self._lock:
            if name not in self._come:
                kept = self._kept(one)
                self._come[name] = 0 if kept is None else kept.frames
            return max(0, one.last(frame) - self._come[name])

    def follow(self, one: PassOf, frame: int, on_answer: OnAnswer) -> None:
        """Follow until a frame is answered; what is answered already stays.

        Args:
            one: Which pass.
            frame: The last frame that is wanted.
            on_answer: Called after each; what it raises ends the work, and no answer is lost.

        Raises:
            InputError: If a frame or the target cannot be used.
        """
        kept = self._kept(one)
        if kept is not None and kept.frames >= one.last(frame):
            return
        span = FrameSpan(self._frames, one.frame, frame)
        way = "backward" if one.backward else "forward"

        def forward(index: int, frame_hwc: FrameHWC, predictions: dict[int, Prediction]) -> None:
            on_answer(span.number(index), frame_hwc, predictions[1], way)

        self._folder.mkdir(parents=True, exist_ok=True)
        asked = {"key": one.said, "frame": one.frame, "backward": one.backward}
        try:
            with Journal(self.path(one), asked, kept, soft=True) as journal:
                trackers, targets = {1: self._make()}, {1: one.target}
                run_many(trackers, span, targets, on_frame=forward, journal=journal)
        finally:
            with self._lock:
                self._come.pop(self.path(one).name, None)

    def answers(self, one: PassOf) -> Answers:
        """What a pass has answered so far; use it in a ``with`` block."""
        return Answers(one, self.path(one))

    def _kept(self, one: PassOf) -> Kept | None:
        kept = read_journal(self.path(one))
        if kept is not None and kept.tracks[1].size_wh != self._frames.size_wh:
            return None
        return kept


class Answers:
    """The answers of a pass, read one at a time.

    Args:
        one: Which pass.
        path: Its journal.
    """

    def __init__(self, one: PassOf, path: Path) -> None:
        kept = read_journal(path)
        assert kept is not None  # followed before
        self._one, self._entries = one, kept.tracks[1].entries
        self._soft = KeptSoftMasks(path)

    def entry(self, frame: int) -> Entry:
        """The answer for a frame, compressed."""
        return self._entries[self._one.last(frame) - 1]

    def prediction(self, frame: int) -> Prediction:
        """The answer for a frame, its mask as soft as the tracker gave it, to 16 levels."""
        found = prediction_of(self.entry(frame))
        soft_hw = self._soft(1, self._one.last(frame) - 1)
        return found if soft_hw is None else dataclasses.replace(found, mask=soft_hw)

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *error: object) -> None:
        self._soft.__exit__(None, None, None)

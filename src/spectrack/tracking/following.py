"""The two verbs, frame by frame: new runs, runs that go on, and frames that are broken."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from spectrack.errors import InputError
from spectrack.structures import ABSENT, FrameHWC, Prediction, Target
from spectrack.threads import side_by_side
from spectrack.tracking.base import Tracker, check_frame
from spectrack.tracking.resuming import last_answers, starts
from spectrack.video.frames import BrokenFrame

if TYPE_CHECKING:
    from spectrack.tracking.journal import Kept
    from spectrack.video.reader import Frames


@dataclass(frozen=True, eq=False)
class Step:
    """The answers for one frame.

    Args:
        index: Of the frame.
        frame_hwc: uint8 RGB of shape (H, W, 3); the one before it where it is broken.
        predictions: Object id to answer.
    """

    index: int
    frame_hwc: FrameHWC
    predictions: dict[int, Prediction]


class Follower:
    """Asks the trackers for the answers of frame after frame.

    Args:
        trackers: Object id to a fresh tracker.
        frames: The video.
        targets: Object id to target, the same ids.
        begins: Object id to the frame in which it is given, where that is not frame 0. Before it
            the answer is :data:`spectrack.structures.ABSENT`.
        kept: What an earlier run came to. Its last frame is given once more, with its answers;
            the frames after it follow.
        skip_broken: Whether a frame that cannot be decoded keeps the answers before it, with
            score 0.

    Attributes:
        broken: Index of each such frame, and why.
    """

    def __init__(
        self,
        trackers: Mapping[int, Tracker],
        frames: Frames,
        targets: Mapping[int, Target],
        begins: Mapping[int, int] | None = None,
        kept: Kept | None = None,
        skip_broken: bool = False,
    ) -> None:
        self.broken = {} if kept is None else dict(kept.broken)
        self._trackers, self._targets = trackers, targets
        self._skip_broken = skip_broken
        self._begins = dict.fromkeys(trackers, 0) | dict(begins or {})
        self._starts = starts(trackers, targets, self._begins, kept)
        self._firsts = self._read_firsts(frames)
        self._done = 0 if kept is None else kept.frames
        self._given = None if kept is None else last_answers(kept)
        last = max(self._done - 1, 0)
        while last in self.broken:  # one that is broken is shown by the frame before it
            last -= 1
        first = min([last, *(start.frame for start in self._starts.values())])
        self.frames = enumerate(frames.salvage(first) if skip_broken or first else frames, first)
        """Index and frame of all that are to be decoded, to be handed to :meth:`step`."""
        self._size_wh: tuple[int, int] | None = None
        self._last_hwc: FrameHWC | None = None
        self._predictions: dict[int, Prediction] = {}

    def step(self, index: int, frame: FrameHWC | BrokenFrame) -> Step | None:
        """The answers for the next frame; None for one that was answered by an earlier run.

        Raises:
            InputError: If the frame or a target cannot be used.
            BrokenFrame: If it cannot be decoded and is not skipped, or there is none before it.
        """
        begun = [key for key, begin in self._begins.items() if begin == index > 0]
        if not isinstance(frame, BrokenFrame):
            self._last_hwc = frame
            self._predictions = self._ask(index, frame)
        elif not self._skip_broken or self._last_hwc is None:
            raise frame
        elif begun:
            raise InputError(
                f"object {begun[0]} starts at frame {index}, which cannot be decoded; "
                "give it in another frame"
            ) from frame
        else:
            self._predictions = self._hold(index, self._last_hwc)
            if index >= self._done:
                self.broken[index] = str(frame)
        if self._given is not None and index == self._done - 1:
            self._predictions = self._given
        if index < self._done - 1:
            return None
        return Step(index, self._last_hwc, self._predictions)

    def _ask(self, index: int, frame_hwc: FrameHWC) -> dict[int, Prediction]:
        if self._size_wh is None:
            self._size_wh = check_frame(frame_hwc)
            for target in self._targets.values():
                target.check(self._size_wh)
        check_frame(frame_hwc, self._size_wh)
        jobs = [partial(self._answer, key, index, frame_hwc) for key in self._trackers]
        together = all(tracker.side_by_side for tracker in self._trackers.values())
        answers = side_by_side(jobs) if together else [job() for job in jobs]
        return dict(zip(self._trackers, answers, strict=True))

    def _answer(self, key: int, index: int, frame_hwc: FrameHWC) -> Prediction:
        tracker, start, answer = self._trackers[key], self._starts[key], ABSENT
        if index == start.frame:
            answer = self._start(key, frame_hwc)
        elif index > start.frame:
            answer = tracker.update(frame_hwc)
        return answer if index >= self._begins[key] else ABSENT

    def _read_firsts(self, frames: Frames) -> dict[int, FrameHWC]:
        """Where trackers go on that keep what they learn of it: the frame each target is given in.

        Read before the others, as a decoder is at one place at a time.
        """
        if getattr(frames, "length", None) is None:
            return {}
        later = [
            self._begins[key]
            for key, start in self._starts.items()
            if start.frame > self._begins[key] and self._trackers[key].keeps_first
        ]
        found = {}
        for begin in sorted(set(later)):
            with suppress(InputError):  # then they start as others do
                found[begin] = frames[begin]
        return found

    def _start(self, key: int, frame_hwc: FrameHWC) -> Prediction:
        tracker, start, begin = self._trackers[key], self._starts[key], self._begins[key]
        if start.frame == begin or begin not in self._firsts:
            return tracker.init(frame_hwc, start.target)
        tracker.init(self._firsts[begin], self._targets[key])
        return tracker.restart(frame_hwc, start.target)

    def _hold(self, index: int, last_hwc: FrameHWC) -> dict[int, Prediction]:
        for key, tracker in self._trackers.items():
            # One that reads its answers from files must not fall behind.
            if tracker.counts_frames and index > self._starts[key].frame:
                tracker.update(last_hwc)
        return {
            key: Prediction(p.box, p.mask, 0.0, p.found) for key, p in self._predictions.items()
        }

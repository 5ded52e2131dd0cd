"""One sequence by a method, here or in any worker."""

from __future__ import annotations

import time
from dataclasses import dataclass

from spectrack.datasets.base import VideoSequence
from spectrack.evaluation.answers import Answer, answer_of_track
from spectrack.evaluation.method import Data, Method, forget_trackers
from spectrack.evaluation.vot_runs import WAYS, VotRun
from spectrack.storage import Progress
from spectrack.tracking.loop import run_many


@dataclass(frozen=True, slots=True)
class Following:
    """The work of a worker: give it the name of a sequence.

    Args:
        method: What follows.
        data: What is followed in.
    """

    method: Method
    data: Data

    def __call__(self, name: str) -> Answer:
        """Do one sequence."""
        return follow(self.method, self.data.sequence(name))


def follow(method: Method, sequence: VideoSequence, progress: Progress | None = None) -> Answer:
    """Follow the objects of a sequence.

    Args:
        method: What follows; its trackers are used again for the next sequence.
        sequence: Its objects are given in the frames where they start.
        progress: Called with the number of frames done and in all.

    Raises:
        InputError: If the sequence or the tracker cannot be used.
    """
    try:
        if method.mode in WAYS:
            (tracker,) = method.trackers(1)
            return WAYS[method.mode](VotRun(tracker, sequence, method.from_mask, progress))
        started = time.perf_counter()
        targets = sequence.targets(method.from_mask)
        trackers = dict(zip(targets, method.trackers(len(targets)), strict=True))
        with sequence.frames() as frames:
            tracks = run_many(
                trackers, frames, targets, progress, clean=method.clean, starts=sequence.starts
            )
        return answer_of_track(tracks, sequence, time.perf_counter() - started)
    except BaseException:
        forget_trackers()
        raise

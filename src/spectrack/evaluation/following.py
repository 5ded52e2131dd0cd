"""One sequence by a method, or one object of it, here or in any worker."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.answers import Answer
from spectrack.evaluation.method import Data, Method
from spectrack.evaluation.object_parts import (
    ObjectPart,
    answer_of_object,
    job_of,
    joined,
    parts_of,
)
from spectrack.evaluation.soft_parts import SoftKeeper
from spectrack.evaluation.vot_runs import WAYS, VotRun
from spectrack.storage import Progress
from spectrack.tracking.loop import run_many


@dataclass(frozen=True, slots=True)
class Following:
    """The work of a worker: give it the name of a sequence, or of an object of one.

    Args:
        method: What follows.
        data: What is followed in.
    """

    method: Method
    data: Data

    def __call__(self, job: str) -> Answer:
        """Do one job; see :func:`follow_job`."""
        return follow_job(self.method, self.data.sequence(parts_of(job)[0]), job)


def follow_job(
    method: Method, sequence: VideoSequence, job: str, progress: Progress | None = None
) -> Answer:
    """Do ``SEQ`` or ``SEQ/ID``.

    Of a sequence of several objects ``SEQ`` follows the first one, and asks for a job for each of
    the others: only who opens a sequence knows which there are.

    Args:
        method: What follows.
        sequence: The one of the job.
        job: See :mod:`spectrack.evaluation.object_parts`.
        progress: See :func:`follow`.

    Raises:
        InputError: If the sequence or the tracker cannot be used.
    """
    sequence.check_objects()
    _, object_id = parts_of(job)
    if method.mode in WAYS or len(sequence.object_ids) == 1:
        return follow(method, sequence, progress)
    objects = sequence.object_ids
    one = objects[0] if object_id is None else object_id
    answer = answer_of_object(one, _followed(method, sequence, one, progress))
    others = objects[1:] if object_id is None else ()
    return replace(answer, more=tuple(job_of(sequence.name, i) for i in others))


def follow(method: Method, sequence: VideoSequence, progress: Progress | None = None) -> Answer:
    """Follow the objects of a sequence, one after the other, each in a pass of its own.

    In the end pixels are shared among them, so the answers are those of one pass of all objects.

    Args:
        method: What follows; its tracker is used again for the next object and sequence.
        sequence: Its objects are given in the frames where they start.
        progress: Called with the number of frames done and in all, anew for each object.

    Raises:
        InputError: If the sequence or the tracker cannot be used.
    """
    if method.mode in WAYS:
        with method.at_work() as tracker:
            return WAYS[method.mode](VotRun(tracker, sequence, method.from_mask, progress))
    parts = {i: _followed(method, sequence, i, progress) for i in sequence.object_ids}
    return joined(parts, sequence)


def _followed(
    method: Method, sequence: VideoSequence, object_id: int, progress: Progress | None
) -> ObjectPart:
    """The answers for one object; the soft masks, too, where there are others."""
    started = time.perf_counter()
    targets = {object_id: sequence.target(method.from_mask, object_id)}
    starts = {object_id: sequence.starts[object_id]}
    keeper = SoftKeeper()
    with method.at_work() as tracker, sequence.frames() as frames:
        _check_size(sequence, object_id, frames.size_wh)
        trackers = {object_id: tracker}
        track = run_many(
            trackers,
            frames,
            targets,
            progress,
            clean=method.clean,
            starts=starts,
            journal=keeper if len(sequence.object_ids) > 1 else None,
        )[object_id]
    seconds = time.perf_counter() - started
    given = None if targets[object_id].mask is None else starts[object_id]
    soft = keeper.masks(track.size_wh)
    return ObjectPart(track, seconds, sequence.object_ids, given, soft)


def _check_size(sequence: VideoSequence, object_id: int, size_wh: tuple[int, int]) -> None:
    """Refuse frames of another size than the truth, whose boxes would be of other pixels.

    Raises:
        InputError: If they are.
    """
    truth = sequence.truth_object(sequence.starts[object_id], object_id)
    if truth is not None and truth.shape[::-1] != size_wh:
        height, width = truth.shape
        raise InputError(
            f"the truth of sequence {sequence.name!r} is {width}x{height} but its frames are "
            f"{size_wh[0]}x{size_wh[1]}; follow in frames of the truth's size"
        )

"""Score results against a data set: J, F, box overlap, TCONT and T frame by frame, and boxes.

Each object of a sequence is scored by itself, in the frames that the protocol names: behind the one
in which the object is given, and without the last frame of the video where the rule is that of
DAVIS. So one object of a DAVIS sequence of T frames has T - 2 scores, those of frames 2 to T - 1.
The box overlap of a frame is the IoU of the result's box (the track's own, or the box of its mask)
and the box of the true mask; it is 1 where both are out of sight. Success, precision and their like
follow the protocol's own rule for boxes; see :mod:`spectrack.metrics.protocols`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset, VideoSequence, shortened
from spectrack.errors import InputError, InputWarning
from spectrack.evaluation.boxes import find_protocol, score_result_boxes
from spectrack.evaluation.long_term import score_long_term
from spectrack.evaluation.objects import ScoredObject, scored_objects, without_void
from spectrack.evaluation.over_time import score_consistency, score_stability
from spectrack.evaluation.results import Result
from spectrack.evaluation.scores import Scores, SequenceScore
from spectrack.flow.estimators import DISFlow, FlowEstimator
from spectrack.metrics.boundary import region_and_contour
from spectrack.metrics.protocols import MaskRules
from spectrack.metrics.regions import box_iou
from spectrack.tracks import Track, Tracks

Progress = Callable[[str, int, int], None]


class NothingToScore(InputError):
    """A sequence has no frame that can be scored."""


def score_objects(
    result: Result,
    sequence: VideoSequence,
    consistency: bool = False,
    estimator: FlowEstimator | None = None,
    fps: float | None = None,
    protocol: str | None = None,
    stability: bool = False,
) -> list[SequenceScore]:
    """Score all objects of one sequence.

    Args:
        result: The answers.
        sequence: The truth.
        consistency: Measure TCONT too, with flow of the sequence's frames (slow).
        estimator: The flow for it; DIS where left out.
        fps: Handed on.
        protocol: Which frames count, and how boxes are scored; by the rules of DAVIS and without
            scores of boxes where left out. Where truth is boxes, nothing but boxes is scored.
        stability: Measure T too, how steady contours are (slow).

    Returns:
        One score an object, in the order of ids, without objects that no frame with truth shows
        behind the one in which they are given; an ``InputWarning`` names those.

    Raises:
        InputError: If there is no such frame at all, a mask does not fit, or the protocol is
            unknown.
    """
    scores = _scores_of(result, sequence, consistency, estimator, fps, protocol, stability)
    _warn_of(_left_out(sequence, scores))
    return scores


def _scores_of(
    result: Result,
    sequence: VideoSequence,
    consistency: bool,
    estimator: FlowEstimator | None,
    fps: float | None,
    protocol: str | None,
    stability: bool,
) -> list[SequenceScore]:
    """As :func:`score_objects`, without its warning."""
    chosen = None if protocol is None else find_protocol(protocol)
    objects = scored_objects(result, sequence, MaskRules() if chosen is None else chosen.masks)
    if not objects:
        raise NothingToScore(
            f"sequence {sequence.name!r} has no frame with truth that is scored behind the one in "
            "which an object is given; give a longer one, or a part of the data set with truth, or "
            "send results to its server (spectrack submit)"
        )
    values: list[dict[str, NDArray[np.float64]]] = [{} for _ in objects]
    masked = result.read_mask is not None and sequence.read_mask is not None
    if chosen is None or sequence.read_mask is not None:
        columns = {"J": 0, "F": 1, "box_iou": 2} if masked else {"box_iou": 2}
        for mine, rows in zip(values, _score_frames(objects), strict=True):
            mine |= {measure: rows[:, column].copy() for measure, column in columns.items()}
    if consistency and masked:
        flow = DISFlow() if estimator is None else estimator
        found = score_consistency(objects, sequence, flow)
        for mine, (to_truth, to_self) in zip(values, found, strict=True):
            mine |= {"tcont": to_truth, "tcont_self": to_self}
    if stability and masked:
        for mine, one in zip(values, objects, strict=True):
            mine["T"] = score_stability(one)
    return [
        SequenceScore(
            one.name,
            tuple(sequence.stems[i] for i in one.frames),
            mine,
            fps,
            None if chosen is None else score_result_boxes(one.result, one.truth, chosen),
            sequence.name,
            len(sequence),
            sequence.categories.get(one.object_id),
        )
        for one, mine in zip(objects, values, strict=True)
    ]


def score_result(
    result: Result,
    sequence: VideoSequence,
    consistency: bool = False,
    estimator: FlowEstimator | None = None,
    fps: float | None = None,
    protocol: str | None = None,
) -> SequenceScore:
    """Score a sequence of one object; arguments and errors as :func:`score_objects`."""
    count = len(sequence.object_ids)
    if count > 1:
        raise InputError(
            f"sequence {sequence.name!r} has {count} objects; score them with score_objects"
        )
    return score_objects(result, sequence, consistency, estimator, fps, protocol)[0]


def score_track(
    track: Track | Tracks,
    sequence: VideoSequence,
    consistency: bool = False,
    protocol: str | None = None,
) -> SequenceScore:
    """Score a track of a whole sequence of one object; as :func:`score_result`."""
    info = track.info if isinstance(track, Track) else track.first.info
    result = Result.of_track(track, sequence)
    seconds = info.get("seconds")
    fps = len(sequence) / seconds if seconds else None
    return score_result(result, sequence, consistency, fps=fps, protocol=protocol)


def score_folder(
    results: str | Path,
    dataset: Dataset,
    consistency: bool = False,
    progress: Progress | None = None,
    timings: Mapping[str, float] | None = None,
    protocol: str | None = None,
    stability: bool = False,
) -> Scores:
    """Score a folder in DAVIS layout, ``RESULTS/SEQ/00000.png``, or with ``RESULTS/SEQ/boxes.csv``.

    Args:
        results: The folder.
        dataset: The sequences to score; all of them must be in the folder.
        consistency: Measure TCONT too.
        progress: Called after each sequence with its name, its number from 1 and their count.
        timings: Sequence name to frames per second, where known.
        protocol: Which frames count, and how boxes are scored; see :func:`score_objects`.
        stability: Measure T too.

    Raises:
        InputError: If sequences or frames are missing (named), a mask cannot be used, or nothing
            can be scored; objects of which no frame can be are left out with a warning.
    """
    chosen = None if protocol is None else find_protocol(protocol)
    rules = MaskRules() if chosen is None else chosen.masks
    # All of the folder is looked through before the first mask is read.
    last = rules.last or (chosen is not None and chosen.last)
    opened = [Result.of_folder(results, sequence, last) for sequence in dataset.values()]
    scores: list[SequenceScore] = []
    left_out: list[str] = []
    nothing: NothingToScore | None = None
    for number, (result, sequence) in enumerate(zip(opened, dataset.values(), strict=True), 1):
        fps = None if timings is None else timings.get(sequence.name)
        found: list[SequenceScore] = []
        try:
            found = _scores_of(result, sequence, consistency, None, fps, protocol, stability)
        except NothingToScore as error:
            nothing = error
        scores += found
        left_out += _left_out(sequence, found)
        if progress is not None:
            progress(sequence.name, number, len(opened))
    if nothing is not None and not scores:
        raise nothing
    _warn_of(left_out)
    name = Path(results).resolve().name
    seen = dataset.seen if rules.grouped else None
    long_term = None
    if chosen is not None and chosen.confidence:
        long_term = score_long_term(results, dataset).total.figures
    return Scores(name, dataset.name, tuple(scores), protocol, seen, long_term)


def _left_out(sequence: VideoSequence, scores: Sequence[SequenceScore]) -> list[str]:
    """Names of the objects that have no score."""
    ids = sequence.object_ids
    names = [f"{sequence.name}/{i}" for i in ids] if len(ids) > 1 else [sequence.name]
    scored = {score.name for score in scores}
    return [name for name in names if name not in scored]


def _warn_of(left_out: Sequence[str]) -> None:
    if left_out:
        warnings.warn(
            f"{shortened(left_out)} cannot be scored, as no frame with truth counts behind the one "
            "in which they are given, and were left out",
            InputWarning,
            stacklevel=3,
        )


def _score_frames(objects: Sequence[ScoredObject]) -> list[NDArray[np.float64]]:
    """J, F and box overlap of every object, one row a scored frame.

    Frame by frame, so that objects of one file are read together.
    """
    rows = [np.full((len(one.frames), 3), np.nan) for one in objects]
    for index in range(min(o.frames.start for o in objects), max(o.frames.stop for o in objects)):
        for one, mine in zip(objects, rows, strict=True):
            if index in one.frames and index not in one.truth.ignored:
                mine[index - one.frames.start] = _score_frame(one, index)
    return rows


def _score_frame(one: ScoredObject, index: int) -> tuple[float, float, float]:
    """J, F and box overlap of one frame; each mask is read once.

    J and F are NaN without masks, all three where the frame has no truth.
    """
    result, sequence = one.result, one.truth
    truth = sequence.truth_mask(index)
    if truth is None and sequence.read_box is None:
        return np.nan, np.nan, np.nan
    mask = None if result.read_mask is None else one.mask(index)
    j = f = np.nan
    if truth is not None and mask is not None:
        try:
            j, f = region_and_contour(
                without_void(mask, sequence, index), without_void(truth, sequence, index)
            )
        except (InputError, ValueError) as error:  # a void area of another size
            where = f"frame {sequence.stems[index]} of sequence {one.name!r}"
            raise InputError(f"{where} in {result.source} cannot be scored: {error}") from error
    box, wanted = result.box(index, mask), sequence.truth_box(index, truth)
    return j, f, box_iou(box, wanted)

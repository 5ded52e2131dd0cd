"""Score results against a data set: J, F, box overlap and TCONT, frame by frame, and boxes.

The rule of DAVIS-2016 for every measure of a frame: the first frame (given to the method) and the
last one are dropped. So a sequence of T frames has T - 2 scores, those of frames 2 to T - 1. The
box overlap of a frame is the IoU of the result's box (the track's own, or the box of its mask) and
the box of the true mask; it is 1 where both are out of sight. Success, precision and their like
follow a protocol of box tracking, with its own rule; see :mod:`spectrack.metrics.protocols`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.boxes import find_protocol, score_result_boxes
from spectrack.evaluation.results import Result
from spectrack.flow.estimators import DISFlow, FlowEstimator, FlowHW2
from spectrack.metrics.boundary import boundary_f
from spectrack.metrics.consistency import carried_means, carried_overlap
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.metrics.success import BoxScore
from spectrack.metrics.summary import Summary, Sums, summarise
from spectrack.structures import FrameHWC, HardHW
from spectrack.tracks import Track

MEASURES = ("J", "F", "box_iou", "tcont", "tcont_self")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class SequenceScore:
    """Scores of one sequence.

    Args:
        name: Of the sequence.
        stems: File stems of the scored frames, T - 2.
        values: Measure (one of :data:`MEASURES`) to one score a frame, float64 of shape (T - 2,);
            NaN where a frame has no truth. Methods of boxes alone have no J and F.
        fps: Frames per second of the run, where it was timed.
        boxes: Scores by a protocol of box tracking, where they were asked for.
    """

    name: str
    stems: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    fps: float | None = None
    boxes: BoxScore | None = None

    def summary(self, measure: str) -> Summary:
        """Mean, recall and decay of a measure."""
        return summarise(self.values[measure])


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a whole data set.

    Args:
        result: Name of what was scored.
        dataset: Name of the data set.
        sequences: One score each, in the data set's order.
        protocol: Name of the protocol that boxes were scored by, where they were.
    """

    result: str
    dataset: str
    sequences: tuple[SequenceScore, ...] = field(default=())
    protocol: str | None = None

    @property
    def measures(self) -> list[str]:
        """The measures that every sequence has."""
        return [m for m in MEASURES if all(m in s.values for s in self.sequences)]

    def sums(self, measure: str) -> Sums:
        """What averages over the sequences are made of; add those of parts of a data set."""
        return Sums.of(*(sequence.summary(measure) for sequence in self.sequences))

    def mean(self, measure: str) -> float:
        """Mean over sequences."""
        return self.sums(measure).mean

    @property
    def boxes(self) -> list[BoxScore]:
        """Scores of boxes, one a sequence; empty where one has none."""
        there = [s.boxes for s in self.sequences if s.boxes is not None]
        return there if len(there) == len(self.sequences) else []

    def box_figures(self) -> dict[str, float]:
        """Figures of :class:`BoxScore`, each a mean over sequences; empty without boxes."""
        every = [boxes.figures for boxes in self.boxes]
        return {name: float(np.mean([one[name] for one in every])) for name in (every or [{}])[0]}

    def box_curve(self, name: str) -> NDArray[np.float64]:
        """Mean over sequences of one of the curves of :class:`BoxScore`.

        Raises:
            InputError: If boxes were not scored.
        """
        if not self.boxes:
            raise InputError(f"{self.result} has no scores of boxes; score it by a protocol")
        return np.mean([boxes.curves[name] for boxes in self.boxes], axis=0, dtype=np.float64)

    @property
    def fps(self) -> float | None:
        """Frames per second over all sequences, None where one was not timed."""
        rates = [s.fps for s in self.sequences]
        if not rates or not all(rates):
            return None
        frames = [len(s.stems) + 2 for s in self.sequences]
        return sum(frames) / sum(n / rate for n, rate in zip(frames, rates, strict=True) if rate)


def score_result(
    result: Result,
    sequence: VideoSequence,
    consistency: bool = False,
    estimator: FlowEstimator | None = None,
    fps: float | None = None,
    protocol: str | None = None,
) -> SequenceScore:
    """Score one sequence.

    Args:
        result: The answers.
        sequence: The truth.
        consistency: Measure TCONT too, with flow of the sequence's frames (slow).
        estimator: The flow for it; DIS where left out.
        fps: Handed on.
        protocol: Score the boxes too, by this protocol. Where truth is boxes, nothing else is
            scored then.

    Raises:
        InputError: If the sequence has fewer than three frames, a mask does not fit, or the
            protocol is unknown.
    """
    total = len(sequence)
    if total < 3:
        raise InputError(
            f"sequence {sequence.name!r} has {total} frames; the first and last are not scored, "
            "so give at least 3"
        )
    boxes = None
    if protocol is not None:
        boxes = score_result_boxes(result, sequence, find_protocol(protocol))
        if sequence.read_mask is None:
            return SequenceScore(sequence.name, sequence.stems[1:-1], {}, fps, boxes)
    rows = np.array([_score_frame(result, sequence, i) for i in range(1, total - 1)])
    masked = result.read_mask is not None and sequence.read_mask is not None
    columns = {"J": 0, "F": 1, "box_iou": 2} if masked else {"box_iou": 2}
    values = {measure: rows[:, column].copy() for measure, column in columns.items()}
    if consistency and masked:
        flow = DISFlow() if estimator is None else estimator
        values["tcont"], values["tcont_self"] = _score_consistency(result, sequence, flow)
    return SequenceScore(sequence.name, sequence.stems[1:-1], values, fps, boxes)


def score_track(
    track: Track, sequence: VideoSequence, consistency: bool = False, protocol: str | None = None
) -> SequenceScore:
    """Score a track of a whole sequence; arguments and errors as :func:`score_result`."""
    fps, result = track.info.get("fps"), Result.of_track(track, sequence)
    return score_result(result, sequence, consistency, fps=fps, protocol=protocol)


def score_folder(
    results: str | Path,
    dataset: Dataset,
    consistency: bool = False,
    progress: Progress | None = None,
    timings: Mapping[str, float] | None = None,
    protocol: str | None = None,
) -> Scores:
    """Score a folder in DAVIS layout, ``RESULTS/SEQ/00000.png``, or with ``RESULTS/SEQ/boxes.csv``.

    Args:
        results: The folder.
        dataset: The sequences to score; all of them must be in the folder.
        consistency: Measure TCONT too.
        progress: Called after each sequence with its name, its number from 1 and their count.
        timings: Sequence name to frames per second, where known.
        protocol: Score boxes too; see :func:`score_result`.

    Raises:
        InputError: If sequences or frames are missing (named), or a mask cannot be used.
    """
    # All of the folder is looked through before the first mask is read.
    opened = [Result.of_folder(results, sequence) for sequence in dataset.values()]
    scores = []
    for number, (result, sequence) in enumerate(zip(opened, dataset.values(), strict=True), 1):
        fps = None if timings is None else timings.get(sequence.name)
        scores.append(score_result(result, sequence, consistency, fps=fps, protocol=protocol))
        if progress is not None:
            progress(sequence.name, number, len(opened))
    return Scores(Path(results).resolve().name, dataset.name, tuple(scores), protocol)


def _score_frame(result: Result, sequence: VideoSequence, index: int) -> tuple[float, float, float]:
    """J, F and box overlap of one frame; each mask is read once.

    J and F are NaN without masks, all three where the frame has no truth.
    """
    truth = sequence.truth_mask(index)
    if truth is None and sequence.read_box is None:
        return np.nan, np.nan, np.nan
    mask = None if result.read_mask is None else _filled(result, sequence, index)
    j = f = np.nan
    if truth is not None and mask is not None:
        try:
            j, f = jaccard(mask, truth), boundary_f(mask, truth)
        except InputError as error:
            where = f"frame {sequence.stems[index]} of sequence {sequence.name!r}"
            raise InputError(f"{where} in {result.source} cannot be scored: {error}") from error
    box, wanted = result.box(index, mask), sequence.truth_box(index, truth)
    return j, f, box_iou(box, wanted)


def _score_consistency(
    result: Result, sequence: VideoSequence, estimator: FlowEstimator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """TCONT with respect to the truth and to the result itself, T - 2 values each.

    Frames beside a missing first or last mask have none (NaN).
    """
    total = len(sequence)
    first = 0 if result.mask(0) is not None else 1
    last = total if result.mask(total - 1) is not None else total - 1
    truth_row, self_row = np.full(total - 2, np.nan), np.full(total - 2, np.nan)
    with sequence.frames() as frames:
        masks = (_filled(result, sequence, i) for i in range(first, last))
        flows = _flows(islice(frames, first, last), estimator)
        for index, (mean, own) in enumerate(carried_means(masks, flows), first + 1):
            truth = sequence.truth_mask(index)
            if truth is not None:
                truth_row[index - 1] = carried_overlap(mean, truth)
            self_row[index - 1] = carried_overlap(mean, own)
    return truth_row, self_row


def _filled(result: Result, sequence: VideoSequence, index: int) -> HardHW:
    """Mask of a frame that must have one."""
    mask = result.mask(index)
    if mask is None:
        raise InputError(
            f"frame {sequence.stems[index]} of sequence {sequence.name!r} has no mask in "
            f"{result.source}; give one for every frame"
        )
    return mask


def _flows(
    frames: Iterable[FrameHWC], estimator: FlowEstimator
) -> Iterator[tuple[FlowHW2, FlowHW2]]:
    """Forward and backward flow between neighbours."""
    for first, second in pairwise(frames):
        yield estimator(first, second), estimator(second, first)

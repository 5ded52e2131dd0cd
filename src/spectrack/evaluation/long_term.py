"""Long-term figures of a folder of results: precision, recall and F over confidence (VOT-LT)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.region_overlap import region_overlap, truth_region
from spectrack.evaluation.results import Result
from spectrack.metrics.long_term import (
    RESOLUTION,
    FloatN,
    LongTermCurve,
    confidence_thresholds,
    long_term_curve,
    long_term_total,
)
from spectrack.metrics.regions import jaccard


@dataclass(frozen=True, slots=True, eq=False)
class LongTermScores:
    """Scores of a data set.

    Args:
        sequences: Name to curve.
        total: The mean of the curves; its ``figures`` are those that are quoted.
    """

    sequences: dict[str, LongTermCurve]
    total: LongTermCurve


def score_long_term(
    results: str | Path,
    dataset: Dataset,
    resolution: int | None = RESOLUTION,
    progress: Callable[[int, int], None] | None = None,
) -> LongTermScores:
    """Score result folders with ``boxes.csv``, whose scores are the confidence.

    The frame in which the target is given is left out, and so are frames of unknown truth.

    Args:
        results: The folder.
        dataset: Sequences of one object, which may be absent in some frames.
        resolution: Thresholds at most; None for every confidence that occurs.
        progress: Called with the number of sequences read and in all.

    Raises:
        InputError: If a sequence or its confidences are missing, or no frame shows its target.
    """
    rows = {}
    for number, (name, sequence) in enumerate(dataset.items(), 1):
        rows[name] = _overlaps(Result.of_folder(results, sequence, last=True), sequence)
        if progress is not None:
            progress(number, len(dataset))
    thresholds = confidence_thresholds([sure for _, sure in rows.values()], resolution)
    curves = {}
    for name, (overlaps, sure) in rows.items():
        try:
            curves[name] = long_term_curve(overlaps, sure, thresholds)
        except InputError as error:
            raise InputError(f"sequence {name!r} cannot be scored: {error}") from error
    return LongTermScores(curves, long_term_total(list(curves.values())))


def _overlaps(result: Result, sequence: VideoSequence) -> tuple[FloatN, FloatN]:
    """Overlap and confidence of the frames behind the first one."""
    if result.read_score is None:
        raise InputError(
            f"{result.source} does not tell how sure the tracker is; give results with boxes.csv"
        )
    with sequence.frames() as frames:
        size_wh = frames.size_wh
    start = sequence.first_start
    counted = [i for i in range(start + 1, len(sequence)) if i not in sequence.ignored]
    overlaps = []
    for index in counted:
        truth = truth_region(sequence, index)
        mask = result.mask(index) if sequence.read_mask is not None else None
        if mask is not None and isinstance(truth, np.ndarray):
            overlaps.append(jaccard(mask, truth))
        else:
            overlaps.append(region_overlap(result.box(index), truth, size_wh))
    return np.array(overlaps), np.array([result.read_score(i) for i in counted])

"""From VOT's raw answers to its figures: overlaps read anew, accuracy, robustness, EAO."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.answers import ANSWERS
from spectrack.evaluation.region_overlap import region_overlap, truth_region
from spectrack.evaluation.vot_runs import ANCHORED_FILE, RESTARTED_FILE
from spectrack.metrics.anchors import (
    Anchor,
    AnchoredRun,
    anchor_score,
    anchor_segments,
    anchor_total,
)
from spectrack.metrics.expected_overlap import EAO_INTERVALS, eao, eao_curve, eao_interval
from spectrack.metrics.restarts import (
    RestartedRun,
    restart_score,
    restart_segments,
    restart_total,
)
from spectrack.video.vot_regions import FAILED, STARTED, Region, parse_region

Overlap = Callable[[int, Region], float]


@dataclass(frozen=True, slots=True, eq=False)
class VotScores:
    """Figures of a tracker by VOT.

    Args:
        result: Name of what was scored.
        dataset: Name of the data set.
        mode: ``supervised`` or ``multi-start``.
        sequences: Name to figures.
        total: Figures of all together.
        curve: Expected average overlap over the first n frames, number n for n frames.
        interval: Lengths that EAO is the mean over, in frames.
        interval_of: Whose they are: the name of a challenge, ``sequences`` or ``given``.
    """

    result: str
    dataset: str
    mode: str
    sequences: Mapping[str, Mapping[str, float]]
    total: Mapping[str, float]
    curve: NDArray[np.float64]
    interval: tuple[int, int]
    interval_of: str = "given"


def score_vot(
    results: str | Path,
    dataset: Dataset,
    mode: str,
    interval: tuple[int, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> VotScores:
    """Score the raw answers of a data set.

    Args:
        results: Folder with ``SEQ/SEQ_001.txt``, or ``SEQ/SEQ_00000000.txt`` and so on.
        dataset: The truth.
        mode: ``supervised`` or ``multi-start``.
        interval: Of lengths, for EAO; where left out that of the challenge if the data set knows
            which it is, else that of its sequences' lengths.
        progress: Called with the number of sequences done and in all.

    Returns:
        Figures in [0, 1]: ``accuracy``, ``robustness`` (of restarts: ``reliability`` and
        ``failures``), and of all together ``eao``; NaN where a figure does not exist.

    Raises:
        InputError: If a file is missing or does not fit its sequence.
    """
    read = restarted_run if mode == "supervised" else anchored_runs
    runs: dict[str, Any] = {}
    for number, sequence in enumerate(dataset.values(), 1):
        runs[sequence.name] = read(Path(results) / sequence.name, sequence)
        if progress is not None:
            progress(number, len(dataset))
    lengths = [len(sequence) for sequence in dataset.values()]
    between, whose = interval, "given"
    if between is None:
        whose = dataset.challenge or "sequences"
        between = EAO_INTERVALS.get(whose) or eao_interval(lengths)
    if mode == "supervised":
        of_restarts = {name: restart_score([run]) for name, run in runs.items()}
        figures = {name: _of_restarts(score) for name, score in of_restarts.items()}
        total = _of_restarts(restart_total(list(of_restarts.values())))
        segments = restart_segments({name: [run] for name, run in runs.items()})
    else:
        of_anchors = {name: anchor_score(many) for name, many in runs.items()}
        figures = {name: _of_anchors(score) for name, score in of_anchors.items()}
        total = _of_anchors(anchor_total(list(of_anchors.values())))
        segments = anchor_segments(runs)
    curve = eao_curve(segments, max(*lengths, between[1]))
    try:
        total["eao"] = eao(curve, between)
    except InputError:  # no video is as long
        total["eao"] = math.nan
    name = Path(results).resolve().name
    return VotScores(name, dataset.name, mode, figures, total, curve, between, whose)


def restarted_run(folder: Path, sequence: VideoSequence) -> RestartedRun:
    """The run with restarts over a sequence, its overlaps measured anew.

    Raises:
        InputError: If the file is missing or does not fit the sequence.
    """
    path = folder / RESTARTED_FILE.format(name=sequence.name)
    regions = _regions(path, len(sequence))
    overlap = _overlaps(sequence)
    overlaps = np.array([_asked(overlap, index, one) for index, one in enumerate(regions)])
    starts = tuple(i for i, region in enumerate(regions) if _is(region, STARTED))
    failures = tuple(i for i, region in enumerate(regions) if _is(region, FAILED))
    try:
        return RestartedRun(overlaps, starts, failures)
    except InputError as error:
        raise InputError(f"{path} is no run with restarts: {error}") from error


def anchored_runs(folder: Path, sequence: VideoSequence) -> list[AnchoredRun]:
    """The runs from the anchors of a sequence, their overlaps measured anew.

    Raises:
        InputError: If files are missing or do not fit the sequence.
    """
    total, runs = len(sequence), []
    overlap = _overlaps(sequence)
    for anchor in _anchors(folder):
        path = folder / ANCHORED_FILE.format(name=sequence.name, frame=anchor.frame)
        frames = anchor.frames(total)
        if not 0 <= anchor.frame < total:
            raise InputError(f"{path} starts beyond the {total} frames of {sequence.name!r}")
        regions = _regions(path, len(frames))
        asked = zip(frames, regions, strict=True)
        runs.append(AnchoredRun(anchor, total, np.array([_asked(overlap, *one) for one in asked])))
    return runs


def _anchors(folder: Path) -> list[Anchor]:
    """Where the runs of a sequence started."""
    try:
        told = json.loads((folder / ANSWERS).read_text())["anchors"]
        found = [Anchor(int(one["frame"]), bool(one["backward"])) for one in told]
        if not found:
            raise ValueError("it names no anchor")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / ANSWERS} does not tell the anchors ({error}); give results of the mode "
            "multi-start"
        ) from error
    return found


def _regions(path: Path, frames: int) -> list[Region]:
    """The lines of a file.

    Raises:
        InputError: If it cannot be read, a line is no region, or there are too few or many.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); give results of this mode") from error
    if len(lines) != frames:
        raise InputError(f"{path} has {len(lines)} lines; expected {frames}, one a frame")
    regions = []
    for number, line in enumerate(lines, 1):
        try:
            regions.append(parse_region(line))
        except InputError as error:
            raise InputError(f"line {number} of {path}: {error}") from error
    return regions


def _overlaps(sequence: VideoSequence) -> Overlap:
    """Overlap of a region with the truth of a frame."""
    with sequence.frames() as frames:
        size_wh = frames.size_wh
    return lambda index, region: region_overlap(region, truth_region(sequence, index), size_wh)


def _asked(overlap: Overlap, index: int, region: Region) -> float:
    return math.nan if isinstance(region, int) else overlap(index, region)


def _is(region: Region, code: int) -> bool:
    return isinstance(region, int) and region == code


def _of_restarts(score: Any) -> dict[str, float]:
    return {
        "accuracy": score.accuracy,
        "failures": score.failures,
        "reliability": score.reliability(),
        "failures_per_100": score.failure_rate,
    }


def _of_anchors(score: Any) -> dict[str, float]:
    return {"accuracy": score.accuracy, "robustness": score.robustness}


def vot_dict(scores: VotScores) -> dict[str, Any]:
    """Scores as plain numbers and dictionaries, ready for strict JSON."""
    from spectrack.evaluation.report import without_nan

    out = {
        "result": scores.result,
        "dataset": scores.dataset,
        "mode": scores.mode,
        "total": dict(scores.total),
        "eao_interval": list(scores.interval),
        "eao_interval_of": scores.interval_of,
        "eao_curve": scores.curve.tolist(),
        "sequences": {name: dict(figures) for name, figures in scores.sequences.items()},
    }
    return cast(dict[str, Any], without_nan(out))


def interval_words(interval: Sequence[int], whose: str) -> str:
    """What EAO is the mean over, as people read it.

    Args:
        interval: Shortest and longest length, frames.
        whose: As :attr:`VotScores.interval_of`.
    """
    low, high = interval
    told = {"given": "as given", "sequences": "those of the sequences"}
    return f"lengths of {low} to {high} frames, {told.get(whose, f'those of {whose.upper()}')}"


def vot_rows(scores: VotScores) -> list[tuple[str, ...]]:
    """A table: header, all sequences together, and each."""
    names = list(scores.total)
    rows: list[tuple[str, ...]] = [("", *names)]
    for label, figures in (("all", scores.total), *scores.sequences.items()):
        rows.append((label, *(_shown(figures.get(name)) for name in names)))
    return rows


def _shown(value: float | None) -> str:
    return "" if value is None else "-" if math.isnan(value) else f"{value:.3f}"

"""VOT with restarts (2013 to 2019): accuracy, failures, and segments for expected overlap.

The tracker is given the target in the first frame; where its overlap with the truth falls to zero
it has failed, and is given the target again five frames later (Kristan et al., TPAMI 2016, section
4; VOT2013 to VOT2019). Who runs it that way keeps a :class:`RestartedRun`; this module turns runs
into numbers.

*Accuracy* is the mean overlap over valid frames. The first ten frames from every start on, the
start among them, are left out (burn-in: overlap there is biased by the given truth), and so are
failures and the frames skipped behind them. *Robustness* is the number of failures; *reliability*
the probability exp(-S F / N) that S frames are followed without one, F failures in N frames
(VOT2015, section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.metrics.expected_overlap import Segment

FloatT = NDArray[np.float64]

BURN_IN, SKIPPED = 10, 5
"""Frames from a start that accuracy leaves out; frames from a failure to the next start."""
SENSITIVITY = 30
"""Frames S of reliability, as the reports draw it."""


@dataclass(frozen=True, slots=True, eq=False)
class RestartedRun:
    """One run over one video, started again after every failure.

    Args:
        overlaps: Overlap with the truth, in [0, 1], shape (T,). NaN where there is no truth, and
            in the frames of starts, of failures and between a failure and the next start.
        starts: Frames in which the target was given, increasing.
        failures: Frames in which the tracker failed: one behind every start but the last, which
            may have one.

    Raises:
        InputError: If starts and failures do not take turns inside the video.
    """

    overlaps: FloatT
    starts: tuple[int, ...]
    failures: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        turns = [frame for pair in zip(self.starts, self.failures, strict=False) for frame in pair]
        turns += self.starts[len(self.failures) :]
        fits = len(self.starts) - len(self.failures) in (0, 1) and len(self.starts) > 0
        inside = all(0 <= frame < len(self.overlaps) for frame in turns)
        if not (fits and inside and all(a < b for a, b in pairwise(turns))):
            raise InputError(
                f"starts {list(self.starts)} and failures {list(self.failures)} were given for "
                f"{len(self.overlaps)} frames; expected them to take turns, a start first"
            )

    @property
    def segments(self) -> list[Segment]:
        """From every start to its failure, or to the end of the video."""
        ends = [*self.failures, len(self.overlaps)]
        return [
            Segment(self.overlaps[start:end], number < len(self.failures))
            for number, (start, end) in enumerate(zip(self.starts, ends, strict=False))
        ]

    def valid(self, burn_in: int = BURN_IN) -> NDArray[np.bool_]:
        """Frames whose overlap counts for accuracy, shape (T,).

        Args:
            burn_in: Frames that are left out from every start on, that of the start included.
        """
        counts = np.zeros(len(self.overlaps), dtype=bool)
        for start, end in zip(self.starts, [*self.failures, len(self.overlaps)], strict=False):
            counts[start + max(burn_in, 1) : end] = True
        return counts & ~np.isnan(self.overlaps)


@dataclass(frozen=True, slots=True)
class RestartScore:
    """Figures of one video, or of a data set.

    Args:
        accuracy: Mean overlap over valid frames, each averaged over repetitions first; NaN where no
            frame is valid.
        failures: Number of failures, mean over repetitions.
        frames: Number of frames.
        valid: Number of valid frames.
    """

    accuracy: float
    failures: float
    frames: int
    valid: int

    @property
    def failure_rate(self) -> float:
        """Failures in a hundred frames, the robustness that papers quote for VOT2016 to 2019."""
        return 100 * self.failures / self.frames

    def reliability(self, sensitivity: float = SENSITIVITY) -> float:
        """Probability that so many frames are followed without a failure, in [0, 1]."""
        return math.exp(-sensitivity * self.failures / self.frames)


def restart_score(runs: Sequence[RestartedRun], burn_in: int = BURN_IN) -> RestartScore:
    """Accuracy and failures of the repeated runs over one video.

    The overlap of a frame is its mean over the repetitions in which it is valid; accuracy is the
    mean of that over the frames that are valid in one repetition at least (TPAMI 2016, section 4).

    Args:
        runs: One a repetition; trackers that always answer the same need one.
        burn_in: Frames left out behind a start.

    Raises:
        InputError: If there is no run, or they differ in length.
    """
    if not runs or len({len(run.overlaps) for run in runs}) > 1:
        raise InputError(
            f"{len(runs)} runs of different lengths, or none, were given; expected repeated runs "
            "over one video"
        )
    counts = np.stack([run.valid(burn_in) for run in runs])
    overlaps = np.stack([run.overlaps for run in runs])
    times = counts.sum(axis=0)
    seen = times > 0
    of_frame = np.where(counts, overlaps, 0).sum(axis=0)[seen] / times[seen]
    return RestartScore(
        accuracy=float(of_frame.mean()) if seen.any() else math.nan,
        failures=sum(len(run.failures) for run in runs) / len(runs),
        frames=len(runs[0].overlaps),
        valid=int(np.count_nonzero(seen)),
    )


def restart_total(scores: Sequence[RestartScore]) -> RestartScore:
    """Figures of a data set from those of its videos.

    Every valid frame weighs the same in accuracy (the reports' weighted mean); failures are summed.

    Args:
        scores: One a video.
    """
    there = [score for score in scores if score.valid]
    valid = sum(score.valid for score in there)
    return RestartScore(
        accuracy=sum(s.accuracy * s.valid for s in there) / valid if valid else math.nan,
        failures=sum(score.failures for score in scores),
        frames=sum(score.frames for score in scores),
        valid=valid,
    )


def restart_segments(runs: Mapping[str, Sequence[RestartedRun]]) -> Iterator[Segment]:
    """All segments of all runs of all videos, for :func:`~expected_overlap.eao_curve`."""
    for repeated in runs.values():
        for run in repeated:
            yield from run.segments

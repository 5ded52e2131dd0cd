"""Mean, recall and decay of a score over time (DAVIS-2016), sums that add up, and groups.

The scores of one sequence give a :class:`Summary`. A :class:`Sums` holds what is needed to average
many sequences; sums of parts (processes, machines, resumed runs) add to the sum of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

RECALL_ABOVE = 0.5
DECAY_BINS = 4


@dataclass(frozen=True, slots=True)
class Summary:
    """Scores of one sequence.

    Args:
        mean: Mean over frames.
        recall: Share of frames whose score is above 0.5.
        decay: Mean of the first quarter of the frames minus mean of the last.
        frames: Number of frames with a score.
    """

    mean: float
    recall: float
    decay: float
    frames: int


NO_SUMMARY = Summary(math.nan, math.nan, math.nan, 0)
"""Of a sequence without a score, as T has none where every mask is empty."""


def decay_bins(frames: int) -> list[slice]:
    """The four parts of a sequence; neighbours share the frame at their border, as published.

    Args:
        frames: Number of scored frames, >= 1.
    """
    # Tiny lift: halves are rounded up, not to even.
    borders = np.round(np.linspace(1, frames, DECAY_BINS + 1) + 1e-10).astype(int) - 1
    return [slice(int(a), int(b) + 1) for a, b in pairwise(borders)]


def summarise(scores_t: NDArray[Any] | Iterable[float]) -> Summary:
    """Mean, recall and decay of the scores of one sequence.

    Frames without a score (NaN) are left out of every average.

    Args:
        scores_t: One score a frame, shape (T,); first and last frame already dropped.

    Raises:
        InputError: If no frame has a score.
    """
    scores = np.asarray(scores_t if isinstance(scores_t, np.ndarray) else list(scores_t), float)
    valid = scores[~np.isnan(scores)]
    if scores.ndim != 1 or valid.size == 0:
        raise InputError(
            f"scores of shape {scores.shape} hold {valid.size} numbers; expected one score a frame"
        )
    parts = decay_bins(scores.size)
    first, last = scores[parts[0]], scores[parts[-1]]
    return Summary(
        mean=float(valid.mean()),
        recall=float(np.mean(valid > RECALL_ABOVE)),
        decay=_mean(first) - _mean(last),
        frames=int(valid.size),
    )


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of what is not NaN; NaN where nothing is left."""
    valid = values[~np.isnan(values)]
    return float(valid.mean()) if valid.size else float("nan")


@dataclass(frozen=True, slots=True)
class Sums:
    """What averages over sequences and frames are made of; ``a + b`` is the sum of both parts.

    Args:
        sequences: Number of sequences.
        mean_sum: Sum of their means.
        recall_sum: Sum of their recalls.
        decay_sum: Sum of the decays that exist.
        decays: Number of sequences that have one.
        frames: Number of frames.
        score_sum: Sum of the scores of all frames.
    """

    sequences: int = 0
    mean_sum: float = 0.0
    recall_sum: float = 0.0
    decay_sum: float = 0.0
    decays: int = 0
    frames: int = 0
    score_sum: float = 0.0

    @classmethod
    def of(cls, *summaries: Summary) -> Sums:
        """Sums over sequences, without those that have no score."""
        total = cls()
        for s in summaries:
            if not s.frames:
                continue
            has = not np.isnan(s.decay)
            decay = s.decay if has else 0.0
            total += cls(1, s.mean, s.recall, decay, int(has), s.frames, s.mean * s.frames)
        return total

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.sequences + other.sequences,
            self.mean_sum + other.mean_sum,
            self.recall_sum + other.recall_sum,
            self.decay_sum + other.decay_sum,
            self.decays + other.decays,
            self.frames + other.frames,
            self.score_sum + other.score_sum,
        )

    @property
    def mean(self) -> float:
        """Mean over sequences of their means, as DAVIS averages; NaN without sequences."""
        return _ratio(self.mean_sum, self.sequences)

    @property
    def recall(self) -> float:
        """Mean recall over sequences."""
        return _ratio(self.recall_sum, self.sequences)

    @property
    def decay(self) -> float:
        """Mean decay over sequences."""
        return _ratio(self.decay_sum, self.decays)

    @property
    def frame_mean(self) -> float:
        """Mean over all frames, so that long sequences count more."""
        return _ratio(self.score_sum, self.frames)


def seen_and_unseen(
    j: Sequence[float], f: Sequence[float], seen: Sequence[bool]
) -> dict[str, float]:
    """The figures of YouTube-VOS (Xu et al., arXiv 1809.03327, section 4.1).

    Args:
        j: Mean J over frames of every object.
        f: Mean F likewise.
        seen: Whether the object is of a category that was seen in training.

    Returns:
        ``J_seen``, ``J_unseen``, ``F_seen``, ``F_unseen``: means over the objects of the group; and
        ``G``, the mean of the four. NaN where a group has no object.
    """
    out = {}
    for name, values in (("J", j), ("F", f)):
        for group, wanted in (("seen", True), ("unseen", False)):
            known = zip(values, seen, strict=True)
            mine = [v for v, kind in known if kind == wanted and not math.isnan(v)]
            out[f"{name}_{group}"] = _ratio(sum(mine), len(mine))
    return out | {"G": sum(out.values()) / len(out)}


def _ratio(total: float, number: int) -> float:
    return total / number if number else float("nan")

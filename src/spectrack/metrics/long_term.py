"""Long-term tracking: precision, recall and F over thresholds of confidence (VOT-LT).

Source: Lukezic et al., "Now you see me: evaluating performance in long-term visual tracking", 2018,
section 3, and the long-term challenges of VOT2018 to VOT2022. A tracker says in every frame where
the target is and how sure it is. At a threshold it *reports* the target where it is at least that
sure. *Precision* is the mean overlap over the frames in which it reports, with overlap 0 where the
target is absent; *recall* the mean overlap over the frames that show the target, with 0 where it
does not report; F their harmonic mean. The figures are those at the threshold with the highest F.

What the paper leaves open, and how it is here: curves are averaged over videos before F is formed;
a threshold at which nothing is reported has precision 1 and recall 0; a frame in which the tracker
says that it found nothing is never reported. The frame in which the target is given is to be left
out by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

FloatN = NDArray[np.float64]
RESOLUTION = 100
"""Thresholds of the challenges."""


@dataclass(frozen=True, slots=True, eq=False)
class LongTermCurve:
    """Precision and recall over thresholds.

    Args:
        thresholds: Descending, shape (K,).
        precision: In [0, 1], shape (K,).
        recall: Likewise.
    """

    thresholds: FloatN
    precision: FloatN
    recall: FloatN

    @property
    def f(self) -> FloatN:
        """Harmonic mean of both, shape (K,); 0 where both are 0."""
        both = self.precision + self.recall
        product = 2 * self.precision * self.recall
        return np.divide(product, both, out=np.zeros_like(both), where=both > 0)

    @property
    def figures(self) -> dict[str, float]:
        """``f``, ``precision``, ``recall`` and ``threshold`` where F is highest."""
        best = int(self.f.argmax())
        return {
            "f": float(self.f[best]),
            "precision": float(self.precision[best]),
            "recall": float(self.recall[best]),
            "threshold": float(self.thresholds[best]),
        }


def confidence_thresholds(
    confidences: Sequence[NDArray[Any]], resolution: int | None = RESOLUTION
) -> FloatN:
    """Thresholds that all videos are measured at, descending, infinity first and last.

    Args:
        confidences: Of the frames of every video; NaN where nothing was found.
        resolution: How many at most, at equal steps of rank among all confidences, as the
            challenges do it; None for every confidence that occurs.

    Raises:
        InputError: If ``resolution`` < 3.
    """
    if resolution is not None and resolution < 3:
        raise InputError(f"a resolution of {resolution} was given; expected at least 3 thresholds")
    known = np.concatenate([np.zeros(0), *(np.asarray(c, dtype=np.float64) for c in confidences)])
    known = np.sort(known[~np.isnan(known)])[::-1]
    if resolution is not None and known.size > resolution - 2:
        step = known.size // (resolution - 2)
        ranks = np.rint(np.linspace(step, known.size - step, resolution - 2)).astype(int)
        known = known[ranks]
    return np.concatenate([[np.inf], np.unique(known)[::-1], [-np.inf]])


def long_term_curve(
    overlaps_t: NDArray[Any], confidences_t: NDArray[Any], thresholds: NDArray[Any]
) -> LongTermCurve:
    """Precision and recall of one video.

    Args:
        overlaps_t: Overlap of every frame that counts, shape (T,), in [0, 1]; NaN where the target
            is absent.
        confidences_t: How sure the tracker is, shape (T,); NaN where it found nothing.
        thresholds: Shape (K,), descending.

    Raises:
        InputError: If both differ in length or no frame shows the target.
    """
    overlaps, confidences = np.asarray(overlaps_t, float), np.asarray(confidences_t, float)
    visible = int(np.count_nonzero(~np.isnan(overlaps)))
    if overlaps.shape != confidences.shape or visible == 0:
        raise InputError(
            f"{len(overlaps)} overlaps, {visible} of them with the target, and {len(confidences)} "
            "confidences were given; expected one of each a frame, and the target in one at least"
        )
    order = np.argsort(-confidences, kind="stable")  # NaN last
    order = order[: np.count_nonzero(~np.isnan(confidences))]
    summed = np.concatenate([[0.0], np.cumsum(np.nan_to_num(overlaps)[order])])
    levels = np.asarray(thresholds, dtype=np.float64)
    reported = np.searchsorted(-confidences[order], -levels, side="right")
    gained = summed[reported]
    precision = np.divide(gained, reported, out=np.ones(levels.size), where=reported > 0)
    return LongTermCurve(levels, precision, gained / visible)


def long_term_total(curves: Sequence[LongTermCurve]) -> LongTermCurve:
    """The curve of a data set: the mean of its videos' curves.

    Args:
        curves: At the same thresholds, one at least.

    Raises:
        InputError: If there is none, or thresholds differ.
    """
    if not curves or any(not np.array_equal(c.thresholds, curves[0].thresholds) for c in curves):
        raise InputError(
            f"{len(curves)} curves of different thresholds, or none, were given; measure all "
            "videos at the same thresholds"
        )
    return LongTermCurve(
        curves[0].thresholds,
        np.mean([c.precision for c in curves], axis=0, dtype=np.float64),
        np.mean([c.recall for c in curves], axis=0, dtype=np.float64),
    )

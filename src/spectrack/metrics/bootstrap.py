"""How sure a mean over sequences is: bootstrap over the sequences (Efron, 1979).

As many sequences are drawn with replacement as there are, many times; the means of the draws tell
how the mean would vary over other sequences of the kind. All methods share the draws, so that they
are compared on the same ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

FloatT = NDArray[np.float64]

RESAMPLES = 10_000
LEVEL = 0.95
_BATCH = 4_000_000
"""Numbers drawn at a time."""


def bootstrap_means(values_ks: FloatT, resamples: int = RESAMPLES, seed: int = 0) -> FloatT:
    """Means of draws.

    Args:
        values_ks: A value for each method and sequence, shape (K, S); NaN where there is none,
            which is left out of the means.
        resamples: Number of draws.
        seed: Of the random numbers.

    Returns:
        Shape (K, resamples); NaN for draws without a value.

    Raises:
        InputError: If there is no sequence, or no draw.
    """
    values = np.asarray(values_ks, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 1 or resamples < 1:
        raise InputError(
            f"values of shape {values.shape} and {resamples} resamples were given; expected "
            "(methods, sequences) with a sequence at least"
        )
    count = values.shape[1]
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    rng = np.random.default_rng(seed)
    parts = []
    done = 0
    while done < resamples:
        size = min(resamples - done, max(1, _BATCH // count))
        drawn = rng.integers(0, count, (size, count))
        if there.all():
            parts.append(np.stack([row[drawn].mean(axis=1) for row in filled]))
        else:
            totals = [row[drawn].sum(axis=1) for row in filled]
            numbers = [row[drawn].sum(axis=1) for row in there]
            with np.errstate(invalid="ignore"):
                parts.append(np.stack(totals) / np.stack(numbers))
        done += size
    return np.concatenate(parts, axis=1)


def interval(means_r: FloatT, level: float = LEVEL) -> tuple[float, float]:
    """The interval that holds a share of the draws: from percentile to percentile.

    Args:
        means_r: Of one method, from :func:`bootstrap_means`.
        level: The share, in (0, 1).
    """
    valid = means_r[~np.isnan(means_r)]
    if not valid.size:
        return float("nan"), float("nan")
    tail = 50 * (1 - level)
    low, high = np.percentile(valid, [tail, 100 - tail])
    return float(low), float(high)


def best_shares(means_kr: FloatT) -> FloatT:
    """Share of the draws in which each method has the highest mean, shape (K,); ties are shared."""
    means = np.where(np.isnan(means_kr), -np.inf, means_kr)
    best = means == means.max(axis=0)
    return np.asarray((best / best.sum(axis=0)).mean(axis=1), dtype=np.float64)

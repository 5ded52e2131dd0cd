"""How sure a mean over sequences is: bootstrap over the sequences (Efron, 1979).

As many sequences are drawn with replacement as there are, many times; the means of the draws tell
how the mean would vary over other sequences of the kind. All methods share the draws, so that they
are compared on the same ones. Values of one sequence, as those of its objects, depend on each other
and are drawn together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

FloatT = NDArray[np.float64]

RESAMPLES = 10_000
LEVEL = 0.95
_BATCH = 4_000_000
"""Numbers drawn at a time."""


def bootstrap_means(
    values_ks: FloatT,
    resamples: int = RESAMPLES,
    seed: int = 0,
    groups: Sequence[object] | None = None,
) -> FloatT:
    """Means of draws.

    Args:
        values_ks: A value for each method and sequence, or object of one, shape (K, S); NaN where
            there is none, which is left out of the means.
        resamples: Number of draws.
        seed: Of the random numbers.
        groups: What is drawn as a whole: the sequence of each value, S of them; each value alone
            where left out.

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
    names = list(range(values.shape[1])) if groups is None else list(groups)
    if len(names) != values.shape[1]:
        raise InputError(
            f"{len(names)} groups were given for {values.shape[1]} values; give one each"
        )
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    member = np.zeros((values.shape[1], len(places)))
    member[np.arange(len(names)), [places[name] for name in names]] = 1
    there = ~np.isnan(values)
    sums, numbers = np.where(there, values, 0.0) @ member, there @ member
    count = len(places)
    rng = np.random.default_rng(seed)
    parts = []
    done = 0
    while done < resamples:
        size = min(resamples - done, max(1, _BATCH // count))
        drawn = rng.integers(0, count, (size, count))
        totals = np.stack([row[drawn].sum(axis=1) for row in sums])
        with np.errstate(invalid="ignore"):
            parts.append(totals / np.stack([row[drawn].sum(axis=1) for row in numbers]))
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

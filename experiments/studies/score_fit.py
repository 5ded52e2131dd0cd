"""Fits the numbers of SFTrack++'s score to true J, and measures how well they hold.

Rows are those of ``box_and_score.py``: dicts of ``t``, ``j``, ``found`` and ``signals``, one a
frame, by the name of their run; ``NAME@PLACE`` begins elsewhere in the sequence ``NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from spectrack.trackers.sftrack.confidence import BIAS, FIRST, LATER, score_of

Floats = NDArray[np.float64]
Rows = list[dict[str, Any]]
FOLDS, RIDGE, BINS, SEED = 10, 3e-4, 10, 0
OTHERS = 0.3
"""Weight of a run from another place against one from the first frame."""
EARLY = 11
"""Last frame in which the weight of the first mask's score is fitted: later the tracker has
recovered from it, or has drifted for other reasons."""


def table_of(
    kept_rows: Mapping[str, Rows], first: bool
) -> tuple[list[dict[str, float]], Floats, NDArray[Any]]:
    """Signals, J and sequence of the first frames, or of all others in which a mask was found."""
    rows = [
        (r["signals"], r["j"], name)
        for name, some in kept_rows.items()
        for r in some
        if (r["t"] == 0) == first and r["found"] and r["signals"]
    ]
    return [r[0] for r in rows], np.array([r[1] for r in rows]), np.array([r[2] for r in rows])


def shares(names: NDArray[Any]) -> Floats:
    """Weights by which every run counts alike, those from other places less; they sum to 1."""
    counts = {n: np.count_nonzero(names == n) for n in set(names)}
    weights = np.array([(OTHERS if "@" in n else 1) / counts[n] for n in names])
    return np.asarray(weights / weights.sum())


def fitted(
    signals: Sequence[Mapping[str, float]],
    j: Floats,
    weights: Floats,
    keys: Sequence[str],
    held: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Numbers of least squared error against J, none of them negative but the bias.

    Those ``held`` stay as they are.
    """
    held = held or {}
    free = [k for k in keys if k not in held]
    a = np.array([[s[k] for k in free] for s in signals])
    offset = np.array([sum(v * s[k] for k, v in held.items()) for s in signals])
    mean, spread = a.mean(0), a.std(0) + 1e-9
    z, w = (a - mean) / spread, weights / weights.sum()

    def loss(p: Floats) -> tuple[float, Floats]:
        q = 1 / (1 + np.exp(-(z @ p[1:] + p[0] + offset)))
        g = 2 * w * (q - j) * q * (1 - q)
        value = float((w * (q - j) ** 2).sum() + RIDGE * (p[1:] ** 2).sum())
        return value, np.concatenate([[g.sum()], g @ z + 2 * RIDGE * p[1:]])

    bounds = [(None, None), *[(0, None)] * len(free)]
    start = np.concatenate([[1.0], np.full(len(free), 0.3)])
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    slopes = dict(zip(free, (found[1:] / spread).tolist(), strict=True))
    bias = float(found[0] - sum(s * m for s, m in zip(slopes.values(), mean, strict=True)))
    return {BIAS: bias, **{k: held.get(k, slopes.get(k, 0.0)) for k in keys}}


def fit_all(some: Mapping[str, Rows]) -> dict[str, dict[str, float]]:
    """Numbers of the first frame, and with its scores those of later ones."""
    signals, j, names = table_of(some, True)
    first = fitted(signals, j, shares(names), [k for k in FIRST if k != BIAS])
    keys = [k for k in LATER if k != BIAS]
    rows = scored(some, first)
    early = {n: [r for r in v if r["t"] <= EARLY] for n, v in rows.items()}
    signals, j, names = table_of(early, False)
    held = {"first": fitted(signals, j, shares(names), keys)["first"]}
    signals, j, names = table_of(rows, False)
    return {"first": first, "later": fitted(signals, j, shares(names), keys, held)}


def scored(some: Mapping[str, Rows], first: Mapping[str, float]) -> dict[str, Rows]:
    """The same rows with the first frame's score, by these numbers, among the signals."""
    out = {}
    for name, rows in some.items():
        score = score_of(rows[0]["signals"], first)
        told = [
            r | {"signals": r["signals"] | {"first": score}} if r["t"] and r["signals"] else r
            for r in rows
        ]
        out[name] = told
    return out


def left_out(some: Mapping[str, Rows], first: bool) -> Floats:
    """Scores of every sequence by numbers fitted to sequences of other folds."""
    every = sorted({n.split("@")[0] for n in some})
    order = np.random.default_rng(SEED).permutation(every)
    by_run: dict[str, list[float]] = {}
    for fold in np.array_split(order, min(FOLDS, len(every))):
        inside = {n: v for n, v in some.items() if n.split("@")[0] in fold}
        numbers = fit_all({n: v for n, v in some.items() if n not in inside})
        for n, v in scored(inside, numbers["first"]).items():
            signals, _, _ = table_of({n: v}, first)
            by_run[n] = [score_of(s, numbers["first" if first else "later"]) for s in signals]
    return np.array([s for n in some for s in by_run[n]])


def reliability(scores: Floats, j: Floats, names: NDArray[Any]) -> dict[str, Any]:
    """Expected calibration error, mean error, and the curve: score, J and weight of each bin."""
    weights = shares(names)
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    curve = [
        [float(np.average(v[bins == b], weights=weights[bins == b])) for v in (scores, j)]
        + [float(weights[bins == b].sum())]
        for b in sorted(set(bins.tolist()))
    ]
    return {
        "ece": sum(w * abs(s - t) for s, t, w in curve),
        "mean error": float((weights * np.abs(scores - j)).sum()),
        "squared error": float((weights * (scores - j) ** 2).sum()),
        "curve": curve,
    }

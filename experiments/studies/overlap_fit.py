"""Fits scores that estimate the overlap of a box, and measures how well they hold.

Rows are dicts of ``signals``, ``network`` (the network's own score) and ``iou``, one a frame, by
the name of their sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.studies.box_trackers import reliability
from experiments.studies.score_fit import fitted, shares
from spectrack.tracking.overlap_score import BIAS, expected_overlap

FOLDS = 6
Rows = list[dict[str, Any]]
Floats = NDArray[np.float64]


def fit(runs: Mapping[str, Rows], names: Sequence[str]) -> dict[str, float]:
    """Numbers of least squared error, every sequence counting alike; none negative but the bias."""
    signals, overlaps, sequences = table_of(runs)
    return fitted(signals, overlaps, shares(sequences), [name for name in names if name != BIAS])


def table_of(
    runs: Mapping[str, Rows],
) -> tuple[list[Mapping[str, float]], Floats, NDArray[Any]]:
    """Signals, true overlaps and names of sequences, one a frame."""
    rows = [(name, row) for name, some in runs.items() for row in some]
    overlaps = np.array([row["iou"] for _, row in rows])
    return [row["signals"] for _, row in rows], overlaps, np.array([name for name, _ in rows])


def scores_of(runs: Mapping[str, Rows], numbers: Mapping[str, float]) -> Floats:
    """Scores of all frames by given numbers."""
    return np.array(
        [expected_overlap(row["signals"], numbers) for rows in runs.values() for row in rows]
    )


def network_scores(runs: Mapping[str, Rows]) -> Floats:
    """The network's own scores of all frames."""
    return np.array([row["network"] for rows in runs.values() for row in rows])


def left_out(runs: Mapping[str, Rows], names: Sequence[str]) -> Floats:
    """Scores of every sequence by numbers fitted to the other folds."""
    by_name = {}
    for fold in range(FOLDS):
        inside = {n: rows for k, (n, rows) in enumerate(runs.items()) if k % FOLDS == fold}
        numbers = fit({n: rows for n, rows in runs.items() if n not in inside}, names)
        by_name |= {n: scores_of({n: rows}, numbers) for n, rows in inside.items()}
    return np.concatenate([by_name[n] for n in runs])


def worth(scores: Floats, overlaps: Floats) -> dict[str, Any]:
    """What scores are worth: see :func:`box_trackers.reliability`; and their mean error."""
    return reliability(scores, overlaps) | {"error": float(np.abs(scores - overlaps).mean())}

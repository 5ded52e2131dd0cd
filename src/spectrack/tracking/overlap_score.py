"""Scores that estimate the overlap of a box with the true one, for trackers that answer by cells.

    score = 1 / (1 + exp(-(bias + number * signal + ...)))

What a Siamese network says of the cell it chose is near 1 almost always, also on another thing than
the target. Here is what else speaks for a box; the numbers are a tracker's own, fitted to the true
overlap. A look-alike that was taken for the target is as sure of its box as the target: such a
score tells how good a box is, not whose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BIAS = "bias"
MOST = 14.0
"""Logits are cut there; in single precision scores of more are no longer told apart."""
Floats = NDArray[np.floating[Any]]


def expected_overlap(found: Mapping[str, float], numbers: Mapping[str, float]) -> float:
    """The formula of the module; in (0, 1).

    Args:
        found: Name to value of signals.
        numbers: Of those of them that count, and the bias.
    """
    total = sum(value * (1.0 if name == BIAS else found[name]) for name, value in numbers.items())
    return 1 / (1 + math.exp(-total))


def certainty(score: float) -> float:
    """Logit of a score in [0, 1] over the greatest that is told; in [-1, 1]."""
    odds = score / max(1 - score, 1e-9)
    return max(min(math.log(max(odds, 1e-9)), MOST) / MOST, -1.0)


def agreement(scores_n: Floats, corners_4n: Floats, best: int) -> float:
    """Mean overlap of all boxes with the chosen one, weighed by their scores; in [0, 1].

    Args:
        scores_n: Of every cell, in [0, 1].
        corners_4n: Left, top, right and bottom of every cell's box.
        best: The chosen cell.
    """
    chosen_4 = corners_4n[:, best]
    low_2n = np.maximum(corners_4n[:2], chosen_4[:2, None])
    high_2n = np.minimum(corners_4n[2:], chosen_4[2:, None])
    both_n = np.prod(np.maximum(high_2n - low_2n, 0), axis=0)
    areas_n = np.prod(corners_4n[2:] - corners_4n[:2], axis=0)
    either_n = areas_n + np.prod(chosen_4[2:] - chosen_4[:2]) - both_n
    overlaps_n = both_n / np.maximum(either_n, 1e-9)
    return weighed_mean(overlaps_n, scores_n)


def weighed_mean(values_n: Floats, weights_n: Floats) -> float:
    """Mean of values by weights of 0 or more; 0 where there are none."""
    weights = weights_n.astype(np.float64)
    return float((values_n * weights).sum() / max(float(weights.sum()), 1e-9))

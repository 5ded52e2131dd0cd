"""The score of FEAR: an estimate of the overlap of its box with the true one.

    score = 1 / (1 + exp(-(bias + certainty * logit + agreement * agreement)))

What the network itself says of a cell is near 1 almost always. How well the boxes of other cells of
the target agree with the chosen one tells more. The numbers were fitted to the true overlap on
DAVIS training sequences, each counting alike: ``experiments/studies/fear_score.py`` finds them
again, and shows how well they hold elsewhere. A look-alike that was taken for the target is as sure
of its box as the target: the score tells how good a box is, not whose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

BIAS = "bias"
NUMBERS: Mapping[str, float] = MappingProxyType({BIAS: -4.51, "certainty": 0.48, "agreement": 6.02})
MOST = 14.0
"""Logits are cut there; in single precision scores of more are no longer told apart."""


def signals(
    scores_hw: NDArray[np.float32], corners_4hw: NDArray[np.float64], cell: tuple[int, int]
) -> dict[str, float]:
    """What speaks for a box.

    Args:
        scores_hw: Of every cell, in [0, 1].
        corners_4hw: Left, top, right and bottom of every cell's box.
        cell: The chosen one.

    Returns:
        ``certainty``: logit of the chosen cell's score over 14, at most 1; ``agreement``: mean
        overlap of all boxes with the chosen one, weighed by their scores, in [0, 1].
    """
    score = float(scores_hw[cell])
    odds = score / max(1 - score, 1e-9)
    certainty = max(min(math.log(max(odds, 1e-9)), MOST) / MOST, -1.0)
    chosen_4 = corners_4hw[(slice(None), *cell)]
    overlaps_hw = _overlaps(corners_4hw, chosen_4)
    weights_hw = scores_hw.astype(np.float64)
    agreement = float((overlaps_hw * weights_hw).sum() / max(float(weights_hw.sum()), 1e-9))
    return {"certainty": certainty, "agreement": agreement}


def expected_overlap(found: Mapping[str, float], numbers: Mapping[str, float] = NUMBERS) -> float:
    """The formula of the module; in (0, 1)."""
    total = numbers[BIAS] + sum(numbers[name] * value for name, value in found.items())
    return 1 / (1 + math.exp(-total))


def _overlaps(
    corners_4hw: NDArray[np.float64], chosen_4: NDArray[np.float64]
) -> NDArray[np.float64]:
    low_2hw = np.maximum(corners_4hw[:2], chosen_4[:2, None, None])
    high_2hw = np.minimum(corners_4hw[2:], chosen_4[2:, None, None])
    both_hw = np.prod(np.maximum(high_2hw - low_2hw, 0), axis=0)
    areas_hw = np.prod(corners_4hw[2:] - corners_4hw[:2], axis=0)
    either_hw = areas_hw + np.prod(chosen_4[2:] - chosen_4[:2]) - both_hw
    overlaps: NDArray[np.float64] = both_hw / np.maximum(either_hw, 1e-9)
    return overlaps

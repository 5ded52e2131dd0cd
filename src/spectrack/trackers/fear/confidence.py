"""The score of FEAR: an estimate of the overlap of its box with the true one.

See :mod:`spectrack.tracking.overlap_score`. How well the boxes of other cells of the target agree
with the chosen one tells more than what the network says of that. The numbers were fitted to the
true overlap on DAVIS training sequences, each counting alike:
``experiments/studies/fear_score.py`` finds them again, and shows how well they hold elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spectrack.tracking.overlap_score import BIAS, agreement, certainty

NUMBERS: Mapping[str, float] = MappingProxyType({BIAS: -4.51, "certainty": 0.48, "agreement": 6.02})


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
    best = cell[0] * scores_hw.shape[1] + cell[1]
    return {
        "certainty": certainty(float(scores_hw[cell])),
        "agreement": agreement(scores_hw.ravel(), corners_4hw.reshape(4, -1), best),
    }

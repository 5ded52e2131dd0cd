"""From the filter's coarse scores to the target's place: Fourier upsampling, a window, the peaks.

As in ECO and ATOM scores are taken for samples of a periodic function with the lowest frequencies
only, and read at every pixel of the patch.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spectrack.tracking.localisation import ScoreMap, Sighting, Thresholds, localise
from spectrack.tracking.patches import PairYX, pair
from spectrack.tracking.score_upsampling import upsample_scores

KERNEL = 4
"""Side of the filter."""


@lru_cache(maxsize=4)
def hann(side: int) -> NDArray[np.float32]:
    """The window along one axis, 1 at ``side / 2`` and not quite 0 at the ends."""
    k = np.arange(side) - side // 2
    return (0.5 * (1 + np.cos(2 * math.pi * k / (side + 2)))).astype(np.float32)


def located(scores_hw: Tensor, side: int, target_hw: PairYX, limits: Thresholds) -> Sighting:
    """Where the target is in a patch, and whether something else looks like it.

    Args:
        scores_hw: Of the filter, see :func:`score_map`.
        side: Pixels of the patch.
        target_hw: Size of the target in them.
        limits: What decides.
    """
    return localise(score_map(scores_hw, side), target_hw, pair((0, 0)), limits)


def score_map(scores_hw: Tensor, side: int) -> ScoreMap:
    """Scores at every pixel of a patch, under the window.

    Args:
        scores_hw: float32 (n, n) of a filter with even kernel.
        side: Pixels of the patch, even.
    """
    window = hann(side)
    fine = upsample_scores(scores_hw.cpu(), (side, side), KERNEL).numpy()
    middle = pair((side // 2, side // 2))
    return ScoreMap(fine * window[:, None] * window, pair((1, 1)), middle)

"""From the filter's coarse scores to the target's place: Fourier upsampling, a window, the peaks.

As in ECO and ATOM scores are taken for samples of a periodic function with the lowest frequencies
only, and read at every pixel of the patch.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import SoftHW
from spectrack.tracking.localisation import ScoreMap, Sighting, Thresholds, localise
from spectrack.tracking.patches import PairYX, pair


def upsampled(scores_hw: SoftHW, side: int) -> SoftHW:
    """Scores at every pixel of a patch, the patch's middle at ``side / 2``.

    Args:
        scores_hw: float32 (n, n) of a filter with even kernel, n even: a target in the middle of
            the patch has its score in cell n / 2.
        side: Pixels of the patch.

    Returns:
        float32 (side, side).
    """
    rows = _kernel(scores_hw.shape[0], side)
    columns = _kernel(scores_hw.shape[1], side)
    return np.asarray(rows @ scores_hw @ columns.T, np.float32)


@lru_cache(maxsize=4)
def _kernel(cells: int, side: int) -> NDArray[np.float32]:
    """Values at pixels of the function that is one in one cell, for every cell: (side, cells).

    The highest frequency of an even number of cells counts on both sides, as published.
    """
    place = np.arange(side)[:, None] / side - np.arange(cells) / cells
    high = cells // 2
    each = [2 * np.cos(2 * math.pi * k * place) for k in range(1, high + 1)]
    return ((1 + np.sum(each, axis=0)) / cells).astype(np.float32)


@lru_cache(maxsize=4)
def hann(side: int) -> NDArray[np.float32]:
    """The window along one axis, 1 at ``side / 2`` and not quite 0 at the ends."""
    k = np.arange(side) - side // 2
    return (0.5 * (1 + np.cos(2 * math.pi * k / (side + 2)))).astype(np.float32)


def located(scores_hw: SoftHW, side: int, target_hw: PairYX, limits: Thresholds) -> Sighting:
    """Where the target is in a patch, and whether something else looks like it.

    Args:
        scores_hw: Of the filter, see :func:`upsampled`.
        side: Pixels of the patch.
        target_hw: Size of the target in them.
        limits: What decides.
    """
    return localise(score_map(scores_hw, side), target_hw, pair((0, 0)), limits)


def score_map(scores_hw: SoftHW, side: int) -> ScoreMap:
    """Upsampled scores under the window."""
    window = hann(side)
    scores = upsampled(scores_hw, side) * window[:, None] * window
    return ScoreMap(scores, pair((1, 1)), pair((side // 2, side // 2)))

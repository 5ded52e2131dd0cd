"""The score of NanoTrack: an estimate of the overlap of its box with the true one.

See :mod:`spectrack.tracking.overlap_score`. The numbers were fitted to the true overlap on DAVIS
training sequences, each counting alike: ``experiments/studies/nanotrack_score.py`` finds them
again, shows how well they hold on sequences that were left out, and what else was tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spectrack.trackers.nanotrack.network import SEARCH
from spectrack.tracking.overlap_score import BIAS, agreement, certainty
from spectrack.tracking.siamese import Candidates, Choice

NUMBERS: Mapping[str, float] = MappingProxyType({BIAS: -2.40, "certainty": 0.77, "agreement": 4.01})
LARGEST = 64.0 * SEARCH
"""Sides of boxes are cut there: networks of random numbers answer with ones beyond any number."""


def signals(found: Candidates, choice: Choice) -> dict[str, float]:
    """What speaks for a box.

    Args:
        found: Boxes and scores of all cells.
        choice: The chosen one.

    Returns:
        ``certainty``: logit of the chosen cell's score over 14, at most 1. ``agreement``: mean
        overlap of all boxes with the chosen one, weighed by their scores, in [0, 1].
    """
    k = choice.best
    return {
        "certainty": certainty(float(found.score[k])),
        "agreement": agreement(found.score, corners_of(found), k),
    }


def corners_of(found: Candidates) -> NDArray[np.float64]:
    """Left, top, right and bottom of every box, (4, N), in pixels from the region's centre."""
    sides = np.clip(np.stack([found.w, found.h]).astype(np.float64), 0, LARGEST) / 2
    centres = np.stack([found.cx, found.cy]).astype(np.float64)
    return np.concatenate([centres - sides, centres + sides])

"""The score of SFTrack++: an estimate of the J of a mask from what the tracker saw anyway.

    score = 1 / (1 + exp(-(bias + sum of weight * signal)))

A logistic curve over a few signals in [0, 1], none of whose weights is negative: whatever speaks
more for the mask never lowers the score. The numbers were fitted to the true J of what the tracker
answered on DAVIS training sequences, each sequence counting alike:
``experiments/studies/box_and_score.py --fit`` finds them again, its page shows how well they hold
on sequences left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.mixing.mixing import Mixed
from spectrack.structures import SoftHW
from spectrack.trackers.sftrack.first import FirstMask
from spectrack.tracking.explanation import Channels
from spectrack.tracking.sharpness import sharpness

BIAS = "bias"

FIRST: Mapping[str, float] = MappingProxyType({BIAS: -2.9, "sharpness": 5.59, "consent": 0.67})
"""Of the mask found in the box of the first frame; see :func:`first_signals`."""

LATER: Mapping[str, float] = MappingProxyType(
    {
        BIAS: -8.16,
        "agreement": 3.3,
        "support": 1.47,
        "sharpness": 3.86,
        "likeness": 2.16,
        "first": 0.81,
    }
)
"""Of the masks after that; see :func:`later_signals`."""

FIRST_IN_BOX: Mapping[str, float] = MappingProxyType(
    {BIAS: -1.06, "sharpness": 2.1, "consent": 1.05}
)
"""As :data:`FIRST`, of masks by the network of masks in boxes."""

LATER_IN_BOX: Mapping[str, float] = MappingProxyType(
    {BIAS: -19.16, "agreement": 5.32, "support": 4.61, "sharpness": 10.34, "likeness": 1.54}
)
"""As :data:`LATER`, of masks by the network of masks in boxes; the first mask's score tells nothing
beyond these."""

NUMBERS = {"feat2seg": (FIRST, LATER), "mask-in-box": (FIRST_IN_BOX, LATER_IN_BOX)}
"""What makes the masks, as the settings say, to the numbers of its scores."""


def score_of(signals: Mapping[str, float], numbers: Mapping[str, float]) -> float:
    """The formula of the module.

    Args:
        signals: Those that have a number, each in [0, 1]; others do not count.
        numbers: :data:`FIRST` or :data:`LATER`.

    Returns:
        In (0, 1).
    """
    parts = (number * signals[name] for name, number in numbers.items() if name != BIAS)
    return 1 / (1 + math.exp(-(numbers[BIAS] + sum(parts))))


def first_signals(first: FirstMask) -> dict[str, float]:
    """What speaks for a mask found in a box.

    Returns:
        ``sharpness``: of the network's looks alone. ``consent``: how far they and the graph cut
        overlap.
    """
    looks_hw, cut_hw = first.looks_hw, first.cut_hw.astype(np.float32)
    both = float(np.minimum(looks_hw, cut_hw).sum(dtype=np.float64))
    either = float(np.maximum(looks_hw, cut_hw).sum(dtype=np.float64))
    return {"sharpness": sharpness(looks_hw), "consent": both / either if either else 0.0}


def later_signals(
    soft_hw: SoftHW,
    likeness: float,
    channels: Channels | None,
    mixed: Mixed | None,
    first: float,
) -> dict[str, float]:
    """What speaks for the mask of a later frame.

    Args:
        soft_hw: The answer, float32 (H, W) in [0, 1].
        likeness: How like the target's the colours in it are, 0 to 1.
        channels: The inputs' masks; None where there were none.
        mixed: How they were mixed.
        first: Score of the mask in the first frame; 1 where it was given.

    Returns:
        ``agreement``: of the inputs with each other of late, their mean. ``support``: the mean IoU
        of their masks with the answer; one that sees nothing counts 0. ``sharpness`` of the answer.
        ``likeness`` and ``first`` as given.
    """
    agreement = support = 0.0
    if mixed is not None:
        there: NDArray[np.float32] = mixed.agreement_c[mixed.weights_c != 0]
        agreement = float(there.mean()) if there.size else 0.0
    if channels is not None:
        hard_hw = soft_hw[channels.rows, channels.cols] >= 0.5
        area = np.count_nonzero(soft_hw >= 0.5)
        overlaps = []
        for channel_hw in channels.soft_chw >= 128:
            both = np.count_nonzero(channel_hw & hard_hw)
            union = area + np.count_nonzero(channel_hw) - both
            overlaps.append(both / union if union else 0.0)
        support = float(np.mean(overlaps))
    return {
        "agreement": agreement,
        "support": support,
        "sharpness": sharpness(soft_hw),
        "likeness": min(max(likeness, 0.0), 1.0),
        "first": first,
    }


def mean_agreement(mixed: Mixed) -> float:
    """How far the inputs that count agree, on average, 0 to 1."""
    there: NDArray[np.float32] = mixed.agreement_c[mixed.weights_c != 0]
    return float(there.mean()) if there.size else 0.0

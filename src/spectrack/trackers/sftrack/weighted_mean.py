"""How masks made by the network of masks in boxes are mixed: their weighted mean, cut at one half.

The mixing that SFTrack++ learned is one for masks of NN_feat2seg in the boxes of flow, CSRT and
KCF. Between two masks of a better network it came to their union most of the time, so that what one
of them had spread onto stayed. In the mean a pixel of one mask alone is believed where that mask is
surer of it, and weighs more, than the other. Which of two masks weighs more is for the frame to
tell: masks spread, lose parts behind obstacles, and jump onto look-alikes, and then they are of
another size than the target usually is, or lie elsewhere than a frame before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.mixing.settings import USUAL_SIZE, MixingSettings, size_scale

SLOPE = 33.2
"""Sum of the weights, which decides how steep the mix is about one half: that of the mixing learned
for NN_feat2seg."""

DRAWN, CARRIED = 0.45, 0.55
"""Shares of a mask in a box that an input draws anew in each frame, and of one about a mask that
the input gives, which it carries along as a rule. More of the first keeps masks tighter where
nothing hides the target, more of the second holds on to it where something does or a look-alike
passes. Chosen between the two, on training sequences and on the synthetic pond
(``experiments/studies/mean_of_masks.py``)."""

SMALL = 1.36
"""Exponent by which a carried mask of a target below :data:`USUAL_SIZE` loses weight, that of
``flow`` in the mixing learned for NN_feat2seg: of few pixels flow is not to be trusted. OTB's
Skiing, a target of 17 pixels, was lost without it."""

ALONE = 0.37
"""Value at which masks of a tracker with one input are cut, that of the mixing learned for
NN_feat2seg. One half is better by half a point of J where nothing hides the target, and worse
behind lily pads, on one of four clips."""

REACH = 5
"""Past frames over which agreement is averaged: it counts for the score, and for which frames the
search for a lost target goes by."""

USUAL = 2.0
"""How fast a mask loses weight as it differs from the target's usual size: of two masks, one of
which has spread, or has lost parts, the other is most often nearer to it. Tried by hand beside 1
and 4, of which neither was clearly better."""

ELSEWHERE = 0.05
"""What is left of the weight of a mask that lies nowhere on the last one. Tried by hand beside 0.2,
with which a little was lost on the pond."""


def mean_of_masks(
    names: Sequence[str], gives_masks: Sequence[bool], side: float = USUAL_SIZE
) -> MixingSettings:
    """The mixing of masks in boxes.

    Args:
        names: Of the inputs.
        gives_masks: Whether each gives a mask, not a box alone.
        side: Square root of the target's area, pixels.

    Returns:
        Weights that sum to :data:`SLOPE` and a bias of minus half of it; of minus :data:`ALONE`
        times it where there is one input, not where others see nothing for a while. How well inputs
        agree does not count: of two there is no majority, and for three it made no difference.
    """
    carried = CARRIED * min(size_scale(side), 1.0) ** SMALL
    raw = [carried if carries else DRAWN for carries in gives_masks]
    return MixingSettings(
        names=tuple(names),
        weights=tuple(SLOPE * share / sum(raw) for share in raw),
        bias=-SLOPE * (0.5 if len(raw) > 1 else ALONE),
        reach=REACH,
    )


def weights_in_frame(
    settings: MixingSettings,
    channels_chw: NDArray[np.uint8],
    last_hw: NDArray[np.bool_],
    last_area: float,
    usual_area: float,
) -> tuple[float, ...]:
    """The weights of a frame: of masks that differ, one of the usual size and place counts more.

    Args:
        settings: Of :func:`mean_of_masks`.
        channels_chw: Masks of the inputs in a part of the frame, 255 for 1.
        last_hw: The last mask of the target there.
        last_area: Pixels of all of it; 0 where the target was not seen in the frame before.
        usual_area: Of the target, pixels.
    """
    hard_chw = channels_chw >= 128
    areas = hard_chw.sum(axis=(1, 2), dtype=np.float64)
    gaps = np.abs(np.log((areas + 1) / (usual_area + 1)))
    raw = np.array(settings.weights) * np.exp(-USUAL * gaps)
    if last_area:
        both = (hard_chw & last_hw).sum(axis=(1, 2), dtype=np.float64)
        raw *= both / (areas + last_area - both) + ELSEWHERE
    return tuple((raw * (sum(settings.weights) / raw.sum())).tolist())

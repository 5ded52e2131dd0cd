"""How masks made by the network of masks in boxes are mixed: their weighted mean, cut at one half.

The mixing that SFTrack++ learned is one for masks of NN_feat2seg in the boxes of flow, CSRT and
KCF: each of them alone is seldom enough, and what two of three show is taken. Between two masks of
a better network it came to their union, so that what one of them spread onto stayed. In the mean a
pixel of one mask alone is believed where that mask is surer of it than the other is of its absence.
"""

from __future__ import annotations

from collections.abc import Sequence

from spectrack.spectral.mixing.settings import MixingSettings

SLOPE = 33.2
"""Sum of the weights, which decides how steep the mix is about one half: that of the mixing learned
for NN_feat2seg."""

DRAWN, CARRIED = 0.6, 0.4
"""Shares of a mask in a box that an input draws anew in each frame, and of one about a mask that it
carries along; what has spread is carried along, too. Chosen on 13 training sequences, five of them
held out of the network's training (``experiments/studies/mean_of_masks.py``)."""


def mean_of_masks(names: Sequence[str], gives_masks: Sequence[bool]) -> MixingSettings:
    """The mixing of masks in boxes.

    Args:
        names: Of the inputs.
        gives_masks: Whether each carries a mask, not a box alone.

    Returns:
        Weights that sum to :data:`SLOPE` and a bias of minus half of it. How well inputs agree does
        not count: of two there is no majority, and for three it made no difference.
    """
    raw = [CARRIED if carries else DRAWN for carries in gives_masks]
    return MixingSettings(
        names=tuple(names),
        weights=tuple(SLOPE * share / sum(raw) for share in raw),
        bias=-SLOPE / 2,
    )

"""NN_feat2seg: what one tracker says, and the picture, to a soft mask (SFTrack++ paper, phase 1).

A crop about the hypothesis goes in as five maps: red, green, blue, the hypothesis itself (its box
filled, or its soft mask) and the probability of the target's colours. The paper has the first
four; colours tell the target from its surroundings where a small network has not seen its kind,
and cost one look into a table.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.unet import UNet

INPUTS = 5
"""Maps that go in: R, G, B, hypothesis, colour probability."""

WIDTHS = (24, 48, 64, 96, 120)
"""Maps at each level of the shipped network; a million numbers."""

FOLD = 2
"""Blocks of this many pixels squared are folded into maps before the U-Net and unfolded after."""


class Feat2Seg(nn.Module):
    """A U-Net on folded pixels.

    Folding 2x2 pixels into four times the maps loses nothing and saves the convolutions at full
    resolution, which cost the most and see the least.

    Args:
        widths: Maps at each level, see :class:`~spectrack.networks.unet.UNet`.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.unet = UNet(INPUTS * FOLD**2, widths, FOLD**2)

    def forward(self, maps_nchw: Tensor) -> Tensor:
        """Logits of the target.

        Args:
            maps_nchw: (N, 5, H, W), values in [0, 1]; H and W even.

        Returns:
            (N, 1, H, W).
        """
        folded = F.pixel_unshuffle(2 * maps_nchw - 1, FOLD)
        logits: Tensor = F.pixel_shuffle(self.unet(folded), FOLD)
        return logits

"""NN_seg2box: from the final soft mask to the target's box (papers/000, section 3; 001, 4.6).

The papers draw a box map and take its bounding rectangle. Here the four edges are read directly:
a small U-Net looks at the crop, its maps are seen from the side and from above, and every edge is
the mean of a distribution over places along its axis, as the corners of STARK (Yan et al., ICCV
2021) are. So the edges lie between pixels, and gradients pass to the mask.

Axes: N samples, C maps, H, W pixels of the crop, B places along an axis.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.unet import UNet

SIDE = 64
"""Height and width of the input, and places along an axis."""


class BoxGuess(NamedTuple):
    """What the network says of each sample.

    Attributes:
        boxes_n4: (N, 4) edges x1, y1, x2, y2 in [0, 1] of the crop; x1 <= x2 and y1 <= y2.
        logits_n4b: (N, 4, B), one distribution an edge before the softmax, over ``places``.
        confidence_n: (N,) in [0, 1]: the overlap with the true box that the distributions
            promise; along an axis 1 less the mean spread of both edges, in sides of the box.
    """

    boxes_n4: Tensor
    logits_n4b: Tensor
    confidence_n: Tensor


class Seg2Box(nn.Module):
    """A box from a soft mask and a consensus map.

    The crop is folded to half its size before the U-Net (four times the maps), and unfolded again
    along the axis of an edge: the same reach in a third of the time. So that nothing is lost of
    where the mask ends, the edges are read from the mask itself too. An edge that lies outside the
    crop is at its border, for there are no places beyond.

    Args:
        widths: Maps of the U-Net at each level; multiples of 4.
        seen: Maps that the edges are read from.
        hidden: Maps along an axis between the two convolutions of a reader.

    Raises:
        InputError: If a width is not a positive multiple of 4.
    """

    places: Tensor

    def __init__(
        self, widths: tuple[int, ...] = (16, 32, 48, 64), seen: int = 24, hidden: int = 48
    ) -> None:
        super().__init__()
        self.unet = UNet(8, widths, outputs=seen)
        self.readers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(2 * (seen + 4), hidden, 5, padding=2),
                nn.ReLU(inplace=True),
                nn.Conv1d(hidden, 4, 5, padding=2),  # two edges, two places to a column
            )
            for _ in range(2)
        )
        # The crop lies about the mask, so some places are likelier before anything is seen.
        self.prior = nn.Parameter(torch.zeros(4, SIDE))
        self.register_buffer("places", torch.linspace(0, 1, SIDE), persistent=False)

    def forward(self, maps_nchw: Tensor) -> BoxGuess:
        """Boxes of a batch of crops.

        Args:
            maps_nchw: (N, 2, 64, 64) in [0, 1]: the final soft mask, and the mean of the input
                trackers' filled boxes (zero where unknown).

        Raises:
            InputError: If the shape does not fit.
        """
        if maps_nchw.shape[1:] != (2, SIDE, SIDE):
            raise InputError(
                f"maps of shape {tuple(maps_nchw.shape)} were given; "
                f"expected (N, 2, {SIDE}, {SIDE}), so cut and resize the crop first"
            )
        seen_nchw = F.relu(self.unet(F.pixel_unshuffle(maps_nchw, 2)))
        edges = []
        for reader, across in zip(self.readers, (2, 3), strict=True):
            lines = [seen_nchw.amax(across), seen_nchw.mean(across)]
            raw_ncb = torch.cat([maps_nchw.amax(across), maps_nchw.mean(across)], dim=1)
            found_n4c = reader(torch.cat([*lines, *raw_ncb.unflatten(2, (-1, 2)).unbind(3)], dim=1))
            # Maps 2 e and 2 e + 1 are edge e at the even and the odd places.
            edges.append(found_n4c.unflatten(1, (2, 2)).transpose(2, 3).flatten(2))
        (x1, x2), (y1, y2) = (pair.unbind(1) for pair in edges)
        logits_n4b = (torch.stack([x1, y1, x2, y2], dim=1) + self.prior).float()
        mass_n4b = logits_n4b.softmax(dim=-1)
        means_n4 = mass_n4b @ self.places
        first, second = means_n4.chunk(2, dim=1)
        boxes_n4 = torch.cat([torch.minimum(first, second), torch.maximum(first, second)], dim=1)
        spread_n4 = (mass_n4b * (self.places - means_n4[..., None]).abs()).sum(-1)
        return BoxGuess(boxes_n4, logits_n4b, _promise(boxes_n4, spread_n4))


def _promise(boxes_n4: Tensor, spread_n4: Tensor) -> Tensor:
    sides_n2 = (boxes_n4[:, 2:] - boxes_n4[:, :2]).clamp(min=1 / SIDE)
    lost_n2 = (spread_n4[:, :2] + spread_n4[:, 2:]) / sides_n2
    return (1 - lost_n2).clamp(0, 1).prod(1)

"""The global attention network: where the target will be, from the maps of past frames (section 4).

Maps of whole frames go through pairs of convolutions with pooling, two layers of ConvLSTM and two
full layers; the second one is told the frames' aspect ratio, too. Its answer is theta, which moves
and scales an anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.conv_lstm import ConvLSTM, State
from spectrack.trackers.pixelwise.region import moved, theta_of_map

POOLED = 16


class Attention(NamedTuple):
    """What the network remembers.

    Attributes:
        layers: Both ConvLSTM's states; None before the first map.
        theta_n3: What it answered last, or the place in the first frame.
    """

    layers: tuple[State, State] | None
    theta_n3: Tensor


class GlobalAttention(nn.Module):
    """The global network; see the module's text and Table 1.

    Args:
        map_side: Of the maps, a multiple of 16.
        convolutions: Maps of each pair of convolutions, four of them.
        attention: Hidden maps of each ConvLSTM.
        full: Neurons of the first full layer.
        relative: Answer with a change of the anchor that lies on the last map (by its moments, or
            where the last answer was if it shows nothing); else with a place in the frame.
        peepholes: Hadamard peepholes.

    Raises:
        InputError: If the side of the maps does not fit.
    """

    def __init__(
        self,
        map_side: int = 224,
        convolutions: Sequence[int] = (8, 16, 32, 64),
        attention: int = 64,
        full: int = 1024,
        relative: bool = False,
        peepholes: bool = True,
    ) -> None:
        super().__init__()
        if map_side < POOLED or map_side % POOLED:
            raise InputError(f"maps have a side of {map_side}; give a multiple of {POOLED}")
        self.map_side, self.relative = map_side, relative
        layers: list[nn.Module] = []
        inputs = 1
        for maps in convolutions:
            layers += [nn.Conv2d(inputs, maps, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(maps, maps, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            inputs = maps
        self.convolutions = nn.Sequential(*layers)
        cells = map_side // 2 ** len(convolutions)
        size = (cells, cells) if peepholes else None
        self.layers = nn.ModuleList(
            ConvLSTM(maps, attention, size_hw=size) for maps in (inputs, attention)
        )
        self.full1 = nn.Linear(attention * cells**2, full)
        self.full2 = nn.Linear(full + 1, 3)
        # an untrained network answers with the anchor as it lies
        nn.init.zeros_(self.full2.weight)
        nn.init.zeros_(self.full2.bias)

    def forward(
        self, map_nhw: Tensor, aspect_n: Tensor, attention: Attention
    ) -> tuple[Tensor, Attention]:
        """From the map of a frame to theta of the next one.

        Args:
            map_nhw: Soft mask of a whole frame squeezed to (map_side, map_side), in [0, 1].
            aspect_n: Width of the frames over their height.
            attention: After the frame before.

        Returns:
            theta (N, 3), float32, and what to remember.
        """
        theta, after = self.unroll(map_nhw[None], aspect_n, attention)
        return theta[0], after

    def unroll(
        self, map_tnhw: Tensor, aspect_n: Tensor, attention: Attention
    ) -> tuple[Tensor, Attention]:
        """Many frames: theta of each next one, (T, N, 3), and what to remember."""
        steps = map_tnhw.shape[:2]
        x = self.convolutions(map_tnhw.flatten(0, 1)[:, None]).unflatten(0, steps)
        states = attention.layers or (None, None)
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            assert isinstance(layer, ConvLSTM)
            x, state = layer.unroll(x, state)
            after.append(state)
        hidden = F.relu(self.full1(x.flatten(0, 1).flatten(1)))
        ratio = aspect_n.to(hidden.dtype).repeat(steps[0])[:, None]
        by = self.full2(torch.cat([hidden, ratio], 1)).float().unflatten(0, steps)
        theta, answers = attention.theta_n3.float(), []
        middle = torch.tensor([1.0, 0.0, 0.0], device=by.device).expand_as(theta)
        for map_nhw, by_n3 in zip(map_tnhw.float(), by, strict=True):
            base = theta_of_map(map_nhw, aspect_n, theta) if self.relative else middle
            theta = moved(base, by_n3, aspect_n)
            answers.append(theta)
        return torch.stack(answers), Attention((after[0], after[1]), theta)

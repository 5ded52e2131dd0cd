"""Small networks with everything random, statistics of normalisations too."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from spectrack.networks.resnet import ResNet, resnet18

M = TypeVar("M", bound=nn.Module)
SIZE = {"features": 12, "encoding": 4, "decoder_maps": 8}


def thin_resnet() -> ResNet:
    """ResNet-18 with few maps."""
    return resnet18((8, 8, 16, 16), stem=8)


def randomise(network: M, seed: int = 0) -> M:
    """Give every parameter and statistic a random value; evaluation mode."""
    chance = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if not value.dtype.is_floating_point:
            continue
        share = torch.rand(value.shape, generator=chance)
        noise = torch.randn(value.shape, generator=chance)
        if name.endswith("filter_reg"):
            value.copy_(0.05 + 0.1 * share)
        elif name.endswith(("bias", "running_mean")):
            value.copy_(0.1 * noise)
        elif value.ndim == 1:
            value.copy_(0.5 + share / 2)
        else:
            value.copy_(noise * (1.5 / value[0].numel()) ** 0.5)
    return network.eval()

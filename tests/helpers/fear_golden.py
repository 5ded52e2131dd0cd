"""FEAR with its published weights, and with random ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import nn

from siamese_golden import published_weights
from spectrack.trackers.fear.network import FEAR, fear_xs
from spectrack.weights.load import load_weights
from thin import randomise

PUBLISHED = {"tracker": "fear_xs", "noembs": "fear_xs_noembs"}
"""What the golden arrays call the two trainings, and their files."""


def weights_file(training: str) -> Path:
    """The published weights; the test is skipped where they are absent."""
    return published_weights(f"fear/{PUBLISHED[training]}.safetensors")


@cache
def published(training: str) -> FEAR:
    """The network with the published weights."""
    network = fear_xs()
    load_weights(network, weights_file(training))
    return network.eval().requires_grad_(False)


@torch.no_grad()
def random_fear(seed: int = 0) -> FEAR:
    """A network of random numbers whose answers vary by 1, about boxes of some 50 pixels."""
    network = randomise(fear_xs(), seed)
    picture = 255 * torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(seed))
    z, x = picture[..., :128, :128], picture

    def last(name: str) -> nn.Conv2d:
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        return layer

    for name, place, spread in (("neck", 0.0, 0.2), ("cls_head.pw", 0.0, 1), ("reg_head.pw", 3, 1)):
        layer, seen = last(name), []
        layer.bias.zero_()
        hook = layer.register_forward_hook(lambda m, i, o, seen=seen: seen.append(o))
        network(z, x)
        hook.remove()
        layer.weight *= spread / seen[-1].std()
        layer.bias.fill_(place - spread * float(seen[-1].mean() / seen[-1].std()))
    return network

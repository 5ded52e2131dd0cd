"""FEAR's golden arrays, its published weights, and the made-up frames both were computed on."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from spectrack.trackers.fear.network import FEAR, fear_xs
from spectrack.weights.load import load_weights
from thin import randomise

SHARED = Path(__file__).resolve().parents[3] / "shared"
PUBLISHED = {"tracker": "fear_xs", "noembs": "fear_xs_noembs"}
"""What the golden arrays call the two trainings, and their files."""


def golden_file(name: str) -> dict[str, NDArray]:
    """The arrays of one golden file; the test is skipped where it is absent."""
    folder = Path(os.environ.get("SPECTRACK_SPEC", SHARED / "spec")) / "siamese_and_others"
    path = folder / "golden" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"golden arrays not found at {path}; set SPECTRACK_SPEC to their place")
    return _read(path)


@cache
def _read(path: Path) -> dict[str, NDArray]:
    with np.load(path) as stored:
        return dict(stored)


def weights_file(training: str) -> Path:
    """The published weights; the test is skipped where they are absent."""
    folder = Path(os.environ.get("SPECTRACK_WEIGHTS", SHARED / "weights")) / "fear"
    path = folder / f"{PUBLISHED[training]}.safetensors"
    if not path.is_file():
        pytest.skip(f"published weights not found at {path}; set SPECTRACK_WEIGHTS to their place")
    return path


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


def _triangle(n: NDArray, period: int) -> NDArray:
    return np.abs(n % (2 * period) - period)


def formula_frame(
    width: int, height: int, ox: int, oy: int, box: tuple[int, int, int, int] | None
) -> NDArray[np.uint8]:
    """Stripes with a chequered ellipse in a box, by whole numbers alone.

    Returns:
        uint8 (H, W, 3) in the order of the channels that the golden arrays call BGR.
    """
    y, x = np.mgrid[:height, :width]
    moved_x, moved_y = x + ox, y + oy
    bx, by, bw, bh = box or (0, 0, 1, 1)
    u, w = 2 * (x - bx) - bw + 1, 2 * (y - by) - bh + 1
    inside = u**2 * bh**2 + w**2 * bw**2 < bw**2 * bh**2 * (box is not None)
    light = (8 * (x - bx) // bw + 6 * (y - by) // bh) % 2 == 1
    planes = []
    for c, (a, b) in enumerate(((40, 200), (60, 90), (220, 20))):
        ground = (
            30
            + _triangle(2 * moved_x + moved_y + 40 * c, 70)
            + _triangle(moved_x * moved_y // 64 + 23 * c, 50)
            + _triangle(3 * moved_y - moved_x + 11 * c**2, 31)
        )
        target = np.where(light, a, b) + _triangle(5 * (x - bx) + 3 * (y - by), 20)
        planes.append(np.where(inside, target, ground))
    return np.clip(np.stack(planes, 2), 0, 255).astype(np.uint8)

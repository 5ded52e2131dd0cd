"""Weights and inputs made from names, as the golden arrays of ``siamese_and_others`` have them.

Written from the text of ``golden/SCHEME.md``: every array is drawn from a generator that the CRC-32
of its name starts. :mod:`siamese_golden` reads the arrays themselves.
"""

from __future__ import annotations

import math
import zlib
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from siamese_golden import GOLDEN

N = TypeVar("N", bound=nn.Module)

NETWORK, UNIT = 1e-3, 1e-4
"""Greatest differences over the greatest value: of whole networks, and of parts at unit scale."""


def drawn(name: str) -> np.random.Generator:
    """The generator of a name."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def image(name: str, shape: tuple[int, ...]) -> Tensor:
    """An input of a network, 0 to 255."""
    return torch.from_numpy(drawn(name).uniform(0, 255, shape).astype(np.float32))


def normal(name: str, shape: tuple[int, ...]) -> Tensor:
    """Features or logits, standard normal."""
    return torch.from_numpy(drawn(name).standard_normal(shape).astype(np.float32))


def frame(name: str, height: int = 240, width: int = 320) -> np.ndarray:
    """A frame, uint8 (H, W, 3)."""
    return drawn(name).integers(0, 256, (height, width, 3), dtype=np.uint8)


def first_frame() -> np.ndarray:
    """The frame that trackers start on."""
    return frame("input/crop/image_240x320")


def second_frame() -> np.ndarray:
    """The frame that follows."""
    return frame("input/crop/image2_240x320")


def parameter(name: str, value: Tensor) -> Tensor:
    """What a state's entry is by its name; ``value`` itself where the scheme says nothing."""
    shape = tuple(value.shape)
    chance, last = drawn(name), name.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return torch.zeros_like(value)
    if len(shape) >= 2:
        numbers = chance.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
    elif last in ("bias", "running_mean"):
        numbers = 0.1 * chance.standard_normal(shape)
    elif last == "weight":
        numbers = 1 + 0.1 * chance.standard_normal(shape)
    elif last == "running_var":
        numbers = 1 + 0.1 * np.abs(chance.standard_normal(shape))
    else:
        return value
    return torch.from_numpy(numbers.astype(np.float32))


def filled(network: N, prefix: str = "") -> N:
    """The network with the weights its names stand for, in evaluation mode.

    Args:
        network: Changed in place.
        prefix: What the names begin with in the whole network, where this is a part of one.
    """
    state = {k: parameter(prefix + k, v) for k, v in network.state_dict().items()}
    network.load_state_dict(state)
    return network.eval()


def listed_parameters(model: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of ``params_MODEL.txt``; the test is skipped where it is absent."""
    path = GOLDEN.parent / f"params_{model}.txt"
    if not path.is_file():
        pytest.skip(f"{path.name} not found in {path.parent}; set SPECTRACK_SPEC")
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    shapes = {name: rest[rest.index("(") + 1 : rest.index(")")] for name, rest in rows}
    return {
        name: tuple(int(n) for n in text.split(",") if n.strip()) for name, text in shapes.items()
    }


def near(value: Tensor | np.ndarray, expected: np.ndarray, share: float) -> None:
    """Assert that the greatest difference is at most a share of the greatest expected value."""
    found = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
    assert found.shape == expected.shape
    peak = np.abs(expected).max() or 1.0
    error = np.abs(found.astype(np.float64) - expected).max() / peak
    assert error <= share, f"relative error {error:.2e} above {share:g}"

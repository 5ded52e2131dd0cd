"""Inputs and weights that golden arrays of Siamese trackers, MDNet and STARK were made with.

Both are drawn from names; the specification's ``golden/SCHEME.md`` tells how.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from golden_notes import note
from siamese_golden import GOLDEN, siamese_golden

M = TypeVar("M", bound=nn.Module)
FULL, UNIT = 1e-3, 1e-4
"""Tolerances, over the greatest value: of whole networks, and of what is of unit scale."""


def chance(name: str) -> np.random.Generator:
    """The random numbers of a name."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def image(name: str, *shape: int) -> Tensor:
    """An image as a network sees it, 0 to 255."""
    return torch.from_numpy(chance(name).uniform(0, 255, shape).astype(np.float32))


def unit(name: str, *shape: int) -> Tensor:
    """Features or logits of unit scale."""
    return torch.from_numpy(chance(name).standard_normal(shape).astype(np.float32))


def picture(name: str, height: int, width: int) -> np.ndarray:
    """A frame, uint8 (H, W, 3)."""
    return chance(name).integers(0, 256, (height, width, 3), dtype=np.uint8)


def first_picture() -> np.ndarray:
    """The frame most crops and steps start on."""
    return picture("input/crop/image_240x320", 240, 320)


def second_picture() -> np.ndarray:
    """The other frame of crops and steps."""
    return picture("input/crop/image2_240x320", 240, 320)


def parameter(name: str, shape: tuple[int, ...]) -> Tensor:
    """The value of one entry of a network's state."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    drawn = chance(name).standard_normal(shape)
    if len(shape) > 1:
        value = drawn * np.sqrt(2 / np.prod(shape[1:]))
    elif name.endswith("running_var"):
        value = 1 + 0.1 * np.abs(drawn)
    elif name.endswith(".weight"):
        value = 1 + 0.1 * drawn
    else:
        value = 0.1 * drawn
    return torch.from_numpy(np.asarray(value, np.float32))


def fill(network: M, prefix: str = "", kept: Collection[str] = ()) -> M:
    """Give a network the weights its names stand for; it is put in evaluation mode.

    Args:
        network: Any.
        prefix: Of its names where it is part of another network.
        kept: Names, with the prefix, of which the value stays as it is.
    """
    for name, value in network.state_dict().items():
        if prefix + name not in kept:
            value.copy_(parameter(prefix + name, tuple(value.shape)))
    return network.eval()


def listed_parameters(model: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of ``params_MODEL.txt``; the test is skipped where it is absent."""
    path = GOLDEN.parent / f"params_{model}.txt"
    if not path.is_file():
        pytest.skip(f"{path.name} not found in {path.parent}; set SPECTRACK_SPEC")
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    return {
        name: tuple(int(n) for n in rest.split(")")[0].strip("(").split(",") if n.strip())
        for name, rest in rows
    }


def near_pixels(file: str, key: str, value: Any) -> None:
    """Assert that a golden crop is met to one grey level; OpenCV's versions round differently."""
    peak = float(np.abs(siamese_golden(file)[key]).max())
    near(file, key, value, 1.001 / peak)


def near(file: str, key: str, value: Any, tolerance: float) -> None:
    """Assert that a golden array is met.

    Args:
        file: Name without suffix.
        key: Of the array in it.
        value: Ours, sub-sampled as the stored one is.
        tolerance: Greatest difference, over the greatest stored value.
    """
    stored = siamese_golden(file)[key].astype(np.float64)
    given = value.detach().numpy() if isinstance(value, Tensor) else value
    ours = np.asarray(given, np.float64)
    assert ours.shape == stored.shape, f"{file} {key}: {ours.shape} in place of {stored.shape}"
    error = float(np.abs(ours - stored).max() / max(np.abs(stored).max(), 1e-12))
    note(file, key, stored.shape, error, tolerance)
    assert error <= tolerance, f"{file} {key}: relative error {error:.2e} above {tolerance:g}"

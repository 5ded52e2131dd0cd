"""Weights kept in 8 bits: the real numbers they stand for, (q - zero) * scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

EIGHT_BITS = (torch.int8, torch.uint8)
WEIGHT, SCALE, ZERO = ".weight", ".scale", ".zero"


def dequantised(
    values: np.ndarray, scale: np.ndarray, zero: np.ndarray | None = None
) -> np.ndarray:
    """Real numbers of quantised ones, computed in float64 and kept in float32.

    Args:
        values: Integers q, with the output channels first: (O,) or (O, I, H, W).
        scale: Float32, (O,) for a scale a channel or (1,) for one of all.
        zero: Integers that stand for zero, (O,) or (1,); none where it is zero itself.

    Raises:
        ValueError: If there are neither one nor as many as channels, or a scale is not positive.
    """
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError("a scale is not a positive number")
    factors = _by_channel(scale.astype(np.float64), values, "scales")
    real = values.astype(np.float64)
    if zero is not None:
        real -= _by_channel(zero.astype(np.float64), values, "zero points")
    real *= factors
    with np.errstate(over="ignore"):  # numbers too large become infinite, which readers see
        return real.astype(np.float32)


def without_quantisation(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a file with those of 8 bits replaced by what they stand for.

    A tensor ``NAME.weight`` of int8 or uint8 is one of them where ``NAME.scale`` and ``NAME.zero``
    are beside it; these two are left out then. All others are given as they are.

    Raises:
        ValueError: If scales (float32) or zero points (int32) do not fit their weight.
    """
    found = dict(tensors)
    for name, tensor in tensors.items():
        stem = name.removesuffix(WEIGHT)
        beside = (stem + SCALE, stem + ZERO)
        if stem == name or tensor.dtype not in EIGHT_BITS or not tensors.keys() >= set(beside):
            continue
        scale, zero = (found.pop(other) for other in beside)
        if scale.dtype != torch.float32 or zero.dtype != torch.int32:
            raise ValueError(f"{name}: its scale is {scale.dtype}, its zero point {zero.dtype}")
        try:
            real = dequantised(tensor.numpy(), scale.numpy(), zero.numpy())
            found[name] = torch.from_numpy(real)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return found


def _by_channel(numbers: np.ndarray, values: np.ndarray, what: str) -> np.ndarray:
    """One number a channel, shaped so that it applies along the first axis."""
    if values.ndim == 0 or numbers.shape not in ((1,), values.shape[:1]):
        raise ValueError(f"{numbers.size} {what} were given for {values.shape[:1] or 1} channels")
    return numbers.reshape(-1, *[1] * (values.ndim - 1))

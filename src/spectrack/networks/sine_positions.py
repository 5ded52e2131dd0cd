"""Where a cell of a map is, as sines and cosines of both its coordinates (DETR, ECCV 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEMPERATURE = 10000.0


def sine_positions(seen_nhw: Tensor, channels: int) -> Tensor:
    """Encoded positions of the cells of maps, counted over the cells that are seen.

    Coordinates run to 2 pi over the seen part of a row or column, so that the padding beside a
    picture does not shift them.

    Args:
        seen_nhw: bool (N, H, W), cells that show the picture and not its padding.
        channels: C, a multiple of 4; the first half tells y, the second x, each sine and cosine by
            turns in waves from 2 pi to 10000 times that.

    Returns:
        float32 (N, C, H, W).
    """
    per_axis = channels // 2
    number = torch.arange(per_axis // 2, device=seen_nhw.device, dtype=torch.float32)
    waves = TEMPERATURE ** (2 * number / per_axis)
    parts = []
    for axis in (1, 2):
        count = seen_nhw.cumsum(axis, dtype=torch.float32)
        share = count / (count.narrow(axis, -1, 1) + 1e-6) * (2 * math.pi)
        angles = share[..., None] / waves
        parts.append(torch.stack([angles.sin(), angles.cos()], -1).flatten(-2))
    return torch.cat(parts, -1).permute(0, 3, 1, 2)

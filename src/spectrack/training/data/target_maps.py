"""Where scores should be high: Gaussians about targets, as labels or as densities.

A filter with an even side gives a map larger by one, whose cells lie half a cell before those of
the features (RTS, ATOM, DiMP).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def target_labels(
    boxes_n4: Tensor, size_wh: tuple[int, int], stride: int, sigma: float, kernel: int = 4
) -> Tensor:
    """Gaussians with peak 1 about the middles of boxes.

    Args:
        boxes_n4: (..., 4) left, top, width, height in pixels of the network's input.
        size_wh: Of the input, multiples of the stride.
        stride: Pixels for a cell of the features.
        sigma: Standard deviation in cells.
        kernel: Side of the filter.

    Returns:
        float32 (..., h, w), or (..., h + 1, w + 1) for an even side.
    """
    boxes = boxes_n4.float()
    lines = []
    for axis in (1, 0):
        cells, even = size_wh[axis] // stride, 1 - kernel % 2
        centre = (boxes[..., axis] + boxes[..., axis + 2] / 2 - size_wh[axis] / 2) / stride
        at = torch.arange(cells + even, device=boxes.device, dtype=torch.float32)
        off = at - (cells - 1) / 2 - (centre + 0.5 * even)[..., None]
        lines.append(torch.exp(-(off**2) / (2 * sigma**2)))
    return lines[0][..., :, None] * lines[1][..., None, :]


def target_densities(
    boxes_n4: Tensor, size_wh: tuple[int, int], stride: int, sigma: float, kernel: int = 4
) -> Tensor:
    """The same as densities, each map summing to 1 (PrDiMP); one that shows no target sums to 0."""
    labels = target_labels(boxes_n4, size_wh, stride, sigma, kernel)
    density = labels / (2 * math.pi * sigma**2)
    return density / (density.sum((-2, -1), keepdim=True) + 1e-8)

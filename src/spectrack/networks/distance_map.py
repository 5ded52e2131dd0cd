"""Functions of the distance to a target, learned as values at bins (DiMP, section 3.4 and Eq. 6).

DiMP learns its label, target mask and spatial weight so: a function is piecewise linear through its
values at distances 0, 0.1, 0.2 ... cells, and constant beyond the last. As only two bins count at a
place, they are looked up; no map per bin is made.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BINS, WIDTH = 100, 0.1
"""Of the published networks; the width is in cells."""


class OfDistance(nn.Module):
    """A function of distance.

    Its parameter has the shape of a 1x1 convolution from bins to one map, as checkpoints have it.

    Args:
        values: (bins,), what it starts with.
        width: From bin to bin, in cells.
    """

    def __init__(self, values: Tensor, width: float = WIDTH) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(values.float().reshape(1, -1, 1, 1).clone())

    def forward(self, distance: Tensor) -> Tensor:
        """Values at distances in cells, of any shape."""
        values, last = self.weight.flatten(), self.weight.numel() - 1
        at = (distance / self.width).clamp(max=last)
        below = at.detach().floor().clamp(max=max(last - 1, 0))
        index, share = below.long(), at - below
        return values[index] * (1 - share) + values[(index + 1).clamp(max=last)] * share


def bin_distances(bins: int = BINS, width: float = WIDTH) -> Tensor:
    """Distances of the bins, (bins,)."""
    return width * torch.arange(bins, dtype=torch.float32)


def offsets(
    boxes: Tensor, map_hw: tuple[int, int], kernel: int, stride: int
) -> tuple[Tensor, Tensor]:
    """How far the cells of score maps are from targets, down and across.

    Args:
        boxes: (..., 4) x, y, w, h in pixels of the patch.
        map_hw: Size of the score map.
        kernel: Side of the filter. One of even side sees between cells, so that no half cell comes
            off the centre.
        stride: Pixels for a cell.

    Returns:
        In cells, signed: (..., h, 1) and (..., 1, w).
    """
    centre = (boxes[..., :2] + boxes[..., 2:] / 2) / stride - (kernel % 2) / 2
    rows, columns = (
        torch.arange(n, device=boxes.device, dtype=boxes.dtype) - centre[..., axis, None]
        for n, axis in zip(map_hw, (1, 0), strict=True)
    )
    return rows[..., :, None], columns[..., None, :]


def distances(boxes: Tensor, map_hw: tuple[int, int], kernel: int, stride: int) -> Tensor:
    """Distance of cells to targets, (..., h, w) in cells; see :func:`offsets`."""
    rows, columns = offsets(boxes, map_hw, kernel, stride)
    return (rows.square() + columns.square()).sqrt()

"""The refinement of SiamMask: the mask of one cell, drawn with the backbone's finer maps.

Wang et al., CVPR 2019, section 3.2 and appendix A. What the correlation says of the best cell is
spread over 15x15 places and brought in three steps to 127x127, each of which adds what a finer
layer of the backbone sees there. Names of parameters are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 127
"""Of the mask, in pixels of the search region."""
COARSE = 15
"""Of the first mask, and of the window of the coarsest layer."""
WINDOWS = ((4, 16, 61), (2, 8, 31), (1, 4, COARSE))
"""Of the layers, finest first: cells for one of the grid, cells beyond the border, and the side."""
WIDTHS = (4, 16, 32)
"""Maps of the steps, finest first."""


def _two(inputs: int, between: int, out: int) -> nn.Sequential:
    """Two convolutions of 3x3, a ReLU after either; parameters ``0`` and ``2``."""
    return nn.Sequential(
        nn.Conv2d(inputs, between, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(between, out, 3, padding=1),
        nn.ReLU(inplace=True),
    )


def window(maps_nchw: Tensor, cell: tuple[int, int], scale: int, beyond: int, side: int) -> Tensor:
    """A window of a layer about a cell of the grid; zeros beyond the border.

    Args:
        maps_nchw: (N, C, H, W).
        cell: Row and column.
        scale: Cells of the layer for one of the grid.
        beyond: How far the window of the first cell reaches beyond the border.
        side: Of the window.

    Returns:
        (N, C, side, side).
    """
    spans, around = [], []
    for first, size in zip((scale * n - beyond for n in cell), maps_nchw.shape[-2:], strict=True):
        low, high = max(first, 0), min(first + side, size)
        spans.append(slice(low, max(high, low)))
        around.append((low - first, first + side - max(high, low)))
    part = maps_nchw[..., spans[0], spans[1]]
    return F.pad(part, (*around[1], *around[0])) if any(map(any, around)) else part


class Refinement(nn.Module):
    """The mask of a cell.

    Args:
        inputs: Maps of the backbone's layers, finest first.
        maps: Of the correlation.
    """

    def __init__(self, inputs: Sequence[int] = (64, 256, 512), maps: int = 256) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.v0 = _two(inputs[0], 16, fine)
        self.v1 = _two(inputs[1], 64, middle)
        self.v2 = _two(inputs[2], 128, coarse)
        self.h2 = _two(coarse, 32, coarse)
        self.h1 = _two(middle, 16, middle)
        self.h0 = _two(fine, 4, fine)
        self.deconv = nn.ConvTranspose2d(maps, coarse, COARSE, COARSE)
        self.post0 = nn.Conv2d(coarse, middle, 3, padding=1)
        self.post1 = nn.Conv2d(middle, fine, 3, padding=1)
        self.post2 = nn.Conv2d(fine, 1, 3, padding=1)

    def forward(
        self, layers: Sequence[Tensor], correlation_nc11: Tensor, cell: tuple[int, int]
    ) -> Tensor:
        """Logits (N, 127, 127).

        Args:
            layers: Of the search region, finest first: (N, 64, 125, 125), (N, 256, 63, 63) and
                (N, 512, 31, 31).
            correlation_nc11: Of the cell, (N, C, 1, 1).
            cell: Row and column.
        """
        p0, p1, p2 = (window(m, cell, *w) for m, w in zip(layers, WINDOWS, strict=True))
        out = self.deconv(correlation_nc11)
        out = self.post0(_larger(self.h2(out) + self.v2(p2), WINDOWS[1][2]))
        out = self.post1(_larger(self.h1(out) + self.v1(p1), WINDOWS[0][2]))
        out = self.post2(_larger(self.h0(out) + self.v0(p0), SIDE))
        return out[:, 0]


def _larger(maps_nchw: Tensor, side: int) -> Tensor:
    return F.interpolate(maps_nchw, (side, side), mode="nearest")

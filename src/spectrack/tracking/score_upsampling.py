"""Scores between the cells: a score map drawn finely by its Fourier series (ATOM, D3S).

The finest place a coarse map can name is a cell, 16 pixels of the patch. Its Fourier series knows
values in between. Evaluated on a regular grid it is a product with one small matrix from each side,

    A[j, m] = 1/n sum_k cos(2 pi k (u_j - m) / n),  k = -n//2 .. n//2,

with u_j the place of a pixel in cells. For even n the frequency n/2 stands in the sum twice, as the
published trackers have it: there the series overshoots by 1/n and its values at the cells are not
quite those of the map.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def upsample_scores(scores_hw: Tensor, output_hw: tuple[int, int], kernel: int) -> Tensor:
    """A score map as large as its patch, or of any other size.

    Args:
        scores_hw: (h, w).
        output_hw: Size wanted, even numbers.
        kernel: Side of the filter that gave the scores on features of their own size. A target in
            the middle of the patch peaks at cell h/2 under an even one, at (h - 1)/2 under an odd.

    Returns:
        (H, W); such a target is at row H // 2 and column W // 2.
    """
    down, across = (
        _series(cells, pixels, kernel % 2, scores_hw.dtype, scores_hw.device)
        for cells, pixels in zip(scores_hw.shape, output_hw, strict=True)
    )
    return down @ scores_hw @ across.mT


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _series(cells: int, pixels: int, odd: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A of the module's text, (pixels, cells)."""
    moved = (torch.arange(pixels, dtype=torch.float64) - pixels // 2) * cells / pixels
    place = moved + (cells - odd) / 2
    away = place[:, None] - torch.arange(cells, dtype=torch.float64)
    k = torch.arange(-(cells // 2), cells // 2 + 1, dtype=torch.float64)
    series = (2 * torch.pi / cells * k * away[..., None]).cos().sum(-1) / cells
    return series.to(device, dtype)

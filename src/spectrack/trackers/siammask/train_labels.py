"""What SiamMask's cells should draw, and how far they are from that.

Wang et al., CVPR 2019, section 3.1: of the search region's mask every cell learns the square about
itself, in a logistic loss of all its pixels; only cells on the target learn.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE, STRIDE, BEYOND = 127, 8, 32
"""Pixels of a square's side, between squares, and beyond the search region at its sides."""


def positive_cells(classes_nahw: Tensor) -> Tensor:
    """Cells of which an anchor is the target's: int64 (K, 3), sample, row and column.

    Args:
        classes_nahw: (N, A, n, n), 1 for such anchors.
    """
    return (classes_nahw == 1).any(1).nonzero()


def mask_squares(masks_nhw: Tensor, cells_k3: Tensor) -> Tensor:
    """The squares about cells, (K, 127, 127).

    Args:
        masks_nhw: float32 (N, 255, 255), 1 on the target and -1 beside it.
        cells_k3: By :func:`positive_cells`.

    Returns:
        The same values, and 0 beyond the search region: that teaches nothing.
    """
    padded = F.pad(masks_nhw, (BEYOND,) * 4)
    steps = torch.arange(SIDE, device=masks_nhw.device)
    rows, columns = (STRIDE * cells_k3[:, axis, None] + steps for axis in (1, 2))
    return padded[cells_k3[:, 0, None, None], rows[:, :, None], columns[:, None, :]]


def mask_loss(logits_khw: Tensor, squares_khw: Tensor) -> Tensor:
    """Logistic loss, the mean over cells and pixels; 0 where there are no cells.

    Args:
        logits_khw: (K, 127, 127).
        squares_khw: By :func:`mask_squares`.
    """
    if not len(logits_khw):
        return logits_khw.sum()
    return F.softplus(-squares_khw * logits_khw).mean()

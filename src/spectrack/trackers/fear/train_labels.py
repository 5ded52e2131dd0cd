"""What FEAR's cells should answer for a box, and how far they are from that.

As the published program has it: a cell is on the target where its point lies in the box; boxes are
learned by the few cells about its middle, whether their points lie in it or not. Coordinates are
pixels of the search crop; the point of cell (row, column) is at (16 column, 16 row).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from spectrack.networks.fbnet import STRIDE
from spectrack.structures import Box
from spectrack.trackers.fear.network import CELLS

REACH = 2
"""Cells learn the box at most so many rows and columns, added up, from that of its middle."""


def distances_to(box: Box) -> NDArray[np.float32]:
    """Distances from every cell's point to the left, top, right and bottom side, (4, 16, 16).

    Those of sides that the point lies beyond are negative.
    """
    points = STRIDE * np.arange(CELLS, dtype=np.float32)
    x1, y1, x2, y2 = box.xyxy
    sides = np.empty((4, CELLS, CELLS), np.float32)
    sides[0], sides[2] = points - x1, x2 - points
    sides[1], sides[3] = (points - y1)[:, None], (y2 - points)[:, None]
    return sides


def cells_on(sides_4hw: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells whose point lies within the box, (16, 16)."""
    inside: NDArray[np.bool_] = np.all(sides_4hw > 0, axis=0)
    return inside


def cells_about(box: Box) -> NDArray[np.bool_]:
    """Cells that learn the box, (16, 16): a diamond about the cell of its middle."""
    col, row = (
        (start + length // 2) // STRIDE for start, length in ((box.x, box.w), (box.y, box.h))
    )
    cells = np.arange(CELLS)
    near: NDArray[np.bool_] = np.abs(cells - row)[:, None] + np.abs(cells - col) <= REACH
    return near


def class_loss(logits_n1hw: Tensor, on_nhw: Tensor) -> Tensor:
    """Half the mean cross entropy of the cells on targets, and half that of the others.

    Args:
        logits_n1hw: (N, 1, 16, 16).
        on_nhw: bool (N, 16, 16); a kind that is missing in the whole batch counts 0.
    """
    losses = F.binary_cross_entropy_with_logits(logits_n1hw[:, 0], on_nhw.float(), reduction="none")
    parts = [losses[kind] for kind in (on_nhw, ~on_nhw)]
    return sum((part.mean() / 2 for part in parts if part.numel()), logits_n1hw.sum() * 0)


def box_loss(sides_n4hw: Tensor, true_n4hw: Tensor, about_nhw: Tensor) -> Tensor:
    """Mean of 1 - IoU, with 1 added to intersection and union.

    Args:
        sides_n4hw: Distances (N, 4, 16, 16), positive.
        true_n4hw: True ones.
        about_nhw: bool (N, 16, 16), cells that count; the loss is 0 where there are none.
    """
    if not about_nhw.any():
        return sides_n4hw.sum() * 0
    found, true = (sides.movedim(1, -1)[about_nhw] for sides in (sides_n4hw, true_n4hw))
    both = _area(torch.minimum(found, true))
    return (1 - (both + 1) / (_area(found) + _area(true) - both + 1)).mean()


def _area(sides_k4: Tensor) -> Tensor:
    left, top, right, bottom = sides_k4.unbind(-1)
    return (left + right) * (top + bottom)

"""What NanoTrack's grid should answer for a box; labels and losses are those of SiamBAN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box
from spectrack.trackers.nanotrack.network import SEARCH, STRIDE
from spectrack.training.box_grid import IGNORED, box_labels, class_loss, sampled, side_loss
from spectrack.training.box_grid import grid_points as points_of

__all__ = ["IGNORED", "class_loss", "grid_labels", "grid_points", "sampled", "side_loss"]


def grid_points(cells: int) -> NDArray[np.float32]:
    """Where the cells' points lie along either axis, (cells,); that of cells // 2 in the middle."""
    return points_of(cells, STRIDE, SEARCH)


def grid_labels(
    box: Box, cells: int, same: bool = True
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Labels of all cells; see :func:`~spectrack.training.box_grid.box_labels`.

    Args:
        box: Of what is in the search region.
        cells: Side of the grid.
        same: Whether that is the target.
    """
    return box_labels(box, grid_points(cells), same)

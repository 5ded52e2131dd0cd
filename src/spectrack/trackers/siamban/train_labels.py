"""What SiamBAN's 25x25 cells should answer for a box (Chen et al., CVPR 2020, section 3.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box
from spectrack.trackers.siamban.network import CELLS, SEARCH, STRIDE
from spectrack.training.box_grid import box_labels, class_loss, grid_points, sampled, side_loss

__all__ = ["POINTS", "class_loss", "grid_labels", "sampled", "side_loss"]

POINTS = grid_points(CELLS, STRIDE, SEARCH)
"""Where the cells' points lie along either axis, in pixels of the search region: 31 to 223."""


def grid_labels(box: Box, same: bool = True) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Labels of all cells; see :func:`~spectrack.training.box_grid.box_labels`.

    Args:
        box: Of what is in the search region.
        same: Whether that is the target.

    Returns:
        Classes int8 (25, 25), distances float32 (4, 25, 25).
    """
    return box_labels(box, POINTS, same)

"""Grids of KYS that lie a part of a cell apart, and what is known moved onto the next one.

An even filter gives scores at the corners of cells, while features and states belong to their
middles; and a target that is found lies where it likes. Maps are moved bilinearly, with zeros
coming in from outside.

Published shifts are in coordinates where the map reaches from -1 to 1: a step s moves the place
that is read by s size / 2 cells.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CORNER_STEP = -0.5
"""From scores to cells, over the size of the map; back by its negative. As published: it is half of
the half cell that the geometry asks for, and the published weights learned with it."""


def shifted(maps_nchw: Tensor, step_xy: tuple[float, float]) -> Tensor:
    """Maps that are read a step further right and down; what was there comes here.

    Args:
        maps_nchw: (N, C, H, W), floating.
        step_xy: Where the place that is read lies from the one that is written, in halves of the
            map's width and height.

    Returns:
        (N, C, H, W), bilinear, zero outside.
    """
    x, y = step_xy
    lines = [[1.0, 0.0, x], [0.0, 1.0, y]]
    theta = torch.tensor([lines], dtype=maps_nchw.dtype, device=maps_nchw.device)
    grid = F.affine_grid(
        theta.expand(len(maps_nchw), -1, -1), list(maps_nchw.shape), align_corners=False
    )
    return F.grid_sample(maps_nchw, grid, padding_mode="zeros", align_corners=False)


def to_cells(scores_n1hw: Tensor) -> Tensor:
    """Scores of an even filter on the grid of the features.

    Args:
        scores_n1hw: (N, 1, H + 1, W + 1).

    Returns:
        (N, 1, H, W): without the last row and column, moved by :data:`CORNER_STEP`.
    """
    scores = scores_n1hw[..., :-1, :-1]
    return shifted(scores, _corner_step(scores, CORNER_STEP))


def to_corners(scores_n1hw: Tensor) -> Tensor:
    """The way back, to the grid of the appearance scores without last row and column."""
    return shifted(scores_n1hw, _corner_step(scores_n1hw, -CORNER_STEP))


def _corner_step(maps: Tensor, step: float) -> tuple[float, float]:
    return step / maps.shape[-1], step / maps.shape[-2]


def recentring(offset: float, size: int, central: float) -> float:
    """How far to read what is known of a frame off its place, along one axis.

    A cost volume knows whole cells only, and few of them. So a target near the middle is moved by
    the part of a cell that it lies off one, and a target further out to the middle.

    Args:
        offset: The target's centre from the middle of the map, in cells.
        size: Cells of the map.
        central: Share of the map on either side of its middle that counts as near.

    Returns:
        The step in cells.
    """
    if abs(offset) > central * size:
        return offset
    return offset - round(offset)

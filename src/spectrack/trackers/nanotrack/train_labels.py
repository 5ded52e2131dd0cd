"""What NanoTrack's grid should answer for a box, and how far it is from that.

Labels by two ellipses and the loss as SiamBAN has them (Chen et al., CVPR 2020, sections 3.3 and
3.4). Coordinates are pixels of the search region, whose middle one has its centre at 127.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from spectrack.structures import Box
from spectrack.trackers.nanotrack.network import SEARCH, STRIDE

POSITIVES, NEGATIVES = 16, 48
"""Cells that a sample counts at most."""
IGNORED = -1


def grid_points(cells: int) -> NDArray[np.float32]:
    """Where the cells' points lie along either axis, (cells,); that of cells // 2 in the middle."""
    return (SEARCH // 2 + (np.arange(cells) - cells // 2) * STRIDE).astype(np.float32)


def grid_labels(
    box: Box, cells: int, same: bool = True
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Labels of all cells.

    Args:
        box: Of what is in the search region; its edges are coordinates of the points.
        cells: Side of the grid.
        same: Whether that is the target.

    Returns:
        Classes int8 (n, n): 1 in an ellipse of half the box's sides, 0 beyond one of its sides,
        IGNORED between them; for another thing 0 in the smaller ellipse and IGNORED elsewhere. And
        distances float32 (4, n, n) to the left, top, right and bottom side; 0 for another thing.
    """
    points = grid_points(cells)
    (cx, cy), (x1, y1, x2, y2) = box.center, box.xyxy
    across, down = np.abs(cx - points) / (box.w / 4), np.abs(cy - points) / (box.h / 4)
    # in quarters of the box: the smaller ellipse has radius 1, the larger one 2
    radius_nn = across[None, :] ** 2 + down[:, None] ** 2
    classes = np.full((cells, cells), IGNORED, np.int8)
    classes[radius_nn < 1] = int(same)
    sides = np.zeros((4, cells, cells), np.float32)
    if same:
        classes[radius_nn > 4] = 0
        sides[0], sides[2] = (points - x1)[None, :], (x2 - points)[None, :]
        sides[1], sides[3] = (points - y1)[:, None], (y2 - points)[:, None]
    return classes, sides


def sampled(
    classes_nn: NDArray[np.int8], rng: np.random.Generator, same: bool = True
) -> NDArray[np.int8]:
    """Labels of which only some random ones count: few of a kind, so that none outweighs.

    Args:
        classes_nn: By :func:`grid_labels`.
        rng: Where chance comes from.
        same: As it was there; of another thing fewer cells count.
    """
    kept = np.full_like(classes_nn, IGNORED)
    for kind, most in ((1, POSITIVES), (0, NEGATIVES if same else POSITIVES)):
        found = np.flatnonzero(classes_nn == kind)
        chosen = rng.choice(found, most, replace=False) if len(found) > most else found
        kept.flat[chosen] = kind
    return kept


def class_loss(logits_nchw: Tensor, classes_nhw: Tensor) -> Tensor:
    """Half the mean loss of the cells on targets, and half that of the others.

    Args:
        logits_nchw: (N, 2, n, n).
        classes_nhw: (N, n, n): 1, 0 or IGNORED; a kind that is missing counts 0.
    """
    logs = F.log_softmax(logits_nchw, 1)
    parts = [-logs[:, kind][classes_nhw == kind] for kind in (1, 0)]
    return sum((0.5 * part.mean() for part in parts if part.numel()), logits_nchw.sum() * 0)


def side_loss(sides_n4hw: Tensor, true_n4hw: Tensor, classes_nhw: Tensor) -> Tensor:
    """Mean of 1 - IoU over cells on targets, with 1 added to both areas; 0 where there are none.

    Args:
        sides_n4hw: Distances (N, 4, n, n).
        true_n4hw: True ones.
        classes_nhw: (N, n, n).
    """
    inside = classes_nhw == 1
    if not inside.any():
        return sides_n4hw.sum() * 0
    found, true = (v.movedim(1, -1)[inside] for v in (sides_n4hw, true_n4hw))
    least = torch.minimum(found, true)
    both = _area(least)
    either = _area(found) + _area(true) - both
    return (1 - (both + 1) / (either + 1)).mean()


def _area(sides_k4: Tensor) -> Tensor:
    left, top, right, bottom = sides_k4.unbind(-1)
    return (left + right) * (top + bottom)

"""What cells that tell how far the sides of a box are should answer, and how far they are from it.

Labels by two ellipses and the losses of SiamBAN (Chen et al., CVPR 2020, sections 3.3 and 3.4).
Coordinates are pixels of the search region.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrack.structures import Box
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_crops import Seen

POSITIVES, NEGATIVES = 16, 48
"""Cells that a sample counts at most."""
IGNORED = -1


def grid_points(cells: int, stride: int, search: int) -> NDArray[np.float32]:
    """Where the cells' points lie along either axis, (cells,).

    Args:
        cells: Side of the grid.
        stride: Pixels a cell.
        search: Side of the search region; the point of cell ``cells // 2`` is its middle.
    """
    return (search // 2 + (np.arange(cells) - cells // 2) * stride).astype(np.float32)


def box_labels(
    box: Box, points_n: NDArray[np.float32], same: bool = True
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Labels of all cells.

    Args:
        box: Of what is in the search region; its edges are coordinates of the points.
        points_n: Of the cells, by :func:`grid_points`.
        same: Whether that is the target.

    Returns:
        Classes int8 (n, n): 1 in an ellipse of half the box's sides, 0 beyond one of its sides,
        IGNORED between them; for another thing 0 in the smaller ellipse and IGNORED elsewhere. And
        distances float32 (4, n, n) to the left, top, right and bottom side; 0 for another thing.
    """
    n = len(points_n)
    (cx, cy), (x1, y1, x2, y2) = box.center, box.xyxy
    across, down = np.abs(cx - points_n) / (box.w / 4), np.abs(cy - points_n) / (box.h / 4)
    # in quarters of the box: the smaller ellipse has radius 1, the larger one 2
    radius_nn = across[None, :] ** 2 + down[:, None] ** 2
    classes = np.full((n, n), IGNORED, np.int8)
    classes[radius_nn < 1] = int(same)
    sides = np.zeros((4, n, n), np.float32)
    if same:
        classes[radius_nn > 4] = 0
        sides[0], sides[2] = (points_n - x1)[None, :], (x2 - points_n)[None, :]
        sides[1], sides[3] = (points_n - y1)[:, None], (y2 - points_n)[:, None]
    return classes, sides


def sampled(
    classes_nn: NDArray[np.int8], rng: np.random.Generator, same: bool = True
) -> NDArray[np.int8]:
    """Labels of which only some random ones count: few of a kind, so that none outweighs.

    Args:
        classes_nn: By :func:`box_labels`.
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
    both = _area(torch.minimum(found, true))
    either = _area(found) + _area(true) - both
    return (1 - (both + 1) / (either + 1)).mean()


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a batch of pairs: of classes and of sides, as published in equal parts.

    Args:
        network: Template and search region, blue, green, red, to logits (N, 2, n, n) and distances
            (N, 4, n, n).
        batch: Of samples with :class:`BoxAnswers`, stacked, on the network's device.
    """
    template, search = (batch[name].flip(1) for name in ("template", "search"))  # to BGR
    logits, sides = network(template, search)
    classes = batch["classes"]
    return class_loss(logits, classes) + side_loss(sides, batch["sides"], classes)


class BoxAnswers:
    """What the cells of a grid should answer for a search region.

    Answers are ``classes`` int8 (n, n), of which a few count, and ``sides`` float32 (4, n, n), see
    :func:`box_labels`.

    Args:
        points_n: Of the cells, by :func:`grid_points`.
    """

    def __init__(self, points_n: NDArray[np.float32]) -> None:
        self._points_n = points_n

    def __call__(self, seen: Seen, rng: np.random.Generator) -> Sample:
        """For a search region."""
        classes, sides = box_labels(seen.box, self._points_n, seen.same)
        kept = sampled(classes, rng, seen.same)
        return {"classes": torch.from_numpy(kept), "sides": torch.from_numpy(sides)}


def _area(sides_k4: Tensor) -> Tensor:
    left, top, right, bottom = sides_k4.unbind(-1)
    return (left + right) * (top + bottom)

"""What anchors should answer for a box, and how far they are from that: SiamRPN, SiamMask.

Li et al., CVPR 2018, section 4.1: an anchor is the target's where it overlaps it well, and learns
how it is to be shifted and scaled then. Letters: A shapes, n cells a side of the grid.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.networks.anchors import STRIDE, anchor_grid, encode
from spectrack.structures import Box
from spectrack.training.box_grid import IGNORED, class_loss, sampled
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_crops import Seen

POSITIVE, NEGATIVE = 0.6, 0.3
"""An anchor is the target's above that overlap, and something else's below this one."""
SEARCH = 255
"""Side of the search region in training, of all of these trackers."""
BOXES = 1.2
"""Weight of the boxes' loss against that of the classes."""
AROUND = 3
"""Cells about another thing's middle that learn that it is not the target."""

Floats = NDArray[np.float32]


def training_anchors(cells: int) -> Floats:
    """Anchors in pixels of the search region, float32 (4, A, n, n): cx, cy, w, h."""
    return anchor_grid(cells, origin=SEARCH // 2)


def overlaps(box: Box, anchors: Floats) -> Floats:
    """IoU of every anchor with a box, float32 (A, n, n)."""
    low, high = anchors[:2] - anchors[2:] / 2, anchors[:2] + anchors[2:] / 2
    corners = np.array(box.xyxy, np.float32)[:, None, None, None]
    sides = np.minimum(high, corners[2:]) - np.maximum(low, corners[:2])
    both = np.prod(np.maximum(sides, 0), axis=0)
    either = np.prod(anchors[2:], axis=0) + box.area - both
    found: Floats = both / either
    return found


def anchor_labels(box: Box, anchors: Floats, same: bool = True) -> tuple[NDArray[np.int8], Floats]:
    """Labels of all anchors.

    Args:
        box: Of what is in the search region.
        anchors: By :func:`training_anchors`.
        same: Whether that is the target.

    Returns:
        Classes int8 (A, n, n): 1, 0 or IGNORED; of another thing 0 in the cells about its middle
        and IGNORED elsewhere. And deltas float32 (4, A, n, n), as the network should answer; 0 for
        another thing.
    """
    classes = np.full(anchors.shape[1:], IGNORED, np.int8)
    if not same:
        n = anchors.shape[-1]
        middle = anchors[:2, 0, n // 2, n // 2]
        column, row = (
            n // 2 + math.ceil((t - float(m)) / STRIDE + 0.5)
            for t, m in zip(box.center, middle, strict=True)
        )
        rows, columns = (slice(max(k - AROUND, 0), max(k + AROUND + 1, 0)) for k in (row, column))
        classes[:, rows, columns] = 0
        return classes, np.zeros_like(anchors)
    overlap = overlaps(box, anchors)
    classes[overlap > POSITIVE] = 1
    classes[overlap < NEGATIVE] = 0
    target = np.array([*box.center, box.w, box.h], np.float32)[:, None, None, None]
    return classes, encode(target, anchors)


def delta_weights(classes: NDArray[np.int8]) -> Floats:
    """What each anchor of a sample counts, float32 (A, n, n): the target's together at most 1."""
    own = (classes == 1).astype(np.float32)
    weights: Floats = own / (own.sum() + 1e-6)
    return weights


def delta_loss(deltas_nkhw: Tensor, true_n4ahw: Tensor, weights_nahw: Tensor) -> Tensor:
    """Mean over samples of the weighed sum of absolute differences.

    Args:
        deltas_nkhw: (N, 4A, n, n) as the network answers.
        true_n4ahw: (N, 4, A, n, n).
        weights_nahw: (N, A, n, n), by :func:`delta_weights`.
    """
    away = (deltas_nkhw.unflatten(1, (4, -1)) - true_n4ahw).abs().sum(1)
    return (away * weights_nahw).sum() / len(deltas_nkhw)


def anchor_loss(answers: tuple[Tensor, Tensor], batch: Sample) -> Tensor:
    """Loss of classes, and of deltas by :data:`BOXES`.

    Args:
        answers: Logits (N, 2A, n, n) and deltas (N, 4A, n, n) of a network.
        batch: Of :class:`AnchorAnswers`, stacked.
    """
    logits, deltas = answers
    classes = class_loss(logits.unflatten(1, (2, -1)), batch["classes"])
    return classes + BOXES * delta_loss(deltas, batch["deltas"], batch["weights"])


class AnchorAnswers:
    """What the anchors of a grid should answer for a search region.

    Answers are ``classes`` int8 (A, n, n), of which a few count, ``deltas`` float32 (4, A, n, n)
    and ``weights`` float32 (A, n, n).

    Args:
        cells: n.
    """

    def __init__(self, cells: int) -> None:
        self._anchors = training_anchors(cells)

    def __call__(self, seen: Seen, rng: np.random.Generator) -> Sample:
        """For a search region."""
        classes, deltas = anchor_labels(seen.box, self._anchors, seen.same)
        kept = sampled(classes, rng, seen.same)
        return {
            "classes": torch.from_numpy(kept),
            "deltas": torch.from_numpy(deltas),
            "weights": torch.from_numpy(delta_weights(kept)),
        }

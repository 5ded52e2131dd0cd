"""Boxes about a true one that a network learns to judge: with a least overlap, or of a density.

With a least overlap: ATOM (Danelljan et al., CVPR 2019, section 3.1). Of a mixture of Gaussians,
whose density is known: PrDiMP (Danelljan et al., CVPR 2020, section 3.2). That density is over
boxes as (centre over the true size, logarithm of the size), in which all boxes are alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box

Boxes = NDArray[np.float32]
"""(N, 4): left, top, width, height in pixels."""

SPREADS = (0.01, 0.05, 0.1, 0.2, 0.3)
"""Standard deviations that one is drawn of, in square roots of the box's area (ATOM)."""
RETRIES, CALMER = 100, 0.9
"""How often a box that overlaps too little is drawn again, and how much nearer each time."""
MIXTURE = ((0.05, 0.05), (0.5, 0.5))
"""Deviations of centre and size of each part of PrDiMP's mixture."""
TRUTH = (0.05, 0.05)
"""Deviations of the density that PrDiMP takes for the truth."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Boxes and what is known of them.

    Attributes:
        boxes: Boxes.
        overlaps: float32 (N,), IoU with the true box.
        sampled: float32 (N,), density that they were drawn from; ones where that is not known.
        true: float32 (N,), density of the truth at them; ones where that is not known.
    """

    boxes: Boxes
    overlaps: NDArray[np.float32]
    sampled: NDArray[np.float32]
    true: NDArray[np.float32]


def near_boxes(
    box: Box,
    count: int,
    rng: np.random.Generator,
    least: float = 0.1,
    spreads: Sequence[float] = SPREADS,
) -> Judged:
    """Boxes that overlap the true one, in whole pixels.

    Centre and size of each are drawn from a Gaussian about the true ones. Those that overlap too
    little are drawn again, each time from a narrower one.

    Args:
        box: The true one.
        count: N.
        rng: Where chance comes from.
        least: IoU that they have to be above, unless all tries fail.
        spreads: See :data:`SPREADS`.
    """
    middle = np.array([*box.center, box.w, box.h])
    spread = math.sqrt(box.area) * rng.choice(np.asarray(spreads), count)
    boxes, overlaps = np.zeros((count, 4)), np.zeros(count)
    left = np.arange(count)
    for _ in range(RETRIES):
        drawn = middle + spread[left, None] * rng.standard_normal((len(left), 4))
        size = drawn[:, 2:].clip(1.0)
        boxes[left] = np.rint(np.concatenate([drawn[:, :2] - size / 2, size], 1))
        overlaps[left] = overlaps_with(box, boxes[left])
        left = left[overlaps[left] <= least]
        if not len(left):
            break
        spread[left] *= CALMER
    ones = np.ones(count, np.float32)
    return Judged(boxes.astype(np.float32), overlaps.astype(np.float32), ones, ones)


def mixture_boxes(
    box: Box,
    count: int,
    rng: np.random.Generator,
    mixture: Sequence[tuple[float, float]] = MIXTURE,
    truth: tuple[float, float] = TRUTH,
) -> Judged:
    """Boxes of a mixture of Gaussians about the true one, and both densities at each.

    Args:
        box: The true one.
        count: N.
        rng: Where chance comes from.
        mixture: Deviations of centre and size of each part; all are as likely.
        truth: Deviations of centre and size of the density that is the truth.
    """
    parts = np.repeat(np.asarray(mixture), 2, 1)
    chosen = parts[rng.integers(len(parts), size=count)]
    off = chosen * rng.standard_normal((count, 4))
    sampled = np.mean([_density(off, part) for part in parts], 0)
    true = _density(off, np.repeat(truth, 2))
    size = np.array([box.w, box.h]) * np.exp(off[:, 2:])
    centre = np.array(box.center) + off[:, :2] * (box.w, box.h)
    boxes = np.concatenate([centre - size / 2, size], 1)
    overlaps = overlaps_with(box, boxes).astype(np.float32)
    return Judged(
        boxes.astype(np.float32), overlaps, sampled.astype(np.float32), true.astype(np.float32)
    )


def overlaps_with(box: Box, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """IoU of a box with each of several, (N,)."""
    low = np.maximum(boxes[:, :2], (box.x, box.y))
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], (box.x + box.w, box.y + box.h))
    both = (high - low).clip(0).prod(1, dtype=np.float64)
    either = box.area + boxes[:, 2:].prod(1, dtype=np.float64) - both
    return np.asarray(both / np.maximum(either, np.finfo(np.float64).tiny))


def _density(off: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Density of a Gaussian with mean 0 and these deviations along each axis, (N,)."""
    each = np.exp(-((off / deviations) ** 2) / 2) / (math.sqrt(2 * math.pi) * deviations)
    return np.asarray(each.prod(1))

"""Anchors: boxes of a few shapes at every cell of a grid, which a network shifts and scales.

Faster R-CNN's (Ren et al., NeurIPS 2015), as SiamRPN has them (Li et al., CVPR 2018, section 3.2).
Letters: A shapes, n cells a side; boxes are cx, cy, w, h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STRIDE = 8
RATIOS = (0.33, 0.5, 1.0, 2.0, 3.0)
"""Height over width of the five shapes."""
SCALES = (8,)
LARGEST_DELTA = math.log(1000.0)
"""Sizes are that many times the anchor's, or a part of it, at most: no network that has learned
answers with more, and the exponential of one that has not is beyond any number."""


def anchor_sizes(
    stride: int = STRIDE, ratios: Sequence[float] = RATIOS, scales: Sequence[int] = SCALES
) -> Floats:
    """Widths and heights of the shapes.

    Args:
        stride: Pixels between cells; the area of an anchor of scale 1 is its square.
        ratios: Heights over widths.
        scales: What sides are multiplied by.

    Returns:
        float32 (2, A), all scales of the first ratio first; both sides are cut to whole numbers
        before they are scaled, as in the published programs.
    """
    sizes = []
    for ratio in ratios:
        w = int(math.sqrt(stride * stride / ratio))
        h = int(w * ratio)
        sizes += [(w * scale, h * scale) for scale in scales]
    return np.array(sizes, np.float32).T


def anchor_grid(
    cells: int, stride: int = STRIDE, origin: float = 0.0, sizes_2a: Floats | None = None
) -> Floats:
    """All anchors of a grid.

    Args:
        cells: n; the point of cell n // 2 lies at ``origin``.
        stride: Pixels between cells.
        origin: 0 where boxes are told from the middle of the search region, as online; half of its
            side where they are told from its corner, as in training.
        sizes_2a: Shapes; the published five where left out.

    Returns:
        float32 (4, A, n, n); A is the slowest, columns the fastest.
    """
    sizes = anchor_sizes(stride) if sizes_2a is None else sizes_2a
    points = (origin + (np.arange(cells) - cells // 2) * stride).astype(np.float32)
    grid = np.empty((4, sizes.shape[1], cells, cells), np.float32)
    grid[0], grid[1] = points, points[:, None]
    grid[2:] = sizes[..., None, None]
    return grid


def decode(deltas: Floats, anchors: Floats) -> Floats:
    """Boxes that a network's answers say.

    Args:
        deltas: (4, ...): shifts of the centre in sides of the anchor, logarithms of the sides'
            changes.
        anchors: The same shape.

    Returns:
        The same shape: cx, cy, w, h.
    """
    boxes = np.empty_like(anchors)
    boxes[:2] = deltas[:2] * anchors[2:] + anchors[:2]
    boxes[2:] = np.exp(np.clip(deltas[2:], -LARGEST_DELTA, LARGEST_DELTA)) * anchors[2:]
    return boxes


def encode(boxes: Floats, anchors: Floats) -> Floats:
    """What a network should answer for boxes; the inverse of :func:`decode`.

    Args:
        boxes: cx, cy, w, h, (4, ...); may have one box for all anchors.
        anchors: (4, ...).
    """
    deltas = np.empty_like(anchors)
    deltas[:2] = (boxes[:2] - anchors[:2]) / anchors[2:]
    deltas[2:] = np.log(boxes[2:] / anchors[2:])
    return deltas

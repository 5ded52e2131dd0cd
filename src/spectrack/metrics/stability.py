"""T: how steady the contour of a segmentation is from frame to frame (DAVIS-2016).

Source: Perazzi et al., CVPR 2016, section 5.1. The outlines of two frames that follow each other
are described by shape contexts at points along them (Belongie, Malik, Puzicha, TPAMI 2002) and
matched in order by dynamic time warping; T is the mean cost of a matched pair. Motion and small
changes of shape cost little, jitter costs much; lower is better. It says nothing of truth, and the
paper measures it only where the target is not occluded.

What the paper leaves open, and how it is here: the outline is the longest one of the mask, sampled
at 100 points at equal steps; shape contexts have 5 rings, from 1/8 to twice the mean distance of
two points, and 12 sectors; cost is half the chi-square distance of normalised histograms; as an
outline has no beginning, every rotation of the second against the first is tried and the cheapest
matching taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import HardHW

POINTS, RINGS, SECTORS = 100, 5, 12
NEAREST, FARTHEST = 1 / 8, 2.0

PointsN2 = NDArray[np.float64]


def contour_stability(
    before_hw: NDArray[Any], after_hw: NDArray[Any], points: int = POINTS
) -> float:
    """T of two frames that follow each other, >= 0 and at most 1.

    Args:
        before_hw: Hard mask, bool or integer, shape (H, W).
        after_hw: The next one.
        points: Points along each outline.

    Returns:
        Mean cost of a matched pair; NaN where a mask is empty.

    Raises:
        InputError: If ``points`` < 3.
    """
    if points < 3:
        raise InputError(f"{points} points were given; expected at least 3 along an outline")
    one, other = (outline(np.asarray(m) != 0, points) for m in (before_hw, after_hw))
    if one is None or other is None:
        return float("nan")
    return cheapest_matching(histogram_cost(shape_contexts(one), shape_contexts(other)))


def contour_stability_t(masks: Iterable[NDArray[Any]], points: int = POINTS) -> NDArray[np.float64]:
    """T over time, shape (T - 1,); arguments as in :func:`contour_stability`."""
    pairs = pairwise(masks)
    return np.array([contour_stability(a, b, points) for a, b in pairs], dtype=np.float64)


def outline(mask_hw: HardHW, points: int = POINTS) -> PointsN2 | None:
    """Points (x, y) at equal steps along the longest outline, shape (N, 2); None if empty."""
    contours, _ = cv2.findContours(
        mask_hw.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not contours:
        return None
    longest = max(contours, key=lambda c: cv2.arcLength(c, closed=True))[:, 0].astype(np.float64)
    closed = np.concatenate([longest, longest[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.arange(points) / points * along[-1]
    return np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def shape_contexts(points_n2: PointsN2) -> NDArray[np.float64]:
    """Where the other points lie as seen from each: shape (N, rings * sectors), rows sum to 1.

    A row is 0 where no other point lies within the rings.
    """
    offsets = points_n2[None] - points_n2[:, None]
    distance = np.linalg.norm(offsets, axis=2)
    apart = ~np.eye(len(points_n2), dtype=bool)
    scale = distance[apart].mean()
    edges = np.geomspace(NEAREST, FARTHEST, RINGS) * (scale if scale > 0 else 1.0)
    ring = np.searchsorted(edges, distance)  # the first ring is all within its edge
    turn = np.arctan2(offsets[..., 1], offsets[..., 0]) % (2 * np.pi)
    sector = np.minimum((turn / (2 * np.pi) * SECTORS).astype(int), SECTORS - 1)
    counted = apart & (ring < RINGS)
    bins = np.arange(len(points_n2))[:, None] * RINGS * SECTORS + ring * SECTORS + sector
    size = len(points_n2) * RINGS * SECTORS
    histograms = np.bincount(bins[counted], minlength=size).reshape(len(points_n2), -1)
    total = histograms.sum(axis=1, keepdims=True)
    return histograms / np.maximum(total, 1)


def histogram_cost(one_nb: NDArray[np.float64], other_mb: NDArray[np.float64]) -> Any:
    """Half the chi-square distance of all pairs of histograms, shape (N, M), in [0, 1]."""
    gap, total = one_nb[:, None] - other_mb[None], one_nb[:, None] + other_mb[None]
    return np.divide(gap**2, total, out=np.zeros_like(gap), where=total > 0).sum(axis=2) / 2


def cheapest_matching(cost_nm: NDArray[np.float64]) -> float:
    """Mean cost along the cheapest matching in order of two closed rows of points.

    A matching begins with the first point of the one and any point of the other, goes on by one
    point in one of both or in both, and ends when all points of both were met.

    Args:
        cost_nm: Cost of matching point n with point m, shape (N, M).
    """
    n, m = cost_nm.shape
    twice = np.concatenate([cost_nm, cost_nm], axis=1)
    rotations = np.arange(m)
    # Pairs (i, j) with one i + j depend on those of the two diagonals before. Row i + 1 of a
    # diagonal holds pair i of all rotations; row 0 and rows beyond the table stay infinite.
    earlier = (np.full((n + 1, m), np.inf), np.zeros((n + 1, m)))
    earlier[0][0] = 0  # what the first pair of all goes on from
    last = (np.full((n + 1, m), np.inf), np.zeros((n + 1, m)))
    for diagonal in range(n + m - 1):
        i = np.arange(max(0, diagonal - m + 1), min(n, diagonal + 1))
        rows = slice(i[0] + 1, i[-1] + 2)
        before = slice(i[0], i[-1] + 1)
        both, alone, other = earlier[0][before], last[0][before], last[0][rows]
        total, steps = both, earlier[1][before]
        for more, counted in ((alone, last[1][before]), (other, last[1][rows])):
            steps = np.where(more < total, counted, steps)
            total = np.minimum(more, total)
        now = (np.full((n + 1, m), np.inf), np.zeros((n + 1, m)))
        now[0][rows] = total + twice[i[:, None], (diagonal - i)[:, None] + rotations]
        now[1][rows] = steps + 1
        earlier, last = last, now
    best = int(last[0][n].argmin())
    return float(last[0][n, best] / last[1][n, best])

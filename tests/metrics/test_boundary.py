"""Boundary F against a pixel-by-pixel, pair-by-pair reading of its definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spectrack.errors import InputError
from spectrack.metrics.boundary import (
    boundary_f,
    boundary_f_t,
    boundary_map,
    boundary_radius,
    region_and_contour,
)
from spectrack.metrics.regions import jaccard

MASKS = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)


def slow_boundary(mask):
    """A pixel differs from its right, lower or lower right neighbour inside the picture."""
    height, width = mask.shape
    found = set()
    for y, x in itertools.product(range(height), range(width)):
        if y == height - 1 and x == width - 1:
            continue
        near = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
        if y == height - 1:
            near = near[:1]
        elif x == width - 1:
            near = near[1:2]
        if any(mask[p] != mask[y, x] for p in near):
            found.add((y, x))
    return found


def slow_f(mask, truth, radius):
    found, wanted = slow_boundary(mask), slow_boundary(truth)
    if not found and not wanted:
        return 1.0
    if not found or not wanted:
        return 0.0

    def matched(ones, others):
        hits = [p for p in ones if any(math.dist(p, q) <= radius for q in others)]
        return len(hits) / len(ones)

    precision, recall = matched(found, wanted), matched(wanted, found)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@given(MASKS)
def test_boundary_map_follows_the_definition(pair):
    assert {tuple(map(int, p)) for p in np.argwhere(boundary_map(pair[0]))} == slow_boundary(
        pair[0]
    )


@given(MASKS, st.integers(1, 4))
def test_f_equals_explicit_distances(pair, radius):
    assert boundary_f(*pair, tolerance=radius) == pytest.approx(slow_f(*pair, radius))
    assert region_and_contour(*pair, radius) == (jaccard(*pair), boundary_f(*pair, radius))


@pytest.mark.parametrize("shape", [(41, 60), (60, 41)])
@pytest.mark.parametrize("share", [0.03, 0.061])
def test_f_of_blobs_with_a_share_of_the_diagonal(rng, shape, share):
    """Shapes that touch the frame's edges, as objects do."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    for _ in range(6):
        (cy, cx), (dy, dx) = rng.uniform(0, 40, 2), rng.uniform(-4, 4, 2)
        r = rng.uniform(4, 22)
        mask = np.hypot(y - cy, x - cx) < r
        truth = np.hypot(y - cy - dy, (x - cx - dx) * 0.9) < r
        radius = math.ceil(share * math.hypot(*shape))
        assert boundary_f(mask, truth, share) == pytest.approx(slow_f(mask, truth, radius))


def test_empty_and_full_masks():
    empty, full = np.zeros((6, 8), bool), np.ones((6, 8), bool)
    part = full.copy()
    part[3:] = False
    assert boundary_f(empty, empty) == 1
    assert boundary_f(full, full) == 1
    assert boundary_f(full, empty) == 1  # neither has a boundary inside the picture
    assert boundary_f(part, empty) == 0
    assert boundary_f(empty, part) == 0
    assert boundary_f(part, part) == 1


def test_official_tolerance():
    assert boundary_radius((854, 480)) == 8
    assert boundary_radius((427, 240)) == 4
    assert boundary_radius((10, 10), 3) == 3
    one, two = np.zeros((2, 120, 160), bool)
    one[20:60, 20:60] = True
    two[20:60, 22:62] = True  # shifted by 2, the tolerance at this size
    assert boundary_f(one, two) == 1
    two = np.roll(one, 20, axis=1)
    assert 0 < boundary_f(one, two) < 1


def test_f_over_time(rng):
    masks, truths = rng.random((2, 3, 9, 11)) < 0.5
    expected = [boundary_f(m, g) for m, g in zip(masks, truths, strict=True)]
    assert boundary_f_t(masks, truths).tolist() == expected


@pytest.mark.parametrize("tolerance", [0, -1, math.nan, math.inf])
def test_refuses_senseless_tolerances(tolerance):
    with pytest.raises(InputError, match="tolerance"):
        boundary_f(np.zeros((2, 2), bool), np.zeros((2, 2), bool), tolerance)


def test_refuses_soft_masks():
    with pytest.raises(InputError, match="hard mask"):
        boundary_f(np.zeros((2, 2), np.float32), np.zeros((2, 2), bool))

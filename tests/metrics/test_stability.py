"""T against every matching tried one by one, shape contexts by loops, and what it should mean."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.metrics.stability import (
    cheapest_matching,
    contour_stability,
    contour_stability_t,
    histogram_cost,
    outline,
    shape_contexts,
)


def every_matching(n, m):
    """All ways from the first pair to the last, by steps in one or in both."""

    @cache
    def ways(i, j):
        if (i, j) == (n - 1, m - 1):
            return (((i, j),),)
        steps = [(i + 1, j), (i, j + 1), (i + 1, j + 1)]
        return tuple(((i, j), *rest) for a, b in steps if a < n and b < m for rest in ways(a, b))

    return ways(0, 0)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 3), (3, 5)])
def test_matching_is_the_cheapest(rng, shape):
    for _ in range(4):
        cost = rng.random(shape)
        totals = []
        for turn in range(shape[1]):
            turned = np.roll(cost, -turn, axis=1)
            for way in every_matching(*shape):
                totals.append((sum(turned[p] for p in way), len(way)))
        total, pairs = min(totals)
        assert cheapest_matching(cost) == pytest.approx(total / pairs)


def test_shape_contexts_equal_loops(rng):
    points = rng.random((12, 2)) * 40
    apart = [math.dist(a, b) for i, a in enumerate(points) for j, b in enumerate(points) if i != j]
    mean = sum(apart) / len(apart)
    edges = [mean / 8 * 16 ** (k / 4) for k in range(5)]
    expected = np.zeros((12, 60))
    for i, a in enumerate(points):
        for j, b in enumerate(points):
            distance = math.dist(a, b)
            if i == j or distance > edges[-1]:
                continue
            ring = next(k for k in range(5) if distance <= edges[k])
            angle = math.atan2(b[1] - a[1], b[0] - a[0]) % (2 * math.pi)
            expected[i, ring * 12 + int(angle / (2 * math.pi) * 12)] += 1
    expected /= expected.sum(axis=1, keepdims=True)
    contexts = shape_contexts(points)
    np.testing.assert_allclose(contexts, expected)
    a, b = contexts[0], contexts[5]
    chi = sum((p - q) ** 2 / (p + q) for p, q in zip(a, b, strict=True) if p + q > 0) / 2
    assert histogram_cost(contexts, contexts)[0, 5] == pytest.approx(chi)


def disk(cx, cy, r, wobble=0.0, seed=0):
    y, x = np.mgrid[:120, :160]
    turn = np.arctan2(y - cy, x - cx)
    waves = zip((7, 11, 16), np.random.default_rng(seed).uniform(0, 6, 3), strict=True)
    edge = r * (1 + wobble * sum(np.sin(k * turn + p) for k, p in waves))
    return np.hypot(y - cy, x - cx) < edge


def test_motion_costs_nothing_and_jitter_much():
    masks = [disk(40 + 9 * t, 50 + 3 * t, 28) for t in range(4)]
    assert contour_stability_t(masks) == pytest.approx([0, 0, 0])
    grown = contour_stability(disk(80, 60, 28), disk(80, 60, 33))
    jitter = contour_stability(disk(80, 60, 28, 0.08, 1), disk(80, 60, 28, 0.08, 2))
    assert grown < 0.02 < 0.1 < jitter
    assert contour_stability(masks[0], masks[0].astype(np.uint8) * 3) == 0


def test_outlines():
    square = np.zeros((30, 40), bool)
    square[5:16, 10:21] = True
    square[25, 30] = True  # a smaller thing beside it does not count
    points = outline(square, 8)
    corners = {(10, 5), (10, 10), (10, 15), (15, 15), (20, 15), (20, 10), (20, 5), (15, 5)}
    assert {tuple(map(float, p)) for p in points} == corners
    assert outline(np.zeros((4, 4), bool)) is None


def test_empty_masks_and_single_pixels():
    empty, dot = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    dot[4, 4] = True
    assert math.isnan(contour_stability(empty, dot))
    assert contour_stability(dot, dot) == 0
    assert contour_stability_t([dot]).shape == (0,)
    with pytest.raises(InputError, match="2 points"):
        contour_stability(dot, dot, 2)

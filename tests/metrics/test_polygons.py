"""Overlap of polygons and boxes against counting of points on a fine grid."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from spectrack.errors import InputError
from spectrack.metrics.polygons import (
    clip_to_box,
    polygon_area,
    polygon_box_overlap,
    polygon_overlap,
    shared_area,
)

STEP = 0.05


def rotated(cx, cy, w, h, degrees):
    """Corners of a rotated rectangle."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    half = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
    return half @ turn.T + (cx, cy)


def counted(polygon, box):
    """Area of the polygon and of what it shares with the box, by points on a grid."""
    xs = np.arange(-20 + STEP / 2, 70, STEP)
    points = np.stack(np.meshgrid(xs, xs), -1).reshape(-1, 2)
    inside = Outline(polygon).contains_points(points)
    x, y, w, h = box
    px, py = points[inside].T
    both = (px >= x) & (px < x + w) & (py >= y) & (py < y + h)
    return inside.sum() * STEP**2, both.sum() * STEP**2


L_SHAPE = np.array([[5, 5], [40, 5], [40, 15], [15, 15], [15, 45], [5, 45]], float)


@pytest.mark.parametrize(
    ("polygon", "box"),
    [
        (rotated(20, 25, 30, 10, 30), (10, 15, 25, 20)),
        (rotated(20, 25, 30, 10, 30)[::-1], (10, 15, 25, 20)),  # the other way around
        (rotated(10, 10, 20, 20, 45), (10, 10, 40, 40)),
        (rotated(20, 20, 8, 6, 75), (0, 0, 50, 50)),  # wholly inside
        (rotated(25, 25, 60, 50, 10), (20, 22, 7, 9)),  # holds the box
        (rotated(0, 0, 10, 10, 20), (30, 30, 5, 5)),  # apart
        (L_SHAPE, (10, 10, 20, 20)),  # the box cuts off two arms
        (L_SHAPE, (20, 0, 40, 50)),
    ],
)
def test_overlap_equals_counting(polygon, box):
    area, both = counted(polygon, box)
    assert polygon_area(polygon) == pytest.approx(area, abs=1.5)
    assert polygon_area(clip_to_box(polygon, box)) == pytest.approx(both, abs=1.5)
    union = area + box[2] * box[3] - both
    assert polygon_box_overlap(polygon, box) == pytest.approx(both / union, abs=3e-3)


def star(seed, corners, centre=(25, 25)):
    """A polygon whose corners lie at any distance from its centre: seldom convex."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(4, 24, corners)
    return np.stack([np.cos(angles) * reach, np.sin(angles) * reach], axis=1) + centre


U_SHAPE = np.array([[0, 0], [40, 0], [40, 40], [30, 40], [30, 10], [10, 10], [10, 40], [0, 40]])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rotated(20, 25, 30, 10, 30), rotated(25, 22, 20, 14, 100)),
        (rotated(20, 25, 30, 10, 30)[::-1], rotated(25, 22, 20, 14, 100)),
        (rotated(20, 20, 8, 6, 75), rotated(20, 20, 30, 30, 10)),  # wholly inside
        (rotated(0, 0, 10, 10, 20), rotated(50, 50, 10, 10, 70)),  # apart
        (L_SHAPE, U_SHAPE + 8),  # they meet in several places
        (U_SHAPE, rotated(20, 30, 50, 6, 0)),  # a bar across both arms
        (star(0, 9), star(1, 12, (30, 22))),
        (star(2, 30), star(3, 17)[::-1]),
    ],
)
def test_shared_area_equals_counting(one, other):
    xs = np.arange(-20 + STEP / 2, 70, STEP)
    points = np.stack(np.meshgrid(xs, xs), -1).reshape(-1, 2)
    in_one, in_other = (Outline(p).contains_points(points) for p in (one, other))
    both = (in_one & in_other).sum() * STEP**2
    for a, b in ((one, other), (other, one)):
        assert shared_area(a, b) == pytest.approx(both, abs=1.5)
        wanted = both / ((in_one | in_other).sum() * STEP**2)
        assert polygon_overlap(a, b) == pytest.approx(wanted, abs=3e-3)


def test_polygons_worked_by_hand():
    """A square of side 10 on its corner, and the same moved by half of its diagonal."""
    square = np.array([[5, 0], [10, 5], [5, 10], [0, 5]], float)
    assert polygon_overlap(square, square) == 1
    # Two such squares share one of half the side.
    assert polygon_overlap(square, square + np.array([5, 0])) == pytest.approx(1 / 7)
    assert shared_area(square + np.array([10, 0]), square) == 0  # they touch
    assert polygon_overlap(np.zeros((3, 2)), np.zeros((2, 2))) == 0


def test_upright_polygon_is_a_box():
    corners = np.array([[0, 0], [10, 0], [10, 5], [0, 5]], float)
    assert polygon_area(corners) == 50
    assert polygon_box_overlap(corners, (0, 0, 10, 5)) == 1
    assert polygon_box_overlap(corners, (5, 0, 10, 5)) == pytest.approx(1 / 3)
    assert polygon_box_overlap(corners, (10, 0, 10, 5)) == 0  # they touch
    far = corners + 1e7
    assert polygon_area(far) == 50


def test_without_area():
    line = np.array([[0, 0], [10, 10]], float)
    assert polygon_area(line) == 0
    assert polygon_box_overlap(line, (0, 0, 0, 0)) == 0
    assert clip_to_box(line + 100, (0, 0, 5, 5)).shape == (0, 2)


@pytest.mark.parametrize("bad", [np.zeros((4, 3)), np.zeros(8), np.full((4, 2), np.nan)])
def test_bad_input(bad):
    with pytest.raises(InputError, match=r"expected corners \(n, 2\)"):
        polygon_area(bad)

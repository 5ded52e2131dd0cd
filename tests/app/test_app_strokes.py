"""Strokes and overlays, compared with distances computed pixel by pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from spectrack.app.overlay import EDGE, INSIDE, overlay_png
from spectrack.app.strokes import paint
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.video.draw import object_color

SHAPE = (60, 80)


def distance_to(points, shape=SHAPE):
    """Of every pixel's centre to a line of points, by brute force."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    best = np.full(shape, np.inf)
    for (x1, y1), (x2, y2) in zip(points, points[1:] or points, strict=False):
        length = (x2 - x1) ** 2 + (y2 - y1) ** 2
        t = (
            0.0
            if length == 0
            else np.clip(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0, 1)
        )
        best = np.minimum(best, np.hypot(x - x1 - t * (x2 - x1), y - y1 - t * (y2 - y1)))
    return best


@pytest.mark.parametrize(
    ("points", "radius"),
    [
        ([(40.0, 30.0)], 9),
        ([(10.0, 10.0), (60.0, 45.0)], 6),
        ([(10.0, 50.0), (30.0, 10.0), (70.0, 40.0)], 4),
        ([(-20.0, 30.0), (20.0, 30.0)], 8),
        ([(5.5, 5.5)], 1),
    ],
)
def test_a_stroke_covers_what_is_near_its_line(points, radius):
    empty = np.zeros(SHAPE, bool)
    found = paint(empty, points, radius)
    distance = distance_to(points)
    assert found[distance <= radius - 1.2].all()
    assert not found[distance >= radius + 1.2].any()
    assert not empty.any()  # the mask that was given stays


def test_erasing_takes_away_what_painting_adds():
    full = np.ones(SHAPE, bool)
    points = [(10.0, 10.0), (60.0, 45.0)]
    assert np.array_equal(~paint(full, points, 5, erase=True), paint(~full, points, 5))


@pytest.mark.parametrize(
    ("points", "radius"),
    [([], 3), ([(np.nan, 1)], 3), ([(1, 1)], 0), ([(1, 1)], 1e9), ([(1, 1)] * 30_000, 3)],
)
def test_what_is_no_stroke_is_refused(points, radius):
    with pytest.raises(InputError):
        paint(np.zeros(SHAPE, bool), points, radius)


def test_points_far_outside_do_no_harm():
    found = paint(np.zeros(SHAPE, bool), [(1e12, 30.0), (-1e12, 30.0)], 3)
    assert found[30, :].all()
    assert not found[:20].any()


def test_an_overlay_shows_each_object_in_its_colour_and_nothing_elsewhere():
    one, two = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    one[10:30, 10:30] = True
    two[25:50, 25:60] = True
    data = overlay_png([(1, one, None), (2, two, None)], SHAPE[::-1])
    rgba = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    assert np.array_equal(rgba[..., 3] > 0, one | two)
    assert tuple(rgba[20, 20]) == (*object_color(1), INSIDE)
    assert tuple(rgba[40, 40]) == (*object_color(2), INSIDE)
    assert tuple(rgba[10, 15]) == (*object_color(1), EDGE)
    assert tuple(rgba[27, 27][:3]) == object_color(2)


def test_a_box_without_a_mask_is_drawn_as_its_border():
    data = overlay_png([(3, None, Box(20, 10, 30, 25))], SHAPE[::-1])
    alpha = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., 3]
    assert alpha[10, 30] == EDGE
    assert alpha[22, 35] == 0

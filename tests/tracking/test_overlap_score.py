"""Scores that estimate an overlap: every part against boxes and cells counted one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.overlap_score import (
    agreement,
    certainty,
    expected_overlap,
    points_in,
    similarity,
    weighed_mean,
)


def test_agreement_box_by_box(rng):
    scores = rng.random(20).astype(np.float32)
    low = rng.random((2, 20)) * 50
    corners = np.concatenate([low, low + 5 + 40 * rng.random((2, 20))])
    boxes = [Box.from_xyxy(*corners[:, i]) for i in range(20)]
    expected = sum(float(s) * b.iou(boxes[7]) for s, b in zip(scores, boxes, strict=True))
    assert agreement(scores, corners, 7) == pytest.approx(expected / scores.astype(float).sum())
    assert agreement(0 * scores, corners, 7) == 0


@pytest.mark.parametrize(
    ("score", "told"), [(1.0, 1.0), (0.0, -1.0), (0.5, 0.0), (0.9, math.log(9) / 14)]
)
def test_certainty_is_the_logit_where_there_is_one(score, told):
    assert certainty(score) == pytest.approx(told)


def test_the_formula():
    numbers = {"bias": 1.0, "certainty": 2.0, "agreement": 3.0}
    assert expected_overlap({"certainty": 0.25, "agreement": -0.5}, numbers) == pytest.approx(0.5)


@pytest.mark.parametrize("box", [(-20.0, -3, 35, 18), (-500.0, -500, -400, -400), (1.0, 1, 2, 2)])
def test_cells_in_a_box_cell_by_cell(box):
    points = (np.arange(6) - 3) * 16.0
    found = points_in(np.array(box), points)
    x1, y1, x2, y2 = box
    inside = [[x1 <= x <= x2 and y1 <= y <= y2 for x in points] for y in points]
    if np.any(inside):
        np.testing.assert_array_equal(found, inside)
    else:
        assert found.sum() == 1
        row, column = np.argwhere(found)[0]
        nearest = [
            min(range(6), key=lambda k: abs(points[k] - m)) for m in ((y1 + y2) / 2, (x1 + x2) / 2)
        ]
        assert [row, column] == nearest


def test_means_and_cosines_of_nothing_are_nothing():
    assert weighed_mean(np.ones(3), np.zeros(3)) == 0
    assert weighed_mean(np.array([1.0, 3.0]), np.array([3.0, 1.0])) == pytest.approx(1.5)
    assert similarity(np.zeros(3), np.ones(3)) == 0
    assert similarity(np.array([1.0, 1.0]), np.array([2.0, 0.0])) == pytest.approx(0.5**0.5)

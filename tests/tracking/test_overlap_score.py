"""Scores that estimate an overlap: every part against boxes and cells counted one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.overlap_score import agreement, certainty, expected_overlap, weighed_mean


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


def test_means_of_nothing_are_nothing():
    assert weighed_mean(np.ones(3), np.zeros(3)) == 0
    assert weighed_mean(np.array([1.0, 3.0]), np.array([3.0, 1.0])) == pytest.approx(1.5)

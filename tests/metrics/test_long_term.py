"""Long-term measures against counting frame by frame, and worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.metrics.long_term import (
    LongTermCurve,
    confidence_thresholds,
    long_term_curve,
    long_term_total,
)

NAN = np.nan


def slow(overlaps, confidences, threshold):
    reported = [
        0.0 if math.isnan(o) else o
        for o, c in zip(overlaps, confidences, strict=True)
        if not math.isnan(c) and c >= threshold
    ]
    visible = sum(not math.isnan(o) for o in overlaps)
    precision = sum(reported) / len(reported) if reported else 1.0
    return precision, sum(reported) / visible


def test_worked_by_hand():
    """Sure and right, sure but absent, unsure and half right, nothing found."""
    overlaps, sure = np.array([1, NAN, 0.5, 0.8]), np.array([0.9, 0.6, 0.3, NAN])
    curve = long_term_curve(overlaps, sure, confidence_thresholds([sure]))
    assert curve.thresholds.tolist() == [math.inf, 0.9, 0.6, 0.3, -math.inf]
    assert curve.precision == pytest.approx([1, 1, 0.5, 0.5, 0.5])
    assert curve.recall == pytest.approx([0, 1 / 3, 1 / 3, 0.5, 0.5])
    assert curve.figures["f"] == pytest.approx(0.5)
    assert (curve.figures["threshold"], curve.f[0]) == (0.9, 0)


def test_equals_counting(rng):
    for total in (1, 7, 300):
        overlaps, sure = rng.random(total), np.round(rng.random(total), 2)
        overlaps[1::3], sure[::5] = NAN, NAN
        levels = confidence_thresholds([sure], None)
        curve = long_term_curve(overlaps, sure, levels)
        expected = [slow(overlaps.tolist(), sure.tolist(), t) for t in levels]
        np.testing.assert_allclose(np.transpose([curve.precision, curve.recall]), expected)


def test_thresholds_hold_all_confidences_or_a_hundred(rng):
    few = [np.array([0.5, 0.2, NAN]), np.array([0.2, 0.9])]
    assert confidence_thresholds(few).tolist() == [math.inf, 0.9, 0.5, 0.2, -math.inf]
    many = [rng.random(700), rng.random(412)]
    levels = confidence_thresholds(many)
    assert len(levels) == 100
    every = confidence_thresholds(many, None)
    assert len(every) == 1114
    assert set(levels) <= set(every)
    assert (np.diff(levels) < 0).all()
    ranks = np.flatnonzero(np.isin(every, levels[1:-1]))
    assert set(np.diff(ranks)) <= {11, 12}
    assert confidence_thresholds([]).tolist() == [math.inf, -math.inf]
    with pytest.raises(InputError, match="resolution of 2"):
        confidence_thresholds(many, 2)


def test_total_is_a_mean_of_curves(rng):
    sure = [rng.random(50), rng.random(80)]
    levels = confidence_thresholds(sure)
    curves = [long_term_curve(rng.random(len(s)), s, levels) for s in sure]
    total = long_term_total(curves)
    pr = (curves[0].precision + curves[1].precision) / 2
    re = (curves[0].recall + curves[1].recall) / 2
    assert total.figures["f"] == pytest.approx(max(2 * pr * re / (pr + re)))
    with pytest.raises(InputError, match="same thresholds"):
        long_term_total([curves[0], LongTermCurve(levels[1:], pr[1:], re[1:])])
    with pytest.raises(InputError, match="0 curves"):
        long_term_total([])


def test_refuses_videos_without_the_target():
    with pytest.raises(InputError, match="0 of them with the target"):
        long_term_curve(np.array([NAN]), np.array([1.0]), np.array([0.5]))
    with pytest.raises(InputError, match="2 overlaps"):
        long_term_curve(np.ones(2), np.ones(3), np.array([0.5]))

"""Expected average overlap against a loop over segments and lengths, and worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from spectrack.errors import InputError
from spectrack.metrics.expected_overlap import (
    EAO_INTERVALS,
    Segment,
    eao,
    eao_curve,
    eao_interval,
)


def slow_curve(segments, longest):
    """For each length: the segments that say something, and the mean of so many overlaps."""
    out = [math.nan]
    for n in range(1, longest + 1):
        means = []
        for overlaps, failed in segments:
            after = [0.0 if math.isnan(v) else v for v in overlaps[1:]]
            if failed:
                after += [0.0] * longest
            if len(after) >= n:
                means.append(sum(after[:n]) / n)
        out.append(sum(means) / len(means) if means else math.nan)
    return out


def test_worked_by_hand():
    segments = [
        Segment(np.array([1, 0.5, 0.5]), failed=False),  # two frames after the start
        Segment(np.array([1, 0.9]), failed=True),  # one, then zeros for ever
    ]
    curve = eao_curve(segments, 3)
    assert curve[1:] == pytest.approx([(0.5 + 0.9) / 2, (0.5 + 0.45) / 2, 0.3])
    assert math.isnan(curve[0])
    assert eao(curve, (2, 3)) == pytest.approx((0.475 + 0.3) / 2)


def test_equals_a_loop(rng):
    lengths = rng.integers(1, 60, 25)
    segments = [Segment(rng.random(n), bool(rng.random() < 0.5)) for n in lengths]
    segments[3].overlaps[::4] = np.nan
    expected = slow_curve([(s.overlaps, s.failed) for s in segments], 80)
    np.testing.assert_allclose(eao_curve(segments, 80), expected, atol=1e-12)
    assert eao(eao_curve(segments, 80), (10, 40)) == pytest.approx(np.mean(expected[10:41]))


def test_lengths_nobody_reaches_are_left_out():
    curve = eao_curve([Segment(np.ones(5), failed=False)], 10)
    assert np.isnan(curve[5:]).all()
    assert eao(curve, (3, 10)) == 1
    with pytest.raises(InputError, match="no video has 5 frames"):
        eao(curve, (5, 10))


@pytest.mark.parametrize("interval", [(0, 3), (4, 3), (2, 11)])
def test_refuses_intervals_outside(interval):
    with pytest.raises(InputError, match="inside of it"):
        eao(np.ones(11), interval)


def test_refuses_what_is_no_segment():
    with pytest.raises(InputError, match="at least 1 frame"):
        eao_curve([], 0)
    for bad in (np.zeros(0), np.zeros((2, 2))):
        with pytest.raises(InputError, match="one overlap a frame"):
            eao_curve([Segment(bad, failed=False)], 3)


def test_interval_holds_half_of_the_density(rng):
    """Against SciPy's kernels: the shortest of all intervals with half of the density."""
    lengths = rng.integers(40, 700, 30)
    low, high = eao_interval(lengths)
    places = np.arange(1, 1500)
    density = gaussian_kde(lengths)(places)
    summed = np.concatenate([[0], np.cumsum(density / density.sum())])
    shortest = min(
        int(np.searchsorted(summed, summed[a] + 0.5)) - a
        for a in range(len(places))
        if summed[a] + 0.5 <= summed[-1]
    )
    assert abs((high - low + 1) - shortest) <= 1
    assert summed[high] - summed[low - 1] >= 0.5


def test_interval_of_equal_lengths_and_of_none():
    assert eao_interval([80, 80, 80]) == (80, 80)
    assert eao_interval([25]) == (25, 25)
    for bad in ([], [0, 4]):
        with pytest.raises(InputError, match="lengths of videos"):
            eao_interval(bad)


def test_published_intervals_are_intervals():
    assert all(1 < low < high for low, high in EAO_INTERVALS.values())

"""Bootstrap over sequences, against SciPy's and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectrack.errors import InputError
from spectrack.metrics.bootstrap import best_shares, bootstrap_means, interval


def test_intervals_are_those_of_scipy(rng):
    values = rng.random((3, 17))
    means = bootstrap_means(values, resamples=2000, seed=5)
    for row, mine in zip(values, means, strict=True):
        theirs = stats.bootstrap(
            (row,), np.mean, n_resamples=2000, method="percentile",
            rng=np.random.default_rng(5), vectorized=True,
        )  # fmt: skip
        np.testing.assert_allclose(mine, theirs.bootstrap_distribution, rtol=1e-12)
        assert interval(mine) == pytest.approx(tuple(theirs.confidence_interval), rel=1e-12)


def test_many_draws_in_parts_are_the_same(rng, monkeypatch):
    values = rng.random((2, 9))
    whole = bootstrap_means(values, 500, seed=1)
    monkeypatch.setattr("spectrack.metrics.bootstrap._BATCH", 100)
    np.testing.assert_array_equal(bootstrap_means(values, 500, seed=1), whole)


def test_sequences_without_a_value_are_left_out():
    values = np.array([[0.2, np.nan, 0.6], [0.1, 0.5, 0.9]])
    means = bootstrap_means(values, 400, seed=3)
    drawn = np.random.default_rng(3).integers(0, 3, (400, 3))
    for r, places in enumerate(drawn):
        there = [values[0, p] for p in places if p != 1]
        if there:
            assert means[0, r] == pytest.approx(np.mean(there))
        else:
            assert np.isnan(means[0, r])
        assert means[1, r] == pytest.approx(values[1][places].mean())
    assert interval(means[0])[0] >= 0.2
    assert np.isnan(interval(np.full(3, np.nan))).all()


def test_objects_of_a_sequence_are_drawn_together():
    values = np.array([[0.2, 0.4, 0.9, 0.5]])
    means = bootstrap_means(values, 300, seed=2, groups=["a", "a", "b", "c"])
    drawn = np.random.default_rng(2).integers(0, 3, (300, 3))
    members = [[0, 1], [2], [3]]
    for r, places in enumerate(drawn):
        picked = [values[0, v] for p in places for v in members[p]]
        assert means[0, r] == pytest.approx(np.mean(picked))
    with pytest.raises(InputError, match="2 groups were given for 4 values"):
        bootstrap_means(values, 10, groups=["a", "b"])


def test_who_is_best():
    means = np.array([[1.0, 0.0, 0.5, np.nan], [0.0, 1.0, 0.5, 0.1]])
    np.testing.assert_allclose(best_shares(means), [1.5 / 4, 2.5 / 4])


def test_nothing_to_draw_from_is_told():
    for values, resamples in ((np.zeros((2, 0)), 10), (np.zeros(3), 10), (np.zeros((1, 3)), 0)):
        with pytest.raises(InputError, match="expected"):
            bootstrap_means(values, resamples)

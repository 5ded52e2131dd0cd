"""The fit of the score finds numbers it was made with, and counts calibration as written."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrack.trackers.sftrack.confidence import BIAS, score_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def fit():
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("experiments.studies.score_fit")
    finally:
        sys.path.remove(str(ROOT))


def test_numbers_are_found_again_and_held_ones_stay(fit) -> None:
    rng = np.random.default_rng(0)
    true = {BIAS: -3.0, "a": 4.0, "b": 2.0, "c": 1.0}
    signals = [dict(zip("abc", rng.random(3).tolist(), strict=True)) for _ in range(400)]
    j = np.array([score_of(s, true) for s in signals])
    found = fit.fitted(signals, j, np.ones(400), ["a", "b", "c"], {"c": 1.0})
    assert found["c"] == 1.0
    assert list(found) == list(true)
    for name, number in true.items():
        assert found[name] == pytest.approx(number, abs=0.3)  # the ridge draws them in a little
    against = fit.fitted(signals, 1 - j, np.ones(400), ["a", "b"])
    assert (against["a"], against["b"]) == (0, 0)  # never negative


def test_calibration_error_is_the_gap_of_each_bin_by_its_weight(fit) -> None:
    names = np.array(["one", "one", "two@1"])
    weights = fit.shares(names)
    np.testing.assert_allclose(weights, np.array([0.5, 0.5, 0.3]) / 1.3)
    scores, j = np.array([0.31, 0.35, 0.92]), np.array([0.5, 0.3, 0.9])
    found = fit.reliability(scores, j, names)
    expected = (1 * abs(0.33 - 0.4) + 0.3 * abs(0.92 - 0.9)) / 1.3
    assert found["ece"] == pytest.approx(expected)
    assert len(found["curve"]) == 2

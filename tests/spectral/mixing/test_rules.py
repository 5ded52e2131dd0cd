"""Rules against NumPy and Python's statistics, pixel by pixel."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.spectral.mixing.rules import RULES, majority, mean, median

BY_PIXEL = {
    "mean": lambda v: statistics.fmean(v),
    "median": lambda v: statistics.median(v),
    "majority": lambda v: sum(x >= 0.5 for x in v) / len(v),
}


def pixel_by_pixel(name, channels):
    flat = channels.reshape(len(channels), -1).astype(float).T.tolist()
    return np.array([BY_PIXEL[name](values) for values in flat]).reshape(channels.shape[1:])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("count", [1, 2, 5, 12])
@pytest.mark.parametrize("kind", ["soft", "bool", "uint8"])
@pytest.mark.parametrize("shape", [(6, 7), (3, 4, 5)])
def test_every_pixel_by_itself(rng, name, count, kind, shape):
    channels = rng.random((count, *shape), dtype=np.float32)
    given = channels
    if kind != "soft":
        channels = channels > 0.5
        given = channels if kind == "bool" else channels.astype(np.uint8) * 200
    got = RULES[name](given)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, pixel_by_pixel(name, channels), atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_a_tie_is_exactly_one_half(name):
    for pairs in (1, 3, 6):
        channels = np.repeat(np.array([0, 1], np.float32), pairs)[:, None, None]
        assert RULES[name](channels).item() == 0.5
        assert RULES[name](channels > 0).item() == 0.5


@pytest.mark.parametrize("name", RULES)
def test_absent_channels_are_never_read(rng, name):
    channels = rng.random((4, 3, 5, 6), dtype=np.float32)
    expected = RULES[name](channels[[0, 2]])
    channels[[1, 3]] = np.nan
    np.testing.assert_array_equal(RULES[name](channels, np.array([1, 0, 1, 0], bool)), expected)


@pytest.mark.parametrize("name", RULES)
def test_absent_frames(rng, name):
    channels = rng.random((3, 4, 5, 6), dtype=np.float32)
    present = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 1, 1]], bool)
    got = RULES[name](channels, present)
    for t in range(4):
        np.testing.assert_array_equal(got[t], RULES[name](channels[present[:, t], t]))


def test_the_rules_differ():
    channels = np.array([0.4, 0.4, 1.0], np.float32)[:, None, None]
    assert mean(channels).item() == pytest.approx(0.6)
    assert median(channels).item() == pytest.approx(0.4)
    assert majority(channels).item() == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("channels", "present", "message"),
    [
        (np.zeros((4, 5)), None, "expected"),
        (np.zeros((0, 4, 5)), None, "expected"),
        (np.full((2, 4, 5), np.nan), None, "NaN"),
        (np.full((2, 4, 5), 1.5), None, "leaves"),
        (np.zeros((2, 4, 5)), np.ones(3, bool), "one value a channel"),
        (np.zeros((2, 4, 5)), np.ones((2, 4), bool), "one value a channel"),
        (np.zeros((2, 4, 5)), np.zeros(2, bool), "no channel has a mask;"),
        (np.zeros((2, 3, 4, 5)), np.array([[1, 0, 1]] * 2, bool), "in frame 1"),
    ],
)
def test_what_cannot_be_combined_is_refused(channels, present, message):
    for rule in RULES.values():
        with pytest.raises(InputError, match=message):
            rule(channels, present)

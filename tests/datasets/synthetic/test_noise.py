"""Noise: its statistics, its range, and that it comes back the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectrack.datasets.synthetic.noise import NOISE_KINDS, disturb, replace
from spectrack.errors import InputError

SHAPE = (480, 854)


@pytest.fixture(scope="module")
def soft_hw():
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    far = np.hypot(rows - 240, columns - 400)
    return np.clip((200 - far) / 60, 0, 1).astype(np.float32)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_the_same_again_in_any_order(soft_hw, kind):
    places = [(s, c, f) for s in (0, 9) for c in (0, 3) for f in (0, 70)]
    there = {p: (disturb(soft_hw, kind, *p), replace(SHAPE, kind, *p)) for p in places}
    for place in reversed(places):
        np.testing.assert_array_equal(disturb(soft_hw, kind, *place), there[place][0])
        np.testing.assert_array_equal(replace(SHAPE, kind, *place), there[place][1])
    for which in (0, 1):
        distinct = {images[which].tobytes() for images in there.values()}
        assert len(distinct) == len(places)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_values_stay_in_range_and_the_mask_is_left_alone(soft_hw, kind):
    before = soft_hw.copy()
    for image in (
        disturb(soft_hw, kind, 1, 2, 3),
        disturb(np.ones_like(soft_hw), kind, 1, 2, 3),
        replace(SHAPE, kind, 1, 2, 3),
    ):
        assert image.dtype == np.float32
        assert image.shape == SHAPE
        assert image.min() >= 0
        assert image.max() <= 1
    np.testing.assert_array_equal(soft_hw, before)


def test_uniform_noise_on_a_mask(soft_hw):
    noise = 1.1 * disturb(soft_hw, "uniform", 0, 0, 0) - soft_hw
    assert stats.kstest(noise.ravel()[::50], stats.uniform(0, 0.1).cdf).pvalue > 0.001
    assert noise.min() >= -1e-6
    assert noise.max() <= 0.1 + 1e-6


def test_salt_and_pepper_on_a_mask():
    grey = np.full(SHAPE, 0.5, np.float32)
    noisy = disturb(grey, "salt_pepper", 0, 0, 0)
    assert set(np.unique(noisy)) == {0.0, 0.5, 1.0}
    for value, share in ((0.0, 0.1), (0.5, 0.8), (1.0, 0.1)):
        assert np.mean(noisy == value) == pytest.approx(share, abs=0.003)


def test_noise_alone_is_one_half_on_average():
    uniform = replace(SHAPE, "uniform", 0, 0, 0)
    assert stats.kstest(uniform.ravel()[::50], "uniform").pvalue > 0.001
    pixels = replace(SHAPE, "salt_pepper", 0, 0, 0)
    assert set(np.unique(pixels)) == {0.0, 1.0}
    assert pixels.mean() == pytest.approx(0.5, abs=0.005)
    colours = [replace((48, 85), "rectangles", 0, 0, f).max() == 1 for f in range(400)]
    assert np.mean(colours) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("shape", [(480, 854), (854, 480), (120, 214), (1080, 1920), (200, 900)])
def test_rectangles_keep_their_size_and_distance(shape):
    margin = int(100 * min(1, min(shape) / 480))
    heights, tops = set(), set()
    for frame in range(200):
        image = replace(shape, "rectangles", 0, 0, frame)
        painted = image != 0.5
        rows, columns = np.flatnonzero(painted.any(1)), np.flatnonzero(painted.any(0))
        box = np.ix_(rows, columns)
        assert painted[box].all()
        assert len(rows) == np.ptp(rows) + 1
        assert len(np.unique(image[box])) == 1
        # Whole pixels: half a row more or less.
        slack = 0.5 * len(rows) / painted.size
        assert 0.02 - slack <= painted.mean() <= 0.05 + slack
        assert min(rows[0], columns[0]) >= margin
        assert rows[-1] < shape[0] - margin
        assert columns[-1] < shape[1] - margin
        heights.add(len(rows))
        tops.add(rows[0])
    assert len(heights) > 20
    assert len(tops) > 20


def test_rectangles_cover_the_mask_and_nothing_else(soft_hw):
    noisy = disturb(soft_hw, "rectangles", 4, 1, 2)
    painted = replace(SHAPE, "rectangles", 4, 1, 2) != 0.5
    np.testing.assert_array_equal(noisy[~painted], soft_hw[~painted])
    assert len(np.unique(noisy[painted])) == 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 30), (9, 3), (1, 500)])
def test_tiny_frames(shape):
    for kind in NOISE_KINDS:
        for frame in range(20):
            assert disturb(np.ones(shape, np.float32), kind, 0, 0, frame).shape == shape
            assert replace(shape, kind, 0, 0, frame).shape == shape


def test_what_cannot_be_disturbed_is_refused(soft_hw):
    with pytest.raises(InputError, match="'snow' is unknown; choose one of uniform"):
        disturb(soft_hw, "snow", 0, 0, 0)
    with pytest.raises(InputError, match="numbers from 0"):
        replace(SHAPE, "uniform", 0, -1, 0)
    with pytest.raises(InputError, match="expected"):
        disturb(np.zeros((2, 3, 4)), "uniform", 0, 0, 0)
    with pytest.raises(InputError, match="expected"):
        replace((0, 4), "uniform", 0, 0, 0)

"""The Gaussian against SciPy's, and its edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from spectrack.errors import InputError
from spectrack.spectral.sfseg.gaussian import gaussian_taps, kernel_taps


@pytest.mark.parametrize("size", [3, 5, 7, 13])
def test_taps_are_what_scipy_filters_with(size):
    impulse = np.zeros(2 * size + 1)
    impulse[size] = 1
    expected = gaussian_filter(impulse, (size - 1) / 4, radius=size // 2, mode="constant")
    start = size - size // 2
    np.testing.assert_allclose(gaussian_taps(size), expected[start : start + size], atol=1e-15)


def test_given_sigma():
    impulse = np.zeros(11)
    impulse[5] = 1
    expected = gaussian_filter(impulse, 0.7, radius=2, mode="constant")[3:8]
    np.testing.assert_allclose(gaussian_taps(5, 0.7), expected, atol=1e-15)


def test_one_tap_leaves_the_axis_alone():
    assert gaussian_taps(1).tolist() == [1.0]


@pytest.mark.parametrize("size", [0, 2, 4, -3, 2.5])
def test_sizes_without_a_centre_are_refused(size):
    with pytest.raises(InputError, match="odd"):
        gaussian_taps(size)


@pytest.mark.parametrize("sigma", [0, -1, float("nan")])
def test_bad_sigma_is_refused(sigma):
    with pytest.raises(InputError, match="sigma"):
        gaussian_taps(5, sigma)


def test_a_kernel_has_three_sizes():
    with pytest.raises(InputError, match="three"):
        kernel_taps((3, 5))
    assert [len(t) for t in kernel_taps((1, 3, 5))] == [1, 3, 5]

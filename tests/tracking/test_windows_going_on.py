"""Windows beyond the frame whose border goes on, and squares as STARK and D3S cut them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.patches import pair, plan_patch
from spectrack.tracking.sampled_window import sampled_window
from spectrack.tracking.windows import counted_size, cut, square_about

WINDOWS = [
    (-30, -20, 70, 60),
    (50, 40, 60, 50),
    (10, 5, 20, 20),
    (-90, 10, 40, 40),
    (95, -70, 30, 30),
]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_border_goes_on(rng, window, channels):
    frame = rng.integers(0, 256, (64, 80, channels), np.uint8)
    x, y, w, h = window
    far = np.pad(frame, ((100, 100), (100, 100), (0, 0)), mode="edge")
    part = far[y + 100 : y + 100 + h, x + 100 : x + 100 + w]
    plain = cv2.resize(part, (48, 48), interpolation=cv2.INTER_LINEAR).reshape(48, 48, channels)
    np.testing.assert_array_equal(cut(frame, window, 48, None), plain)
    sampled = sampled_window(frame, window, 48, None)
    assert np.abs(sampled.astype(int) - plain).max() <= 1  # OpenCV rounds within


@pytest.mark.parametrize("window", WINDOWS)
def test_one_channel_beside_a_colour(rng, window):
    frame = rng.integers(0, 256, (64, 80, 1), np.uint8)
    found = [
        one(frame, window, 48, (7.0, 0.0, 0.0)).reshape(48, 48) for one in (cut, sampled_window)
    ]
    three = cut(np.repeat(frame, 3, 2), window, 48, (7.0, 7.0, 7.0))[..., 0]
    for one in found:
        assert np.abs(one.astype(int) - three).max() <= 1


def test_squares_and_the_size_that_counts():
    assert square_about(Box(101, 81, 50, 70), 4.0) == (8, -2, 237)
    assert square_about(Box(5, 5, 0.01, 0.01), 4.0)[2] == 1
    assert counted_size((240, 320), (0, 0, 240)) == (239, 320)
    assert counted_size((240, 320), (81, 1, 239)) == (239, 319)
    assert counted_size((240, 320), (80, 0, 239)) == (240, 320)


@pytest.mark.parametrize(("at", "size"), [(20, 8), (20, 9), (3, 8), (3, 9)])
def test_exact_patches_have_the_pixels_asked_for(at, size):
    plan = plan_patch(
        pair((at, at)), pair((size, size)), (size, size), (64, 80), "replicate", exact=True
    )
    (top, left), (bottom, right) = plan.start, plan.stop
    assert (bottom - top, right - left) == (size, size)
    assert top == left == at - (size - 1) // 2

"""The DenseCRF rival: an edge of colour, and mean field summed up pair by pair."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrack.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rival():
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("experiments.sfsegpp.densecrf")
    finally:
        sys.path.remove(str(ROOT))


@pytest.fixture
def needs_package():
    pytest.importorskip(
        "pydensecrf.densecrf", reason="pydensecrf2 is not installed: pip install '.[rivals]'"
    )


def mean_field(frame_hwc, soft_hw, s):
    """Every pair of pixels, a pixel with itself too; kernels normalised on both sides."""
    rows, columns = np.indices(soft_hw.shape).reshape(2, -1)
    place = np.stack([rows, columns], 1).astype(float)
    colour = frame_hwc.reshape(-1, 3).astype(float)

    def kernel(features):
        apart = ((features[:, None] - features[None]) ** 2).sum(-1)
        affinity = np.exp(-apart / 2)
        root = np.sqrt(affinity.sum(1))
        return affinity / root[:, None] / root[None]

    both = np.hstack([place / s.bilateral_xy, colour / s.bilateral_rgb])
    weight = s.gaussian_weight * kernel(place / s.gaussian_xy) + s.bilateral_weight * kernel(both)
    foreground = soft_hw.ravel() * s.certainty + (1 - soft_hw.ravel()) * (1 - s.certainty)
    log_odds = np.log(foreground / (1 - foreground))
    q = foreground
    for _ in range(s.iterations):
        q = 1 / (1 + np.exp(-(log_odds + weight @ (2 * q - 1))))
    return q.reshape(soft_hw.shape)


@pytest.mark.usefixtures("needs_package")
def test_a_mask_moves_to_the_edge_of_colour(rival, rng):
    frame = np.full((60, 80, 3), (40, 60, 200), np.uint8)
    frame[:, 35:] = (200, 90, 30)
    frame += rng.integers(0, 8, frame.shape, dtype=np.uint8)
    truth = np.zeros((60, 80), bool)
    truth[:, 35:] = True
    mask = np.zeros((60, 80), np.float32)
    mask[:, 40:] = 1
    mask[20:24, 10:14] = 1
    refined = rival.densecrf(frame, mask)
    assert refined.dtype == np.float32
    np.testing.assert_array_equal(refined >= 0.5, truth)


@pytest.mark.usefixtures("needs_package")
@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_against_mean_field_pair_by_pair(rival, rng, iterations):
    # Weak terms, so that probabilities stay away from 0 and 1, where all answers look alike.
    settings = rival.DenseCRFSettings(
        gaussian_weight=0.5, bilateral_weight=1, bilateral_xy=8, iterations=iterations
    )
    frame = np.full((12, 10, 3), 60, np.uint8)
    frame[:, 6:] = 110
    frame += rng.integers(0, 12, frame.shape, dtype=np.uint8)
    mask = (0.6 * rng.random((12, 10)) + 0.4 * (np.arange(10) >= 4)).astype(np.float32)
    got = rival.densecrf(frame, mask, settings)
    expected = mean_field(frame, mask, settings)
    unary = settings.certainty * mask + (1 - settings.certainty) * (1 - mask)
    assert (np.abs(expected - unary).max() > 0.05) == (iterations > 0)
    # The fast filter is approximate; without iterations there is none.
    assert np.abs(got - expected).max() < (0.015 if iterations else 1e-5)


@pytest.mark.usefixtures("needs_package")
def test_frames_that_may_not_be_written_to(rival, rng):
    frame = rng.integers(0, 255, (8, 9, 3), dtype=np.uint8)
    mask = rng.random((8, 9)).astype(np.float32)
    expected = rival.densecrf(frame, mask)
    frame.flags.writeable = False
    mask.flags.writeable = False
    np.testing.assert_array_equal(rival.densecrf(frame, mask), expected)


def test_what_does_not_fit_is_refused(rival):
    with pytest.raises(InputError, match="uint8 RGB of the same size"):
        rival.densecrf(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.float32))
    with pytest.raises(InputError, match="uint8 RGB of the same size"):
        rival.densecrf(np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.float32))
    with pytest.raises(InputError, match="certainty is 1"):
        rival.DenseCRFSettings(certainty=1)


def test_a_missing_package_says_what_to_install(rival, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(InputError, match=r"pip install 'spectrack\[rivals\]'"):
        rival.densecrf(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.float32))

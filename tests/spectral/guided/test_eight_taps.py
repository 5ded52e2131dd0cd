"""Affinities of eight taps at a time against the formula."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.spectral.guided.eight_taps import in_eights
from spectrack.spectral.guided.kernels import affinities

PIXELS, COLUMNS = 400, 63


def formula(lab, other, here, there, trust, sharpness, offsets, spatial):
    """In float64."""
    d = other[there[:, None] + offsets].astype(np.float64) - lab[here][:, None]
    colour, guide = (d[..., :3] ** 2).sum(-1), d[..., 3] ** 2
    return 255.0 * trust[:, None] * spatial / (1 + sharpness[:, None] * colour / 4 + guide) ** 4


@pytest.mark.parametrize("taps", [1, 5, 8, 21, 24, 25])
def test_they_are_those_of_the_formula(taps):
    rng = np.random.default_rng(taps)
    lab, other = (0.3 * rng.random((2, PIXELS, 4))).astype(np.float32)
    here = rng.integers(30, PIXELS - 30, 50).astype(np.uint32)
    there = rng.integers(30, PIXELS - 30, 50).astype(np.uint32)
    trust, sharpness = rng.random((2, 50)).astype(np.float32)
    trust[::7] = 0.0019  # less than half a byte
    sharpness *= 20
    offsets = rng.integers(-30, 30, taps).astype(np.int32)
    spatial = (0.5 + rng.random(taps) / 2).astype(np.float32)
    first = (COLUMNS - taps) // 2
    out = np.full((50, COLUMNS), 77, np.uint8)
    eights = in_eights(offsets, spatial)
    flat = lab.reshape(-1), other.reshape(-1)
    affinities(*flat, here, there, trust, sharpness, eights, taps, first, out)
    wanted = formula(lab, other, here, there, trust, sharpness, offsets, spatial)
    wanted[::7] = 0
    given = out[:, first : first + taps]
    assert wanted.max() > 60
    assert np.abs(given - wanted).max() < 0.5 + 1e-3
    untouched = np.delete(out, np.s_[first : first + taps], axis=1)
    assert (untouched == 77).all(), "weights of other taps were written"


def test_taps_are_filled_up_to_eights():
    offsets, spatial = in_eights(np.arange(9, dtype=np.int32), np.ones(9, np.float32))
    assert offsets.dtype == np.int64
    assert offsets.tolist() == [*range(9), *[0] * 7]
    assert spatial.tolist() == [1.0] * 9 + [0.0] * 7

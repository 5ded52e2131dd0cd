"""Bins of colours against the stretched Lab values that they are made of."""

from __future__ import annotations

import numpy as np

from spectrack.tracking.appearance import colour_index
from spectrack.tracking.colour import stretched_lab


def test_bins_are_those_of_stretched_lab() -> None:
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    every = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(18, -1, 3)
    lab = stretched_lab(every, 2.0).astype(int)
    wanted = (lab[..., 0] * 12 // 256 * 24 + lab[..., 1] * 24 // 256) * 24 + lab[..., 2] * 24 // 256
    found = colour_index(every)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, wanted)
    assert len(np.unique(found)) > 500

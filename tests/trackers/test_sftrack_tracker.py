"""Parts of the online tracker against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.trackers.appearance import ColourModel
from spectrack.trackers.sftrack.tracker import FAR, without_far_parts
from spectrack.trackers.view import View


def test_far_parts_go_and_near_ones_stay() -> None:
    soft = np.zeros((100, 200), dtype=np.float32)
    soft[30:70, 40:80] = 0.9  # 40 x 40: parts up to 20 pixels away belong to it
    near, far = int(80 + FAR * 40), int(81 + FAR * 40)
    soft[40:50, near : near + 6] = 0.8
    kept = without_far_parts(soft)
    np.testing.assert_array_equal(kept, soft)
    moved = np.roll(soft, 0, axis=1)
    moved[40:50, near : near + 6] = 0
    moved[40:50, far : far + 6] = 0.8
    moved[5, 150] = 0.4  # below one half: not a part, and left alone
    expected = moved.copy()
    expected[40:50, far : far + 6] = np.float32(0.3)
    np.testing.assert_array_equal(without_far_parts(moved), expected)


def test_likeness_tells_proportions_where_probability_does_not() -> None:
    """Half red, half white; a thing of red alone shares half of the mass: sqrt(1/2)."""
    index = np.zeros((20, 40), dtype=np.int32)
    red, white, ground = 1000, 5000, 3000
    index[:] = ground
    target = np.zeros((20, 40), dtype=np.float32)
    target[5:15, 10:30] = 1
    index[5:15, 10:20], index[5:15, 20:30] = red, white
    model = ColourModel(index, target, 0.5)
    assert model.likeness(index, target) == pytest.approx(1.0, abs=1e-4)
    other = np.full_like(index, ground)
    other[5:15, 10:30] = red
    assert model.probability_hw(other)[10, 15] > 0.9
    assert model.likeness(other, target) == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert model.likeness(np.full_like(index, ground), target) < 0.05


def test_flow_of_a_view_comes_back_in_pixels_of_the_frame() -> None:
    view = View(20, 10, 100, 70, 0.5)
    width, height = view.size_wh
    flow = np.empty((height, width, 2), dtype=np.float32)
    flow[..., 0], flow[..., 1] = 3, -2
    out = view.paste_flow(flow, (160, 90))
    np.testing.assert_allclose(out[10:70, 20:100], np.broadcast_to((6.0, -4.0), (60, 80, 2)))
    out[10:70, 20:100] = 0
    assert not out.any()

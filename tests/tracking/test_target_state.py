"""Centre, size and scale of a target, and their limits."""

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.patches import pair
from spectrack.tracking.target_state import TargetState


@pytest.fixture
def state():
    return TargetState.about(Box(30, 20, 40, 25), 5.0, (100, 100), (90, 140))


def test_it_begins_with_the_box(state):
    assert tuple(state.box) == (30, 20, 40, 25)
    assert tuple(state.pos_yx) == (32, 49.5)
    side = (40 * 25) ** 0.5
    assert state.scale == pytest.approx(5 * side / 100)
    assert tuple(state.base_hw * state.scale) == pytest.approx((25, 40))


def test_its_centre_leaves_the_frame_by_part_of_its_size_only(state):
    state.move(pair((500, -300)))
    assert tuple(state.pos_yx) == pytest.approx((90 + 0.3 * 25, -0.3 * 40))
    state.move(pair((50, 60)))
    assert tuple(state.pos_yx) == (50, 60)


def test_its_scale_keeps_the_first_aspect_and_its_limits(state):
    first = state.base_hw.copy()
    state.rescale(2.0)
    assert tuple(state.size_hw) == pytest.approx(tuple(first * 2))
    state.rescale(1e6)
    assert (state.size_hw <= (90.01, 140.01)).all()
    assert state.size_hw[1] == pytest.approx(140) or state.size_hw[0] == pytest.approx(90)
    state.rescale(1e-6)
    assert state.size_hw.min() == pytest.approx(10, rel=1e-6)


def test_a_measured_size_sets_the_scale_by_its_area(state):
    state.fit(pair((40, 50)), pair((50, 80)))
    assert tuple(state.pos_yx) == (40, 50)
    assert state.scale == pytest.approx(2 * 5 * (40 * 25) ** 0.5 / 100)
    state.fit(pair((40, 50)), pair((80, 50)))
    assert state.scale == pytest.approx(2 * 5 * (40 * 25) ** 0.5 / 100)
    assert tuple(state.box) == (50 - 24.5, 40 - 39.5, 50, 80)
    assert state.size_hw.dtype == np.float32

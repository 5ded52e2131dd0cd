"""The memory of a tracker: weights and replacement against the reference and plain reasoning."""

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.tracking.memory import SampleMemory, SampleWeights

KINDS = {
    "rts": {"capacity": 32, "rate": 0.1, "floor": 0.25, "protected": 1},
    "clf": {"capacity": 50, "rate": 0.01, "protected": 5},
    "dimp": {"capacity": 50, "rate": 0.01, "floor": 0.25, "protected": 15},
    "boxinit": {"capacity": 32, "rate": 0.2, "protected": 1, "equal_first": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_places_are_the_reference(golden, kind):
    weights = SampleWeights(**KINDS[kind])
    places, noted = [], []
    steps = len(golden.array("geometry", f"mem.{kind}.replace"))
    for step in range(steps):
        places.append(weights.insert())
        if step % 8 == 0:
            full = np.zeros(KINDS[kind]["capacity"], np.float32)
            full[: weights.stored] = weights.values_n
            noted.append(full)
    golden.compare("geometry", f"mem.{kind}.replace", np.array(places), 1e-7)
    golden.compare("geometry", f"mem.{kind}.weights", np.array(noted), 1e-6)


def test_weights_sum_to_about_one_and_the_new_sample_counts_most_of_the_later_ones():
    weights = SampleWeights(8, 0.1, floor=0.25, protected=1)
    for _ in range(40):
        place = weights.insert()
        assert weights.values_n.sum() == pytest.approx(1, abs=0.01)
        assert weights.values_n[0] >= 0.25 - 1e-6
        assert weights.values_n[place] == weights.values_n[1:].max()


def test_the_oldest_makes_room_where_so_said():
    weights = SampleWeights(5, 0.1, protected=2, keep_first=True, replace="oldest")
    assert [weights.insert() for _ in range(8)] == [2, 3, 4, 2, 3, 4, 2, 3]


def test_a_rate_for_one_sample():
    weights = SampleWeights(4, 0.1, protected=1)
    weights.insert(0.5)
    assert weights.values_n == pytest.approx([2 / 2.5, 0.5 / 2.5])  # 1 / (1 - 0.5) and 0.5


def test_samples_lie_in_one_block_that_does_not_grow():
    memory = SampleMemory(SampleWeights(3, 0.1, 0.25, 1), 3, {"x": torch.full((1, 2), 1.0)})
    place = memory["x"].data_ptr()
    for value in (2.0, 3.0, 4.0):
        memory.add(x=torch.full((1, 2), value))
    assert memory.stored == 3
    assert memory["x"][:, 0].tolist() == [1, 4, 3]
    assert memory["x"].data_ptr() == place
    assert memory.weights_n("x").sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"capacity": 4, "rate": 1.0}, "over 0 and below 1"),
        ({"capacity": 4, "rate": 0.0}, "over 0 and below 1"),
        ({"capacity": 5, "rate": 0.1, "protected": 5}, "no room beside 5"),
    ],
)
def test_settings_that_cannot_be_are_told(settings, told):
    with pytest.raises(InputError, match=told):
        SampleWeights(**settings)

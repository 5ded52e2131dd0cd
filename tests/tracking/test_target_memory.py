"""Which frames a memory of the target keeps, against a list of all of them."""

from __future__ import annotations

import pytest
import torch

from spectrack.networks.mask_in_box import KEYS, VALUES, Memory
from spectrack.tracking.target_memory import TargetMemory


def frame(t: int) -> Memory:
    return Memory(torch.full((1, KEYS, 2), float(t)), torch.full((1, VALUES + 1, 2), float(-t)))


def held(memory: TargetMemory) -> list[int]:
    found = memory.all
    if found is None:
        return []
    assert torch.equal(found.values_nvt[0, 0], -found.keys_nkt[0, 0])
    return [int(t) for t in found.keys_nkt[0, 0, ::2]]


@pytest.mark.parametrize("most", [0, 1, 2, 4])
@pytest.mark.parametrize("every", [1, 3, 5])
def test_the_first_the_last_and_some_between(most: int, every: int) -> None:
    memory = TargetMemory(most, every)
    assert memory.all is None
    for t in range(40):
        memory.add(frame(t))
        between = list(range(every, t, every))[-(most - 1) :] if most > 1 else []
        expected = [0] if t == 0 or most == 0 else [0, *between, t]
        assert held(memory) == expected
        assert held(memory) == expected  # asked again, it is the same
        assert len(expected) <= most + 1


def test_forgetting_is_starting_anew() -> None:
    memory = TargetMemory(4, 2)
    for t in range(9):
        memory.add(frame(t))
    memory.clear()
    assert memory.all is None
    for t in (20, 21):
        memory.add(frame(t))
    assert held(memory) == [20, 21]

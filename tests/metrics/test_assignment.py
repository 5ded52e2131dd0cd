"""The best assignment against trying every one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.metrics.assignment import assign


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (5, 2), (2, 5), (0, 3), (3, 0)])
def test_no_other_assignment_is_better(rng, shape):
    for _ in range(5):
        quality = rng.random(shape)
        found = assign(quality)
        assert len(found) == shape[1]
        taken = [p for p in found if p is not None]
        assert len(set(taken)) == len(taken) == min(shape)
        total = sum(quality[p, g] for g, p in enumerate(found) if p is not None)
        padded = np.zeros((max(shape), max(shape)))
        padded[: shape[0], : shape[1]] = quality
        best = max(
            sum(padded[p, g] for g, p in enumerate(order))
            for order in permutations(range(max(shape)))
        )
        assert total == pytest.approx(best)


@pytest.mark.parametrize("bad", [np.zeros(3), np.full((2, 2), np.nan)])
def test_refuses_what_is_no_matrix(bad):
    with pytest.raises(InputError, match="every proposal and object"):
        assign(bad)

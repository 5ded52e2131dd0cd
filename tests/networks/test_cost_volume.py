"""The cost volume, against plain loops, and its layout against the reference's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from golden import Golden
from spectrack.errors import InputError
from spectrack.networks.cost_volume import cost_volume


def maps(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_displacement(current: Tensor, previous: Tensor, reach: int, patch: int) -> Tensor:
    """As flow networks give it: (N, displacements, H, W), row by row, of the current cells."""
    frames, _, height, width = current.shape
    half, span = patch // 2, 2 * reach + 1
    answer = current.new_zeros(frames, span * span, height, width)

    def cell(of: Tensor, frame: int, row: int, column: int) -> Tensor:
        inside = 0 <= row < height and 0 <= column < width
        return of[frame, :, row, column] if inside else of.new_zeros(of.shape[1])

    offsets = [(a, b) for a in range(-half, half + 1) for b in range(-half, half + 1)]
    places = np.ndindex(frames, span, span, height, width)
    for frame, down, across, row, column in places:
        there = (row + down - reach, column + across - reach)
        answer[frame, down * span + across, row, column] = sum(
            cell(current, frame, row + a, column + b)
            @ cell(previous, frame, there[0] + a, there[1] + b)
            for a, b in offsets
        )
    return answer


def by_cells(volume: Tensor, reach: int) -> Tensor:
    """From displacements to cells of the previous frame, one number at a time."""
    frames, _, height, width = volume.shape
    span = 2 * reach + 1
    answer = volume.new_zeros(frames, height, width, height, width)
    for before_y, before_x, y, x in np.ndindex(height, width, height, width):
        down, across = before_y - y + reach, before_x - x + reach
        if 0 <= down < span and 0 <= across < span:
            answer[:, before_y, before_x, y, x] = volume[:, down * span + across, y, x]
    return answer


@pytest.mark.parametrize(("reach", "patch"), [(9, 3), (2, 3), (1, 1), (0, 5)])
def test_it_is_the_sum_of_products_of_patches(reach: int, patch: int):
    current, previous = maps(2, 3, 3, 4), maps(2, 3, 3, 4, seed=1)
    slow = by_cells(by_displacement(current, previous, reach, patch), reach)
    torch.testing.assert_close(cost_volume(current, previous, reach, patch), slow)


def test_its_layout_is_the_published_one(golden: Golden):
    """The helper that the fast form is held to gives the reference's order of cells."""
    volume = torch.from_numpy(golden.scheme.uni("kys.cv", (1, 361, 6, 7)))
    golden.compare("kys", "remap_note", by_cells(volume, 9), tolerance=1e-7)


def test_features_in_half_precision_do_not_overflow():
    loud = torch.full((1, 512, 3, 3), 30.0)
    exact = cost_volume(loud, loud)
    assert exact.max() > torch.finfo(torch.float16).max
    torch.testing.assert_close(cost_volume(loud.half(), loud.half()), exact)


def test_it_can_be_learned_through():
    pair = [maps(1, 2, 3, 3, seed=s).requires_grad_() for s in (0, 1)]
    assert torch.autograd.gradcheck(lambda a, b: cost_volume(a, b, 1), pair)


@pytest.mark.parametrize(
    "wrong", [{"patch": 2}, {"reach": -1}, {"previous_nchw": maps(1, 2, 3, 4)}]
)
def test_what_cannot_be_compared_is_told(wrong: dict[str, object]):
    with pytest.raises(InputError, match="give"):
        cost_volume(
            **{"current_nchw": maps(1, 2, 3, 3), "previous_nchw": maps(1, 2, 3, 3), **wrong}
        )

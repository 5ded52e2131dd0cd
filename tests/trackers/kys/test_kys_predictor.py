"""KYS's response predictor and shifts, against golden arrays and by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from golden import Golden
from spectrack.trackers.kys.alignment import recentring, shifted, to_cells, to_corners
from spectrack.trackers.kys.predictor import ResponsePredictor

PREFIX = "predictor.predictor."
CELLS = 9


def label() -> Tensor:
    """The label of the box (60, 50, 30, 40) in an image of 144 pixels, cell by cell."""
    sigma, (cx, cy) = 0.05 * CELLS, (75 / 16 - 0.5, 70 / 16 - 0.5)
    cells = [
        [math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for x in range(CELLS)]
        for y in range(CELLS)
    ]
    return torch.tensor(cells)[None, None]


@pytest.fixture(scope="module")
def predictor(golden: Golden) -> ResponsePredictor:
    network = golden.fill(ResponsePredictor(), PREFIX)
    assert isinstance(network, ResponsePredictor)
    return network


@torch.no_grad()
def test_two_steps_meet_the_golden_arrays(golden: Golden, predictor: ResponsePredictor):
    costs = torch.from_numpy(golden.scheme.nrm("kys.costvol", (1, 81, CELLS, CELLS))).relu()
    score = torch.from_numpy(golden.scheme.uni("kys.score", (1, 1, CELLS, CELLS)))
    grid = (1, CELLS, CELLS, CELLS, CELLS)
    start = predictor.first_state(label())
    golden.compare("kys", "is_target0", predictor.judge(start), 2e-5)
    first = predictor(costs.view(grid), score, start)
    second = predictor(0.7 * costs.view(grid), score.flip(3), first.state)
    golden.compare("kys", "prop_conf0", first.doubt, 2e-5)
    golden.compare("kys", "resp0", first.score, 2e-5)
    golden.compare("kys", "state0", first.state, 2e-5)
    golden.compare("kys", "resp1", second.score, 2e-5)
    golden.compare("kys", "state1", second.state, 2e-5)


def test_parameters_match_by_name_and_shape(golden: Golden):
    with torch.device("meta"):
        state = ResponsePredictor().state_dict()
    listed = golden.parameters("kys")
    ours = {PREFIX + name: tuple(value.shape) for name, value in state.items()}
    assert ours == {name: shape for name, shape in listed.items() if name.startswith("predictor.")}


@torch.no_grad()
def test_states_go_where_their_content_goes():
    """Costs that name one cell for each, loud enough, carry states there unchanged."""
    torch.manual_seed(0)
    predictor = ResponsePredictor().eval()
    # both cost filters pass the middle of their kernel on, times 100
    for name in ("cost_volume_proc1", "cost_volume_proc2"):
        for part in (0, 1):
            conv = predictor.get_submodule(f"{name}.{part}.0")
            conv.weight.data.zero_()
            conv.bias.data.zero_()
            conv.weight.data[:1, :1, 1, 1] = 100.0
    height, width = 4, 5
    came_from = torch.randperm(height * width)
    volume = torch.nn.functional.one_hot(came_from, height * width).float().mT
    state = torch.randn(1, 8, height, width)
    grid = (1, height, width, height, width)
    found = predictor(volume.reshape(grid), torch.rand(1, 1, height, width), state)
    torch.testing.assert_close(found.propagated.flatten(2), state.flatten(2)[..., came_from])
    assert found.doubt.abs().max() < 1e-3
    # none the wiser: every cell of the last frame is as good as any other
    unsure = predictor(torch.zeros(grid), torch.rand(1, 1, height, width), state)
    mean = state.mean((2, 3), keepdim=True).expand_as(state)
    torch.testing.assert_close(unsure.propagated, mean)
    assert unsure.doubt.min() == pytest.approx(math.log(height * width), rel=1e-2)


def test_cells_of_little_appearance_have_no_score():
    torch.manual_seed(0)
    predictor, score = ResponsePredictor().eval(), torch.full((1, 1, 3, 3), 0.05)
    score[..., 1, 1] = 0.06
    state = predictor.first_state(score)
    found = predictor(torch.zeros(1, 3, 3, 3, 3), score, state)
    assert found.score.count_nonzero() == 1
    torch.testing.assert_close(found.score[..., 1, 1], found.ungated[..., 1, 1])


def test_shift_meets_the_golden_array(golden: Golden):
    maps = torch.from_numpy(golden.scheme.uni("kys.sh", (1, 2, CELLS, CELLS)))
    golden.compare("kys", "shift", shifted(maps, (0.1, -0.2)), 2e-5)


def test_a_step_of_whole_cells_moves_them():
    maps = torch.arange(30.0).view(1, 1, 5, 6)
    moved = shifted(maps, (2 * 2 / 6, -2 * 1 / 5))
    torch.testing.assert_close(moved[0, 0, 1:, :4], maps[0, 0, :4, 2:])
    assert moved[0, 0, 0].count_nonzero() == 0
    assert moved[0, 0, :, 4:].count_nonzero() == 0


def test_corners_to_cells_and_back():
    """A straight slope stays one: read a quarter of a cell further up and left, then back."""
    row, column = torch.meshgrid(torch.arange(7.0), torch.arange(7.0), indexing="ij")
    corners = (3 * row + column)[None, None]
    cells = to_cells(corners)
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(cells[inner], corners[..., :-1, :-1][inner] - 0.25 * 4)
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(to_corners(cells)[inner], corners[..., :-1, :-1][inner])


@pytest.mark.parametrize(
    ("offset", "step"), [(0.0, 0.0), (1.25, 0.25), (-2.75, 0.25), (3.5, -0.5), (4.5, 4.5), (-5, -5)]
)
def test_near_targets_keep_their_cell_and_far_ones_come_to_the_middle(offset: float, step: float):
    assert recentring(offset, 18, 0.2) == pytest.approx(step)

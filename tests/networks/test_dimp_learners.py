"""Learners of filters against the formulas of the papers, by automatic differentiation."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.dcf import apply_filters
from spectrack.networks.dimp_classifier import DiMPClassifier
from spectrack.networks.dimp_learners import DiMPLearner, PrDiMPLearner
from spectrack.networks.distance_map import BINS, OfDistance, bin_distances, distances
from thin import randomise

N, S, C, K, SIDE = 3, 2, 4, 4, 5
KINDS = {"dimp": DiMPLearner, "prdimp": PrDiMPLearner}


def tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


BOXES = torch.tensor([[20.0, 30, 24, 20], [35, 20, 20, 30], [10, 10, 30, 40]]).double()
BOXES = torch.stack((BOXES, BOXES.flip(0) + 3), 1)
WEIGHTS = torch.tensor([0.5, 0.2, 0.3]).double()


def explicit_bins(distance: Tensor) -> Tensor:
    """The distance map with a map for every bin, as the paper has it."""
    at = distance[..., None] / 0.1 - torch.arange(BINS, dtype=distance.dtype)
    hats = (1 - at.abs()).clamp(min=0)
    return torch.cat((hats[..., :-1], (1 + at[..., -1:]).clamp(0, 1)), -1)


def cell_distances(box: Tensor) -> Tensor:
    x, y, w, h = box.tolist()
    cells = [
        [math.hypot(i - (y + h / 2) / 16, j - (x + w / 2) / 16) for j in range(SIDE + 1)]
        for i in range(SIDE + 1)
    ]
    return torch.tensor(cells, dtype=torch.float64)


def scores_of(features: Tensor, filters: Tensor, s: int) -> Tensor:
    return F.conv2d(features[:, s], filters[s], padding=K // 2)[:, 0]


class Case:
    """One learner with samples; its objective written out."""

    def __init__(self, kind: str) -> None:
        self.kind, self.learner = kind, randomise(KINDS[kind]()).double()
        self.features, self.filters = tensor(N, S, C, SIDE, SIDE), tensor(S, 1, C, K, K, seed=1)
        self.distances = [[cell_distances(BOXES[n, s]) for s in range(S)] for n in range(N)]
        self.regularisation = self.learner.filter_reg.item() ** 2
        self.step = self.learner.log_step_length.exp().item()

    def residuals(self, filters: Tensor, s: int) -> Tensor:
        """DiMP's, of one sequence, all in one vector."""
        values = []
        scores = scores_of(self.features, filters, s)
        for n in range(N):
            bins = explicit_bins(self.distances[n][s])
            tables = (
                self.learner.label_map_predictor.weight,
                self.learner.target_mask_predictor[0].weight,
                self.learner.spatial_weight_predictor.weight,
            )
            y, m, v = (bins @ table.flatten() for table in tables)
            active = torch.where(scores[n] > 0, scores[n], m.sigmoid() * scores[n])
            values.append((WEIGHTS[n].sqrt() * v * (active - y)).flatten())
        return torch.cat([*values, self.regularisation**0.5 * filters[s].flatten()])

    def divergence(self, filters: Tensor, s: int) -> Tensor:
        """PrDiMP's, of one sequence, with half of the squared filter."""
        scores = scores_of(self.features, filters, s)
        total = self.regularisation / 2 * filters[s].square().sum()
        for n in range(N):
            p = torch.exp(-(self.distances[n][s] ** 2) / (2 * 0.9**2)) / (2 * math.pi * 0.9**2)
            p = p / (p.sum() + 1e-8)
            total = total + WEIGHTS[n] * (scores[n].logsumexp((0, 1)) - (p * scores[n]).sum())
        return total

    def next_of(self, filters: Tensor) -> Tensor:
        """One step by automatic differentiation."""
        after = filters.clone()
        for s in range(S):
            if self.kind == "dimp":
                jacobian = torch.autograd.functional.jacobian(
                    lambda f, s=s: self.residuals(f, s), filters
                )[:, s].flatten(1)
                gradient = jacobian.T @ self.residuals(filters, s)
                curvature = (jacobian @ gradient).square().sum()
                damping = 0.0
            else:
                f = filters.clone().requires_grad_()
                (whole,) = torch.autograd.grad(self.divergence(f, s), f, create_graph=True)
                gradient = whole[s].flatten()
                (image,) = torch.autograd.grad((gradient * gradient.detach()).sum(), f)
                gradient, damping = gradient.detach(), 0.05
                curvature = (image[s].flatten() * gradient).sum()
            size = gradient.square().sum()
            length = size / (curvature + damping * size)
            after[s] -= (self.step * length * gradient).view(1, C, K, K)
        return after.detach()


@pytest.mark.parametrize("kind", KINDS)
def test_steps_in_closed_form_equal_automatic_differentiation(kind):
    case = Case(kind)
    found = case.learner(case.filters, case.features, BOXES, WEIGHTS, 3, keep=True)
    expected = case.filters
    assert torch.equal(found.iterates[0], expected)
    for ours in found.iterates[1:]:
        expected = case.next_of(expected)
        torch.testing.assert_close(ours.detach(), expected, rtol=1e-6, atol=1e-8)


def test_the_loss_told_is_the_objective():
    case = Case("dimp")
    found = case.learner(case.filters, case.features, BOXES, WEIGHTS, 0)
    squares = sum(case.residuals(case.filters, s).square().sum() for s in range(S)) / S
    torch.testing.assert_close(found.losses[0], squares.detach(), rtol=1e-6, atol=0)
    case = Case("prdimp")
    found = case.learner(case.filters, case.features, BOXES, WEIGHTS, 0)
    half = case.regularisation / 2 * case.filters.square().sum()
    total = sum(case.divergence(case.filters, s) for s in range(S)) + half
    torch.testing.assert_close(found.losses[0], total.detach() / S, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_count_alike_where_no_weights_are_given(kind):
    case, equal = Case(kind), torch.full((N,), 1 / N).double()
    given = case.learner(case.filters, case.features, BOXES, equal, 2).filters
    each = case.learner(case.filters, case.features, BOXES, equal[:, None].expand(N, S), 2).filters
    torch.testing.assert_close(
        case.learner(case.filters, case.features, BOXES, None, 2).filters, given
    )
    torch.testing.assert_close(each, given)


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_training_learns_gets_its_gradient(kind):
    case = Case(kind)
    names, values = zip(*case.learner.named_parameters(), strict=True)

    def learned(features, filters, *parameters):
        state = dict(zip(names, parameters, strict=True))
        given = (filters, features, BOXES, WEIGHTS, 2)
        return torch.func.functional_call(case.learner, state, given).filters

    start = [case.features[:, :, :2, :3, :3], case.filters[:, :, :2], *values]
    inputs = [value.detach().clone().requires_grad_() for value in start]
    assert torch.autograd.gradcheck(learned, inputs, fast_mode=True)


def test_a_function_of_distance_is_the_sum_over_bins():
    table, distance = tensor(BINS), tensor(6, 7, seed=1).abs() * 5
    distance[0] = torch.tensor([0, 0.1, 9.8, 9.85, 9.9, 9.95, 40.0])
    found = OfDistance(table).double()(distance)
    torch.testing.assert_close(
        found, (explicit_bins(distance) @ table.float().double()), rtol=1e-6, atol=1e-6
    )


def test_distances_are_told_from_the_middle_of_the_box():
    found = distances(BOXES, (SIDE + 1, SIDE + 1), K, 16)
    for n in range(N):
        for s in range(S):
            torch.testing.assert_close(found[n, s], cell_distances(BOXES[n, s]))
    odd = distances(BOXES[0, 0], (4, 4), 3, 16)
    torch.testing.assert_close(odd, distances(BOXES[0, 0] - 8 * torch.tensor([1.0, 1, 0, 0]),
                                              (4, 4), 4, 16))  # fmt: skip


def test_training_starts_from_the_papers_functions():
    learner, at = DiMPLearner(), bin_distances()
    gauss = torch.exp(-(at**2) / (2 * 0.9**2))
    torch.testing.assert_close(learner.label_map_predictor(at), gauss - gauss.min())
    mask = learner.target_mask_predictor(at)
    torch.testing.assert_close(mask, torch.sigmoid(3 * torch.tanh(2 - at)))
    assert (learner.spatial_weight_predictor(at) == 1).all()


def test_a_density_sums_to_one_and_lies_about_the_box():
    found = PrDiMPLearner().density(torch.tensor([100.3, 90.2, 80.5, 60.1]), (19, 19), 4)
    assert found.sum().item() == pytest.approx(1)
    row, column = divmod(int(found.argmax()), 19)
    assert (row, column) == (round((90.2 + 30.05) / 16), round((100.3 + 40.25) / 16))


@pytest.mark.parametrize("learner", KINDS)
def test_learning_lifts_the_target_above_all_else(learner):
    torch.manual_seed(1)
    network = DiMPClassifier(8, 8, 1, learner).eval()
    features = network.features(torch.randn(1, 8, 18, 18))[:, None]
    boxes = torch.tensor([[[100.0, 80, 56, 64]]])  # its middle is at (112, 128): cells 7 and 8
    with torch.no_grad():
        found = network.learn(features, boxes, iterations=10, keep=True)
        scores = network.scores(found.filters, features)[0, 0]
    assert divmod(int(scores.argmax()), 19) == (7, 8)
    assert found.losses[-1] < found.losses[0]
    assert len(found.iterates) == 11
    torch.testing.assert_close(scores, apply_filters(features, found.filters)[0, 0, 0])


def test_a_learner_that_is_none_is_told():
    with pytest.raises(InputError, match="give dimp or prdimp"):
        DiMPClassifier(8, 8, 0, "ridge")

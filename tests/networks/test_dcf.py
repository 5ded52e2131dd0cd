"""Filters and their solver, against convolutions and automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.networks.dcf import (
    LEAST_CURVATURE,
    InstanceL2Norm,
    apply_filters,
    correlate,
    descend,
    hinge_residual,
    weighted_residual,
)

N, S, C = 3, 2, 5
KINDS = {"few-shot": (2, 3), "hinge": (1, 4)}


def tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow_scores(x: Tensor, f: Tensor) -> Tensor:
    """One convolution for every sequence."""
    kernel = f.shape[-1]
    each = [F.conv2d(x[:, s], f[s], padding=kernel // 2) for s in range(x.shape[1])]
    return torch.stack(each, 1)


class Case:
    """Samples of one kind of filter, and its residual vector written out for autograd."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        outputs, kernel = KINDS[kind]
        self.x = tensor(N, S, C, 6, 7, seed=1)
        self.f = tensor(S, outputs, C, kernel, kernel, seed=2)
        shape = slow_scores(self.x, self.f).shape
        self.regularisation = 0.3
        self.labels = tensor(*shape, seed=3)
        self.weights = tensor(*shape, seed=4)
        if kind == "hinge":
            self.labels, self.weights = self.labels.abs() / 9, torch.tensor([0.5, 0.2, 0.3])
            self.residual = hinge_residual(self.labels, self.weights)
        else:
            self.residual = weighted_residual(self.labels, self.weights)

    def vector(self, f: Tensor, s: int) -> Tensor:
        """All residuals of one sequence."""
        scores = slow_scores(self.x, f)[:, s]
        y, w = self.labels[:, s], self.weights
        if self.kind == "hinge":
            mask = torch.where(y > 0.05, 1.0, 0.1)
            active = torch.where(scores > 0, scores, mask * scores)
            data = w.sqrt().view(N, 1, 1, 1) * (active - mask * y)
        else:
            data = w[:, s] * (scores - y)
        return torch.cat((data.flatten(), self.regularisation * f[s].flatten()))


def slow_descent(case: Case, iterations: int) -> tuple[list[Tensor], list[float]]:
    """Gauss-Newton by automatic differentiation, with h = J g by differentiating twice."""
    f = case.f.clone()
    iterates, losses = [f], []
    for iteration in range(iterations + 1):
        f = f.detach().requires_grad_()
        vectors = [case.vector(f, s) for s in range(S)]
        losses.append(
            sum(float(v.detach().square().sum()) for v in vectors) / sum(v.numel() for v in vectors)
        )
        if iteration == iterations:
            break
        after = f.detach().clone()
        for r in vectors:
            u = r.detach().clone().requires_grad_()
            (g,) = torch.autograd.grad(r, f, u, create_graph=True)
            (h,) = torch.autograd.grad(g, u, g.detach())
            step = g.square().sum() / h.square().sum().clamp(min=LEAST_CURVATURE)
            after = after - (step * g).detach()
        f = after
        iterates.append(f)
    return iterates, losses


@pytest.mark.parametrize(("outputs", "kernel"), KINDS.values())
def test_scores_are_convolutions(outputs: int, kernel: int):
    x, f = tensor(N, S, C, 6, 7), tensor(S, outputs, C, kernel, kernel, seed=1)
    torch.testing.assert_close(apply_filters(x, f), slow_scores(x, f))


@pytest.mark.parametrize(("outputs", "kernel"), KINDS.values())
def test_correlation_is_the_transpose_of_the_scores(outputs: int, kernel: int):
    x, f = tensor(N, S, C, 6, 7), tensor(S, outputs, C, kernel, kernel, seed=1).requires_grad_()
    scores = slow_scores(x, f)
    u = torch.randn_like(scores)
    (expected,) = torch.autograd.grad(scores, f, u)
    torch.testing.assert_close(correlate(x, u, kernel), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_closed_form_equals_automatic_differentiation(kind: str):
    case = Case(kind)
    iterates, losses = slow_descent(case, 4)
    found = descend(case.f, case.x, case.residual, case.regularisation, 4, keep=True)
    assert len(found.iterates) == 5
    for ours, theirs in zip(found.iterates, iterates, strict=True):
        torch.testing.assert_close(ours, theirs.detach())
    torch.testing.assert_close(found.losses, torch.tensor(losses, dtype=torch.float64))
    torch.testing.assert_close(found.filters, found.iterates[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_do_not_know_each_other(kind: str):
    case = Case(kind)
    together = descend(case.f, case.x, case.residual, case.regularisation, 3).filters
    weights = case.weights if kind == "hinge" else case.weights[:, 1:]
    make: Callable[..., object] = hinge_residual if kind == "hinge" else weighted_residual
    alone = descend(
        case.f[1:], case.x[:, 1:], make(case.labels[:, 1:], weights), case.regularisation, 3
    )
    torch.testing.assert_close(together[1:], alone.filters)


def test_exact_steps_never_raise_the_few_shot_loss_and_near_its_least():
    case = Case("few-shot")
    case.regularisation = 5.0
    found = descend(case.f, case.x, case.residual, case.regularisation, 100)
    assert (found.losses.diff() <= 1e-12).all()
    zero, least = torch.zeros_like(case.f), 0.0
    for s in range(S):
        jacobian = torch.autograd.functional.jacobian(lambda f, s=s: case.vector(f, s), zero)
        offset = case.vector(zero, s)
        solution = torch.linalg.lstsq(jacobian.flatten(1), -offset[:, None], driver="gelsd")
        least += float((jacobian.flatten(1) @ solution.solution + offset[:, None]).square().sum())
    count = S * offset.numel()
    assert float(found.losses[-1]) == pytest.approx(least / count, rel=1e-4)


def test_the_unrolled_solver_is_differentiable():
    x, y = tensor(2, 1, 2, 3, 3).requires_grad_(), tensor(2, 1, 1, 3, 3, seed=1).requires_grad_()
    w, strength = tensor(2, 1, 1, 3, 3, seed=2).requires_grad_(), torch.tensor([0.4]).double()
    strength.requires_grad_()
    start = tensor(1, 1, 2, 3, 3, seed=3).requires_grad_()

    def solve(f: Tensor, x: Tensor, y: Tensor, w: Tensor, strength: Tensor) -> Tensor:
        return descend(f, x, weighted_residual(y, w), strength, 2).filters

    assert torch.autograd.gradcheck(solve, (start, x, y, w, strength))


def test_samples_count_alike_where_no_weights_are_given():
    case = Case("hinge")
    equal = torch.full((N,), 1 / N).double()
    for make, weights in ((hinge_residual, equal), (weighted_residual, equal.sqrt()[0])):
        without, given = make(case.labels)(case.labels), make(case.labels, weights)(case.labels)
        torch.testing.assert_close(without[0], given[0])


def test_nothing_to_learn_from_leaves_the_filter():
    start = torch.zeros(1, 2, C, 3, 3).double()
    labels = torch.zeros(N, 1, 2, 6, 7).double()
    found = descend(start, tensor(N, 1, C, 6, 7), weighted_residual(labels), 0.0, 3)
    assert not found.filters.any()
    assert not found.losses.any()


def test_norm_is_the_plain_formula():
    x = tensor(2, 3, 4, 5)
    for given, out in zip(x, InstanceL2Norm(0.2)(x), strict=True):
        expected = given * 0.2 * (60 / (float((given**2).sum()) + 1e-5)) ** 0.5
        torch.testing.assert_close(out, expected)


def test_norm_of_half_precision_neither_overflows_nor_stays_half():
    out = InstanceL2Norm(0.2)(torch.full((1, 512, 30, 52), 300.0, dtype=torch.float16))
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, torch.full_like(out, 0.2))


def test_mixed_precision_around_it_does_not_reach_the_solver():
    case = Case("few-shot")
    x, f, y = case.x.float(), case.f.float(), case.labels.float()
    alone = descend(f, x, weighted_residual(y), 0.3, 4).filters
    with torch.autocast("cpu", torch.bfloat16):
        inside = descend(f, x, weighted_residual(y), 0.3, 4).filters
    assert torch.equal(inside, alone)

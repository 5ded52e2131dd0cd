"""The two-layer classifier against golden arrays, and its Jacobian against a dense one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from golden import Golden
from spectrack.networks.dcf import InstanceL2Norm
from spectrack.networks.gauss_newton import (
    Rule,
    Samples,
    activate,
    conjugate_gradients,
    learn_both,
    learn_filter,
    same_correlation,
    same_scores,
)
from spectrack.networks.resnet import ResNet, resnet18
from spectrack.tracking.first_frame import gaussian_label

CENTRES = [(0.5, 0.5), (2.5, -1.5), (-3.0, 2.0), (0.5, 4.0), (1.0, 1.0), (-2.0, -2.0)]


def slow_scores(x: Tensor, f: Tensor) -> Tensor:
    """Convolution with two rows and columns of zeros around, the last of each dropped."""
    return F.conv2d(x, f[None], padding=2)[:, 0, :-1, :-1]


def slow_activation(s: Tensor) -> Tensor:
    return F.elu(F.leaky_relu(s, 1 / 0.05), 0.05)


def golden_samples(golden: Golden) -> tuple[Samples, Tensor, Tensor]:
    """Samples, filter and projection of atom.npz."""
    x, f, p = (
        torch.from_numpy(golden.scheme.nrm(*what))
        for what in (
            ("atom.X", (6, 32, 18, 18)),
            ("atom.filter", (1, 8, 4, 4), 1 / 128),
            ("atom.P", (8, 32, 1, 1), 32**-0.5),
        )
    )
    # an odd kernel here: labels of this classifier have the features' size
    labels = torch.stack([gaussian_label(centre, 0.9, (18, 18), 3) for centre in CENTRES])
    return Samples(x, labels, torch.full((6,), 1 / 6)), f[0], p[:, :, 0, 0]


def test_atom_golden(golden: Golden):
    samples, f, p = golden_samples(golden)
    golden.compare("atom", "label0", samples.labels_nhw[0])
    composite = torch.einsum("mkl,mc->ckl", f, p)
    golden.compare("atom", "residual0", samples.linearise(composite)[0])
    rules: dict[str, Rule] = {"gn": "polak_ribiere", "gn_default": "fletcher_reeves"}
    for key, rule in rules.items():
        found = learn_both(samples, f, p, rule=rule, losses=True)
        golden.compare("atom", f"{key}.filter", found.filter_mkk, 1e-3)
        golden.compare("atom", f"{key}.P", found.projection_mc, 1e-3)
        golden.compare("atom", f"{key}.losses", found.losses, 1e-3)
    projected = torch.einsum("mc,nchw->nmhw", found.projection_mc, samples.features_nchw)
    memory = Samples(
        torch.cat((projected, torch.zeros(4, 8, 18, 18))),
        torch.cat((samples.labels_nhw, torch.zeros(4, 18, 18))),
        torch.tensor([0.3, 0.2, 0.2, 0.1, 0.1, 0.1, 0, 0, 0, 0]),
    )
    first = learn_filter(memory, found.filter_mkk, found.projection_mc, losses=True)
    golden.compare("atom", "cg.filter", first.filter_mkk, 1e-3)
    golden.compare("atom", "cg.losses", first.losses, 1e-3)
    again = learn_filter(memory, first.filter_mkk, first.projection_mc)
    golden.compare("atom", "cg.filter2", again.filter_mkk, 1e-3)


def test_atom_golden_of_maps(golden: Golden):
    x = torch.from_numpy(golden.scheme.uni("atom.sameconv.x", (1, 3, 6, 7)))
    w = torch.from_numpy(golden.scheme.nrm("atom.sameconv.w", (1, 3, 4, 4)))
    golden.compare("atom", "same_conv", same_scores(x, w[0]))
    backbone = golden.fill(resnet18(), "feature_extractor.")
    assert isinstance(backbone, ResNet)
    with torch.inference_mode():
        layer3 = backbone(golden.imagenet("atom.im", 288, 288), ("layer3",))["layer3"]
        golden.compare("atom", "feat_normalised", InstanceL2Norm(1)(layer3))


class Small:
    """A small problem in double precision, and its residuals written out for autograd."""

    def __init__(self, kernel: int = 4) -> None:
        chance = torch.Generator().manual_seed(3)

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, dtype=torch.float64, generator=chance)

        self.x, self.y = draw(3, 5, 6, 7), draw(3, 6, 7).abs() / 3
        self.w = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
        self.f, self.p = draw(2, kernel, kernel) / 4, draw(2, 5) / 2
        self.samples = Samples(self.x, self.y, self.w)

    def residuals(self, flat: Tensor) -> Tensor:
        """All residuals of the joint problem from filter and projection in one vector."""
        f = flat[: self.f.numel()].view(self.f.shape)
        p = flat[self.f.numel() :].view(self.p.shape)
        scores = slow_scores(torch.einsum("mc,nchw->nmhw", p, self.x), f)
        data = self.w.sqrt()[:, None, None] * (slow_activation(scores) - self.y)
        return torch.cat((data.flatten(), 0.1**0.5 * f.flatten(), 0.01 * p.flatten()))

    def filter_residuals(self, flat: Tensor) -> Tensor:
        """Those of the filter alone, on projected features."""
        z = torch.einsum("mc,nchw->nmhw", self.p, self.x)
        scores = slow_scores(z, flat.view(self.f.shape))
        data = self.w.sqrt()[:, None, None] * (slow_activation(scores) - self.y)
        return torch.cat((data.flatten(), 0.1**0.5 * flat))


def dense_step(residuals: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """The exact Gauss-Newton step, from a Jacobian by automatic differentiation."""
    jacobian = torch.autograd.functional.jacobian(residuals, start)
    return start - torch.linalg.solve(jacobian.mT @ jacobian, jacobian.mT @ residuals(start))


@pytest.mark.parametrize("rule", ["fletcher_reeves", "polak_ribiere"])
def test_many_steps_of_both_layers_reach_the_exact_gauss_newton_step(rule: Rule):
    small = Small()
    start = torch.cat((small.f.flatten(), small.p.flatten()))
    expected = dense_step(small.residuals, start)
    found = learn_both(
        small.samples, small.f, small.p, iterations=1, steps=120, rule=rule, losses=True
    )
    flat = torch.cat((found.filter_mkk.flatten(), found.projection_mc.flatten()))
    torch.testing.assert_close(flat, expected, rtol=1e-5, atol=1e-6)
    for loss, at in zip(found.losses, (start, flat), strict=True):
        torch.testing.assert_close(loss, small.residuals(at).square().sum())


def test_many_steps_of_the_filter_reach_the_exact_gauss_newton_step():
    small = Small()
    samples = Samples(torch.einsum("mc,nchw->nmhw", small.p, small.x), small.y, small.w)
    found = learn_filter(samples, small.f, small.p, steps=200, losses=True)
    expected = dense_step(small.filter_residuals, small.f.flatten())
    torch.testing.assert_close(found.filter_mkk.flatten(), expected, rtol=1e-6, atol=1e-8)
    for loss, f in zip(found.losses, (small.f, found.filter_mkk), strict=True):
        torch.testing.assert_close(loss, small.filter_residuals(f.flatten()).square().sum())


@pytest.mark.parametrize("steps", [1, 3])
def test_few_steps_are_the_textbook_s_on_the_dense_problem(steps: int):
    small = Small()
    start = torch.cat((small.f.flatten(), small.p.flatten()))
    jacobian = torch.autograd.functional.jacobian(small.residuals, start)
    a, b = jacobian.mT @ jacobian, -jacobian.mT @ small.residuals(start)
    scale = torch.cat((torch.full((32,), 10.0), torch.full((10,), 1e4))).double()
    x, r = torch.zeros_like(b), b
    z = scale * r
    p = z
    for _ in range(steps):
        alpha = (r @ z) / (p @ a @ p)
        x, after = x + alpha * p, r - alpha * (a @ p)
        z_after = scale * after
        p = z_after + (after @ z_after) / (r @ z) * p
        r, z = after, z_after
    found = learn_both(small.samples, small.f, small.p, iterations=1, steps=steps)
    flat = torch.cat((found.filter_mkk.flatten(), found.projection_mc.flatten()))
    torch.testing.assert_close(flat, start + x)


def test_a_filter_that_starts_at_zero_is_learned():
    small = Small()
    found = learn_both(small.samples, torch.zeros_like(small.f), small.p, losses=True)
    assert found.filter_mkk.any()
    assert found.losses[-1] < 0.8 * found.losses[0]


@pytest.mark.parametrize("kernel", [3, 4])
def test_scores_and_their_transpose(kernel: int):
    small = Small(kernel)
    f = torch.einsum("mkl,mc->ckl", small.f, small.p).requires_grad_()
    scores = same_scores(small.x, f)
    assert scores.shape == (3, 6, 7)
    expected = F.conv2d(small.x, f[None], padding=kernel // 2)[:, 0, :6, :7]
    torch.testing.assert_close(scores, expected)
    u = torch.randn_like(scores)
    (pulled,) = torch.autograd.grad(scores, f, u)
    torch.testing.assert_close(same_correlation(small.x, u, kernel), pulled)


def test_activation_and_its_slope():
    scores = torch.linspace(-1, 1, 41, dtype=torch.float64).requires_grad_()
    expected = slow_activation(scores)
    (slopes,) = torch.autograd.grad(expected.sum(), scores)
    values, ours = activate(scores.detach())
    torch.testing.assert_close(values, expected.detach())
    torch.testing.assert_close(ours, slopes)


def test_nothing_to_solve_gives_zeros():
    zero = torch.zeros(3)
    for rule in ("fletcher_reeves", "polak_ribiere"):
        (x,) = conjugate_gradients(lambda v: v, (zero,), 4, (1.0,), rule)
        assert torch.equal(x, zero)
    met = torch.tensor([1.0, 2.0])
    (x,) = conjugate_gradients(lambda v: (2 * v[0],), (met,), 5, (1.0,), "polak_ribiere")
    torch.testing.assert_close(x, met / 2)


def test_mixed_precision_around_it_does_not_reach_the_solver():
    small = Small()
    samples = Samples(small.x.float(), small.y.float(), small.w.float())
    f, p = small.f.float(), small.p.float()
    alone = learn_both(samples, f, p, iterations=2)
    with torch.autocast("cpu", torch.bfloat16):
        inside = learn_both(samples, f, p, iterations=2)
    assert torch.equal(inside.filter_mkk, alone.filter_mkk)

"""Gradients by the self-adjoint backward pass, against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from spectrack.spectral.sfseg.affinity import cosine_series
from spectrack.spectral.sfseg.filter import SFSegSettings, sfseg
from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.power import cosine_step, taylor_step

TAPS = kernel_taps((3, 3, 5))


def inputs(channels=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (3, 4, 5)

    def made(*size):
        values = torch.rand(size, generator=generator, dtype=torch.float64)
        return (0.1 + 0.8 * values).requires_grad_()

    return made(*shape), made(*shape), made(channels, *shape)


@pytest.mark.parametrize("channels", [1, 2])
def test_taylor_step(channels):
    x, unary, feature = inputs(channels)
    alpha = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda *a: taylor_step(*a[:3], TAPS, a[3]), (x, unary, feature, alpha))


@pytest.mark.parametrize(
    ("affinity", "channels"), [("cosine2", 2), ("cosine3", 1), ("cosine3", 2), ("cosine5", 1)]
)
def test_cosine_step(affinity, channels):
    series = cosine_series(affinity, 1.0)
    assert gradcheck(lambda *a: cosine_step(*a, TAPS, series), inputs(channels))


def test_only_what_is_asked_for_is_given():
    x, unary, feature = inputs()
    taylor_step(x, unary.detach(), feature.detach(), TAPS, 1.0).sum().backward()
    assert x.grad is not None
    assert unary.grad is None


@pytest.mark.parametrize(
    "settings",
    [
        SFSegSettings(p=0.5, kernel=(3, 3, 3), iterations=3, continuous_iterations=2),
        SFSegSettings(p=0.3, kernel=(3, 3, 3), iterations=2, affinity="cosine2", floor=0.05),
        SFSegSettings(p=0.5, kernel=(1, 3, 3), iterations=2, normalisation="frame", border="guard"),
    ],
)
def test_whole_recipes(settings):
    _, soft, feature = inputs()
    assert gradcheck(lambda s, f: sfseg(s, f, settings), (soft, feature), atol=1e-5)

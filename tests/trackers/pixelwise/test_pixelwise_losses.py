"""Eq. 2 and Eq. 4 against loops over pixels in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from spectrack.trackers.pixelwise.region import transformed_anchor
from spectrack.trackers.pixelwise.train_losses import (
    CEILING,
    VARIATION,
    GlobalLoss,
    LocalLoss,
    total_variation,
)

T, N, SIDE = 3, 2, 6


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def variation(soft):
    height, width = soft.shape
    total = 0.0
    for i, j in np.ndindex(height, width):
        if i + 1 < height:
            total += abs(soft[i + 1, j] - soft[i, j])
        if j + 1 < width:
            total += abs(soft[i, j + 1] - soft[i, j])
    return total


def test_total_variation_is_the_sum_over_neighbours():
    soft = drawn(4, 5, 7)
    wanted = [variation(one.numpy()) for one in soft]
    np.testing.assert_allclose(total_variation(soft), wanted, rtol=1e-12)


@pytest.mark.parametrize("ceiling", [CEILING, 14.0])
def test_eq_2(ceiling):
    logits, truth = (
        4 * drawn(T, N, SIDE, SIDE) - 2,
        (drawn(T, N, SIDE, SIDE, seed=1) > 0.6).double(),
    )
    logits[:, 0] *= 0.1  # one sequence below the lower ceiling, one above
    soft = 1 / (1 + np.exp(-logits.numpy()))
    entropy = [
        -(1 - y) * math.log(1 - p) - y * math.log(p)
        for p, y in zip(soft.ravel(), truth.numpy().ravel(), strict=True)
    ]
    rough = [np.mean([variation(soft[t, n]) for t in range(T)]) for n in range(N)]
    assert rough[0] < 14 < rough[1]
    wanted = np.mean(entropy) + 0.01 * np.mean([min(ceiling, one) for one in rough])
    assert LocalLoss(0.01, ceiling)(logits, truth).item() == pytest.approx(wanted, rel=1e-12)
    assert (VARIATION, CEILING) == (1e-4, 1000)


def test_above_the_ceiling_variation_has_no_slope():
    logits = (4 * drawn(T, N, SIDE, SIDE) - 2).requires_grad_()
    truth = torch.zeros(T, N, SIDE, SIDE, dtype=torch.float64)
    slopes = []
    for weight, ceiling in ((0.0, CEILING), (0.1, 1e-3), (0.1, CEILING)):
        (slope,) = torch.autograd.grad(LocalLoss(weight, ceiling)(logits, truth), logits)
        slopes.append(slope)
    torch.testing.assert_close(slopes[0], slopes[1])
    assert not torch.allclose(slopes[0], slopes[2])


def test_overlap_counts_frames_that_show_the_target():
    logits = 4 * drawn(T, N, SIDE, SIDE) - 2
    truth = (drawn(T, N, SIDE, SIDE, seed=1) > 0.6).double()
    truth[1, 0] = 0  # another video's frame
    soft, lost = logits.sigmoid().numpy(), []
    for t, n in np.ndindex(T, N):
        y, p = truth[t, n].numpy().ravel(), soft[t, n].ravel()
        if y.any():
            both = sum(a * b for a, b in zip(p, y, strict=True))
            lost.append(1 - both / (p.sum() + y.sum() - both))
    assert len(lost) == T * N - 1
    wanted = LocalLoss()(logits, truth).item() + 0.7 * np.mean(lost)
    assert LocalLoss(overlap=0.7)(logits, truth).item() == pytest.approx(wanted, rel=1e-12)
    nothing = torch.zeros_like(truth)
    assert LocalLoss(overlap=0.7)(logits, nothing) == LocalLoss()(logits, nothing)


def test_eq_4():
    steps, side = 7, 8
    truth = (drawn(steps, N, side, side) > 0.7).double()
    truth[5, 1] = 0  # out of sight
    theta = torch.tensor([0.8, 0.1, -0.1]) + 0.3 * drawn(steps, N, 3, seed=2)
    aspect = torch.tensor([1.5, 0.8], dtype=torch.float64)
    wrong, changes = [], []
    area = truth[4:].sum((2, 3)).mean(0)
    for t in range(4, steps):  # the fifth frame is the first that counts
        anchors = transformed_anchor(theta[t], aspect, side).numpy()
        for n in range(N):
            weights = np.where(truth[t, n].numpy() > 0, 3.0, 1.0)
            total = (weights * (anchors[n] - truth[t, n].numpy()) ** 2).sum()
            wrong.append(total / area[n].item() if truth[t, n].any() else 0.0)
            changes.append(math.dist(theta[t, n].tolist(), theta[t - 1, n].tolist()))
    wanted = np.mean(wrong) + 0.7 * np.mean(changes)
    loss = GlobalLoss(inside=3.0, steady=0.7, first=5)
    assert loss(theta, truth, aspect).item() == pytest.approx(wanted, rel=1e-12)


def test_from_the_first_frame_on_eq_4_has_no_frame_before():
    truth = torch.ones(3, 1, 8, 8, dtype=torch.float64)
    theta = torch.tensor([[[4.0, 0, 0]], [[4.0, 0.3, 0.4]], [[4.0, 0.3, 0.4]]], dtype=torch.float64)
    loss = GlobalLoss(inside=1.0, steady=1.0, first=1)
    assert loss(theta, truth, torch.ones(1)).item() == pytest.approx(0.25)


def test_the_anchor_that_lies_on_the_target_costs_least():
    """A square target: its own place beats others around it, also where it is small."""
    theta = torch.tensor([[[0.3, 0.2, -0.1]]], dtype=torch.float64)
    aspect = torch.tensor([1.4], dtype=torch.float64)
    truth = (transformed_anchor(theta[0], aspect, 112) >= 0.5).double()[None]
    loss = GlobalLoss(steady=0.0, first=1)
    best = loss(theta, truth, aspect)
    for change in ([0.05, 0, 0], [-0.05, 0, 0], [0, 0.1, 0], [0, 0, -0.1]):
        assert loss(theta + torch.tensor(change), truth, aspect) > 2 * best

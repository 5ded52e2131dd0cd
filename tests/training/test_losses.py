"""Each loss against its formula in numpy float64, against kornia, and its gradient."""

from __future__ import annotations

import kornia.losses as kornia
import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.training.losses import (
    LOSSES,
    dice_bce,
    focal_dice,
    focal_tversky,
    lovasz,
    lovasz_hinge,
    soft_jaccard,
)


@pytest.fixture
def pair(rng):
    """Three frames of 6x7: probabilities and a hard truth, float64."""
    soft = torch.from_numpy(rng.uniform(0.02, 0.98, (3, 6, 7)))
    return soft, torch.from_numpy((rng.uniform(size=(3, 6, 7)) < 0.4).astype(float))


def by_hand(name, a, b, **p):
    """The formula of a loss for one frame, in numpy."""
    hit, total = (a * b).sum(), a.sum() + b.sum()
    if name == "focal-dice":
        return (1 - 2 * hit / total) ** p.get("gamma", 0.75)
    if name == "dice-bce":
        w, balance = p.get("positive_weight", 1.0), p.get("balance", 0.5)
        bce = -(w * b * np.log(a) + (1 - b) * np.log(1 - a)).mean()
        return balance * (1 - 2 * hit / total) + (1 - balance) * bce
    if name == "focal-tversky":
        missed, false = (b * (1 - a)).sum(), (a * (1 - b)).sum()
        index = hit / (hit + p.get("alpha", 0.7) * missed + p.get("beta", 0.3) * false)
        return (1 - index) ** p.get("gamma", 0.75)
    if name == "soft-jaccard":
        return 1 - hit / (total - hit)
    errors = np.abs(a - b).ravel()
    return extension(errors, b.ravel() > 0.5)


def extension(errors, truth):
    """Lovász extension from its definition: a sum over the sorted errors of set-function steps."""
    order, value, before = np.argsort(-errors, kind="stable"), 0.0, 0.0
    wrong = np.zeros(len(errors), bool)
    for pixel in order:
        wrong[pixel] = True
        predicted = truth ^ wrong
        now = 1 - (truth & predicted).sum() / max(1, (truth | predicted).sum())
        value += errors[pixel] * (now - before)
        before = now
    return value


CASES = [
    ("focal-dice", {}),
    ("focal-dice", {"gamma": 2.0}),
    ("dice-bce", {}),
    ("dice-bce", {"balance": 0.3, "positive_weight": 4.0}),
    ("focal-tversky", {}),
    ("focal-tversky", {"alpha": 0.2, "beta": 1.1, "gamma": 1.5}),
    ("lovasz", {}),
    ("soft-jaccard", {}),
]


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_formula(pair, name, parameters):
    soft, truth = pair
    frames = [
        by_hand(name, a, b, **parameters) for a, b in zip(soft.numpy(), truth.numpy(), strict=True)
    ]
    each = LOSSES[name](soft, truth, **parameters, reduction="none")
    np.testing.assert_allclose(each.numpy(), frames, rtol=1e-12)
    total = LOSSES[name](soft, truth, **parameters)
    assert float(total) == pytest.approx(sum(frames), rel=1e-12)
    mean = LOSSES[name](soft, truth, **parameters, reduction="mean")
    assert float(mean) == pytest.approx(np.mean(frames), rel=1e-12)
    # Leading axes are frames, however many there are.
    folded = LOSSES[name](soft[:, None], truth[:, None], **parameters)
    assert float(folded) == pytest.approx(float(total), rel=1e-12)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_gradient(pair, name, parameters):
    soft, truth = pair
    soft.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: LOSSES[name](s, truth, **parameters), (soft,))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_perfect_and_empty_masks_cost_nothing_and_have_finite_gradients(name, fill):
    soft = torch.full((2, 4, 5), fill, requires_grad=True)
    loss = LOSSES[name](soft, torch.full((2, 4, 5), fill))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(soft.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_wrong_everywhere_costs_and_has_finite_gradients(name):
    soft = torch.zeros(1, 4, 5, requires_grad=True)
    loss = LOSSES[name](soft, torch.ones(1, 4, 5))
    loss.backward()
    assert float(loss.detach()) >= 1 - 1e-6
    assert torch.isfinite(soft.grad).all()
    assert (soft.grad < 0).any(), "the gradient says to raise the mask"


def test_hinge_formula_and_gradient(pair, rng):
    _, truth = pair
    logits = torch.from_numpy(rng.normal(size=(3, 6, 7)) * 2).requires_grad_()
    frames = [
        extension(np.maximum(0, 1 - x * (2 * b - 1)).ravel(), b.ravel() > 0.5)
        for x, b in zip(logits.detach().numpy(), truth.numpy(), strict=True)
    ]
    assert float(lovasz_hinge(logits.detach(), truth)) == pytest.approx(sum(frames), rel=1e-12)
    assert torch.autograd.gradcheck(lambda s: lovasz_hinge(s, truth), (logits,))


def two_classes(soft):
    """Logits of kornia's (background, target) softmax that give these probabilities."""
    return torch.stack([torch.log1p(-soft), torch.log(soft)], 1)


def test_dice_as_in_kornia(pair):
    soft, truth = pair
    logits = two_classes(soft)
    background = focal_dice(1 - soft, 1 - truth, gamma=1, reduction="mean")
    ours = (focal_dice(soft, truth, gamma=1, reduction="mean") + background) / 2
    theirs = kornia.dice_loss(logits, truth.long(), average="macro", eps=0)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-9)


def test_tversky_as_in_kornia(pair):
    soft, truth = pair
    # Kornia averages over target and background, and its alpha weighs what is falsely found.
    weights = {"alpha": 0.7, "beta": 0.2, "gamma": 1, "reduction": "mean"}
    background = focal_tversky(1 - soft, 1 - truth, **weights)
    ours = (focal_tversky(soft, truth, **weights) + background) / 2
    theirs = kornia.tversky_loss(two_classes(soft), truth.long(), alpha=0.2, beta=0.7, eps=0)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-9)


def test_bce_as_in_kornia(pair):
    soft, truth = pair
    # Focal loss with gamma 0 is cross-entropy.
    theirs = kornia.binary_focal_loss_with_logits(
        torch.logit(soft)[:, None], truth[:, None], alpha=None, gamma=0.0, reduction="mean"
    )
    ours = dice_bce(soft, truth, balance=0, reduction="mean")
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)
    weighted = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.logit(soft), truth, pos_weight=torch.tensor(3.0)
    )
    ours = dice_bce(soft, truth, balance=0, positive_weight=3.0, reduction="mean")
    assert float(ours) == pytest.approx(float(weighted), rel=1e-9)


def test_lovasz_as_in_kornia(pair, rng):
    soft, truth = pair
    ours = (lovasz(soft, truth, reduction="mean") + lovasz(1 - soft, 1 - truth) / 3) / 2
    theirs = kornia.lovasz_softmax_loss(two_classes(soft), truth.long())
    assert float(ours) == pytest.approx(float(theirs), rel=1e-9)
    logits = torch.from_numpy(rng.normal(size=(3, 6, 7)) * 2)
    ours = lovasz_hinge(logits, truth, reduction="mean")
    theirs = kornia.lovasz_hinge_loss(logits[:, None], truth)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-9)


def test_tversky_with_halves_is_focal_dice(pair):
    assert float(focal_tversky(*pair, alpha=0.5, beta=0.5)) == pytest.approx(
        float(focal_dice(*pair)), rel=1e-12
    )


def test_lovasz_and_jaccard_of_hard_masks_are_one_minus_j(pair):
    _, truth = pair
    hard = truth.roll(1, dims=2)
    j = ((hard * truth).sum((1, 2)) / ((hard + truth) > 0).sum((1, 2))).numpy()
    np.testing.assert_allclose(lovasz(hard, truth, reduction="none").numpy(), 1 - j, atol=1e-12)
    np.testing.assert_allclose(
        soft_jaccard(hard, truth, reduction="none").numpy(), 1 - j, atol=1e-12
    )


def test_only_the_empty_frame_is_free(pair):
    soft, truth = pair
    soft, truth = soft.clone(), truth.clone()
    soft[1], truth[1] = 0, 0
    each = focal_dice(soft, truth, reduction="none")
    assert float(each[1]) == 0
    assert (each[[0, 2]] > 0.1).all()


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_and_autocast_compute_in_float32(pair, name):
    soft, truth = (t.to(torch.bfloat16) for t in pair)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = LOSSES[name](soft, truth)
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(float(LOSSES[name](soft.double(), truth.double())), 1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_differ(name):
    with pytest.raises(InputError, match=r"\(2, 4, 5\) and the truth \(2, 4, 6\)"):
        LOSSES[name](torch.zeros(2, 4, 5), torch.zeros(2, 4, 6))
    with pytest.raises(InputError, match="frames, height, width"):
        LOSSES[name](torch.zeros(5), torch.zeros(5))


def test_parameters_out_of_range(pair):
    with pytest.raises(InputError, match="above 0"):
        focal_dice(*pair, gamma=0)
    with pytest.raises(InputError, match="balance"):
        dice_bce(*pair, balance=1.5)
    with pytest.raises(InputError, match="at least 0"):
        focal_tversky(*pair, alpha=-1)
    with pytest.raises(InputError, match="sum, mean or none"):
        focal_dice(*pair, reduction="average")

"""Losses between a soft mask and the truth: Focal-Dice (Eq. 12), Dice + BCE, Tversky, Lovász.

Every loss takes probabilities in [0, 1] (never logits, except :func:`lovasz_hinge`), scores each
frame (the last two axes) on its own and adds the frames up, as Eq. 12 of the SFSeg++ paper does.
They compute in float32 at least, also under autocast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from spectrack.errors import InputError

Reduction = Literal["sum", "mean", "none"]

# Below this gap to perfect a power with exponent < 1 goes on as a straight line: without it the
# gradient is infinite where the mask is right.
FOOT = 1e-6


def focal_dice(
    soft_nhw: Tensor, truth_nhw: Tensor, gamma: float = 0.75, *, reduction: Reduction = "sum"
) -> Tensor:
    """Focal-Dice: the sum over frames of (1 - Dice)^gamma (SFSeg++ paper, section 3.4, Eq. 12).

    The paper prints 2 |A ∩ B| / |A ∪ B| and calls it Dice. It is Dice, and at most 1, only when
    the lower part means |A| + |B|, the union counted with repetition; so it is read here: soft
    Dice = 2 <a, b> / (sum a + sum b).

    A frame where both are empty is right and costs 0. Where only the truth is empty Dice is 0
    whatever the mask, so such a frame costs 1 and teaches nothing; :func:`dice_bce` does.

    Args:
        soft_nhw: (..., H, W) probabilities in [0, 1]; the leading axes are frames.
        truth_nhw: Same shape, values in [0, 1].
        gamma: Exponent, above 0. Below 1, as in the paper, good frames weigh more.
        reduction: "sum" over frames (Eq. 12), "mean", or "none" for one value a frame.

    Returns:
        Scalar, or one value a frame with shape (N,).

    Raises:
        InputError: The shapes differ or are no frames, or gamma is not above 0.
    """
    with _frames(soft_nhw, truth_nhw) as (soft_np, truth_np):
        return _reduce(focal(1 - _dice(soft_np, truth_np), gamma), reduction)


def dice_bce(
    soft_nhw: Tensor,
    truth_nhw: Tensor,
    balance: float = 0.5,
    positive_weight: float = 1.0,
    *,
    reduction: Reduction = "sum",
) -> Tensor:
    """Dice and binary cross-entropy: balance (1 - Dice) + (1 - balance) BCE, a frame.

    BCE is the mean over pixels of -(w t log p + (1 - t) log(1 - p)), logarithms cut at -100.

    Args:
        soft_nhw: (..., H, W) probabilities in [0, 1].
        truth_nhw: Same shape, values in [0, 1].
        balance: Share of Dice, 0 to 1.
        positive_weight: w, how much a pixel of the target counts in BCE; above 0.
        reduction: As in :func:`focal_dice`.

    Returns:
        Scalar, or one value a frame with shape (N,).

    Raises:
        InputError: The shapes differ, or a parameter is out of its range.
    """
    if not 0 <= balance <= 1 or not positive_weight > 0:
        raise InputError(
            f"dice_bce has balance {balance} and positive_weight {positive_weight}; "
            "give a balance in 0 to 1 and a weight above 0."
        )
    with _frames(soft_nhw, truth_nhw) as (soft_np, truth_np):
        # w t log p + (1 - t) log(1 - p) is plain BCE of the truth w t / v, times v = 1 + (w - 1) t.
        weight_np = 1 + (positive_weight - 1) * truth_np
        weighted_np = positive_weight * truth_np / weight_np
        bce_np = functional.binary_cross_entropy(
            soft_np, weighted_np, weight=weight_np, reduction="none"
        )
        dice = 1 - _dice(soft_np, truth_np)
        return _reduce(balance * dice + (1 - balance) * bce_np.mean(1), reduction)


def focal_tversky(
    soft_nhw: Tensor,
    truth_nhw: Tensor,
    alpha: float = 0.7,
    beta: float = 0.3,
    gamma: float = 0.75,
    *,
    reduction: Reduction = "sum",
) -> Tensor:
    """Focal-Tversky: (1 - TP / (TP + alpha FN + beta FP))^gamma a frame (Abraham and Khan, 2019).

    ``gamma`` is the exponent itself; the authors write 1/γ with γ = 4/3. With alpha = beta = 0.5
    this is Focal-Dice.

    Args:
        soft_nhw: (..., H, W) probabilities in [0, 1].
        truth_nhw: Same shape, values in [0, 1].
        alpha: Weight of missed pixels, at least 0.
        beta: Weight of falsely found pixels, at least 0.
        gamma: Exponent, above 0.
        reduction: As in :func:`focal_dice`.

    Returns:
        Scalar, or one value a frame with shape (N,). A frame where both are empty costs 0.

    Raises:
        InputError: The shapes differ, or a parameter is out of its range.
    """
    if alpha < 0 or beta < 0:
        raise InputError(f"focal_tversky has alpha {alpha} and beta {beta}; give both at least 0.")
    with _frames(soft_nhw, truth_nhw) as (soft_np, truth_np):
        hit = (soft_np * truth_np).sum(1)
        missed = ((1 - soft_np) * truth_np).sum(1)
        false = (soft_np * (1 - truth_np)).sum(1)
        index = ratio(hit, hit + alpha * missed + beta * false)
        return _reduce(focal(1 - index, gamma), reduction)


def soft_jaccard(soft_nhw: Tensor, truth_nhw: Tensor, *, reduction: Reduction = "sum") -> Tensor:
    """Soft Jaccard loss: 1 - <a, b> / (sum a + sum b - <a, b>) a frame.

    Args:
        soft_nhw: (..., H, W) probabilities in [0, 1].
        truth_nhw: Same shape, values in [0, 1].
        reduction: As in :func:`focal_dice`.

    Returns:
        Scalar, or one value a frame with shape (N,). A frame where both are empty costs 0.

    Raises:
        InputError: The shapes differ.
    """
    with _frames(soft_nhw, truth_nhw) as (soft_np, truth_np):
        both = (soft_np * truth_np).sum(1)
        return _reduce(1 - ratio(both, soft_np.sum(1) + truth_np.sum(1) - both), reduction)


def lovasz(soft_nhw: Tensor, truth_nhw: Tensor, *, reduction: Reduction = "sum") -> Tensor:
    """Lovász extension of the Jaccard loss at errors |t - p| (Berman et al., CVPR 2018, Eq. 8-9).

    On hard masks it is exactly 1 - J. This is Lovász-Softmax of the target class alone.

    Args:
        soft_nhw: (..., H, W) probabilities in [0, 1].
        truth_nhw: Same shape; at least 0.5 is target.
        reduction: As in :func:`focal_dice`.

    Returns:
        Scalar, or one value a frame with shape (N,). Without a target in the truth a frame costs
        its highest probability.

    Raises:
        InputError: The shapes differ.
    """
    with _frames(soft_nhw, truth_nhw) as (soft_np, truth_np):
        hard_np = (truth_np >= 0.5).to(soft_np.dtype)
        return _reduce(_lovasz_extension((hard_np - soft_np).abs(), hard_np), reduction)


def lovasz_hinge(logits_nhw: Tensor, truth_nhw: Tensor, *, reduction: Reduction = "sum") -> Tensor:
    """Lovász hinge: the same extension at the hinge errors of logits (Berman et al., Eq. 11).

    Args:
        logits_nhw: (..., H, W) logits, any real value; 0 is the decision.
        truth_nhw: Same shape; at least 0.5 is target.
        reduction: As in :func:`focal_dice`.

    Returns:
        Scalar, or one value a frame with shape (N,).

    Raises:
        InputError: The shapes differ.
    """
    with _frames(logits_nhw, truth_nhw) as (logits_np, truth_np):
        hard_np = (truth_np >= 0.5).to(logits_np.dtype)
        errors_np = (1 - logits_np * (2 * hard_np - 1)).relu()
        return _reduce(_lovasz_extension(errors_np, hard_np), reduction)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "dice-bce": dice_bce,
    "focal-dice": focal_dice,
    "focal-tversky": focal_tversky,
    "lovasz": lovasz,
    "soft-jaccard": soft_jaccard,
}
"""Losses on probabilities, by name; all take ``(soft_nhw, truth_nhw, reduction=...)``."""


@contextmanager
def _frames(soft: Tensor, truth: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Both tensors as (frames, pixels) in float32 or more, and autocast off while they are used."""
    if soft.shape != truth.shape or soft.ndim < 2:
        raise InputError(
            f"The mask has shape {tuple(soft.shape)} and the truth {tuple(truth.shape)}; "
            "give both as (frames, height, width) of one shape."
        )
    kind = torch.promote_types(soft.dtype, torch.float32)
    with torch.autocast(soft.device.type, enabled=False):
        yield soft.to(kind).flatten(-2).flatten(0, -2), truth.to(kind).flatten(-2).flatten(0, -2)


def ratio(upper_n: Tensor, lower_n: Tensor) -> Tensor:
    """Upper over lower, and 1 with gradient 0 where lower is 0: nothing asked, nothing given."""
    some_n = lower_n > 0
    return torch.where(some_n, upper_n / torch.where(some_n, lower_n, 1), 1)


def _dice(soft_np: Tensor, truth_np: Tensor) -> Tensor:
    """Soft Dice of each frame, (N,)."""
    return ratio(2 * (soft_np * truth_np).sum(1), soft_np.sum(1) + truth_np.sum(1))


def focal(gap_n: Tensor, gamma: float) -> Tensor:
    """gap^gamma, a straight line below FOOT so that the gradient is finite everywhere."""
    if not gamma > 0:
        raise InputError(f"gamma is {gamma}; give an exponent above 0.")
    gap_n = gap_n.clamp_min(0)  # rounding may leave -6e-8
    if gamma >= 1:
        return gap_n**gamma
    line_n = gap_n * FOOT ** (gamma - 1)
    return torch.where(gap_n > FOOT, gap_n.clamp_min(FOOT) ** gamma, line_n)


def _lovasz_extension(errors_np: Tensor, hard_np: Tensor) -> Tensor:
    """Lovász extension of the Jaccard loss of each frame at given errors, (N,)."""
    sorted_np, order_np = errors_np.sort(1, descending=True)
    truth_np = hard_np.gather(1, order_np)
    total_n1 = truth_np.sum(1, keepdim=True)
    left_np = total_n1 - truth_np.cumsum(1)
    union_np = total_n1 + (1 - truth_np).cumsum(1)
    jaccard_np = 1 - left_np / union_np
    steps_np = jaccard_np.diff(dim=1, prepend=torch.zeros_like(total_n1))
    return (sorted_np * steps_np).sum(1)


def _reduce(values_n: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "none":
        return values_n
    if reduction not in ("sum", "mean"):
        raise InputError(f"reduction is {reduction!r}; give sum, mean or none.")
    return values_n.sum() if reduction == "sum" else values_n.mean()

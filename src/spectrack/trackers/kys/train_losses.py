"""What the predictor of KYS is trained to do, and the appearance scores made harder for it.

Bhat et al., ECCV 2020, section 3.5, with the numbers of the published training. Axes: T frames that
follow one another, N sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.errors import InputError
from spectrack.trackers.kys.predictor import Response, ResponsePredictor
from spectrack.training.discriminative_losses import NEAR, hinge_error

HALF_HIDDEN = (0.25, 0.75)
"""Frames whose target is in sight by a share between these teach nothing: neither answer is right
for them."""

TARGET_CELL = 0.25
"""Cells whose label is above this are the target's where states are judged; the published number
is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """How much each part counts; the defaults are the published training's.

    Attributes:
        score: Hinge of the score.
        ungated: Hinge of the score where nothing was set to zero.
        state: Cross entropy of states a frame begins with, told apart as target or not.
        propagated: The same after they were carried to the next frame.
    """

    score: float = 500.0
    ungated: float = 50.0
    state: float = 50.0
    propagated: float = 50.0


def counted_frames(visible: Tensor) -> Tensor:
    """Which frames teach, from the shares of their targets in sight: bool of the same shape."""
    low, high = HALF_HIDDEN
    return (visible <= low) | (visible >= high)


def kys_loss(
    predictor: ResponsePredictor,
    states: Sequence[Tensor],
    responses: Sequence[Response],
    labels_tnhw: Tensor,
    visible_tn: Tensor,
    weights: LossWeights | None = None,
) -> Tensor:
    """The whole loss over frames that follow one another.

    Args:
        predictor: Judges states.
        states: T, what each frame began with, (N, STATE, H, W).
        responses: T, of each frame.
        labels_tnhw: (T + 1, N, H, W): of the frame before them all, and of each; Gaussians at the
            target, zero where it is out of sight.
        visible_tn: (T + 1, N), the share of the target in sight.
        weights: Of its parts.

    Returns:
        Scalar.

    Raises:
        InputError: If there is not one state and one label for every response.
    """
    if not len(responses) == len(states) == len(labels_tnhw) - 1 == len(visible_tn) - 1:
        raise InputError(
            f"{len(responses)} responses, {len(states)} states, {len(labels_tnhw)} labels and "
            f"{len(visible_tn)} shares were given; give as many of the first two, and one label "
            "and share more"
        )
    w = weights or LossWeights()
    counted, labels = counted_frames(visible_tn), labels_tnhw[1:]
    score = torch.stack([r.score[:, 0] for r in responses])
    ungated = torch.stack([r.ungated[:, 0] for r in responses])
    total = w.score * hinge_error(score, labels, NEAR, counted[1:])
    total = total + w.ungated * hinge_error(ungated, labels, NEAR, counted[1:])
    began = torch.stack([predictor.judge(state)[:, 0] for state in states])
    arrived = torch.stack([predictor.judge(r.propagated)[:, 0] for r in responses])
    total = total + w.state * _told_apart(began, labels_tnhw[:-1], counted[:-1])
    return total + w.propagated * _told_apart(arrived, labels, counted[1:])


def _told_apart(logits_tnhw: Tensor, labels_tnhw: Tensor, counted_tn: Tensor) -> Tensor:
    """Mean cross entropy of cells, of the frames that count; 0 where none does."""
    truth = (labels_tnhw > TARGET_CELL).to(logits_tnhw.dtype)
    each = F.binary_cross_entropy_with_logits(logits_tnhw, truth, reduction="none").mean((2, 3))
    share = counted_tn.to(each.dtype)
    return (each * share).sum() / share.sum().clamp_min(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """How appearance scores are made harder; the numbers are the published ones.

    Attributes:
        chance: Of a frame.
        least: A second peak counts as a distractor from this share of the target's score.
        lowest: The distractor is raised to at least this share of the target's score,
        highest: and at most to this one, above which it wins.
        width: Standard deviation of what is raised about the peak, in cells; ours.
    """

    chance: float = 0.3
    least: float = 0.1
    lowest: float = 0.8
    highest: float = 1.3
    width: float = 1.0


def raise_distractors(
    scores_nhw: Tensor, labels_nhw: Tensor, chance: torch.Generator, jitter: Jitter | None = None
) -> Tensor:
    """Second peaks made nearly as high as the target's, or higher.

    How the published program does it beyond its numbers is not known; here the score about the
    highest place off the target is multiplied, smoothly, so that its peak becomes what was drawn.

    Args:
        scores_nhw: (N, H, W) of the appearance model.
        labels_nhw: (N, H, W), Gaussians at the targets.
        chance: Draws, on the CPU.
        jitter: See :class:`Jitter`.

    Returns:
        (N, H, W).
    """
    j = jitter or Jitter()
    hit, drawn = torch.rand((2, len(scores_nhw)), generator=chance).to(scores_nhw)
    wanted = j.lowest + (j.highest - j.lowest) * drawn
    near = labels_nhw >= NEAR
    top = scores_nhw.where(near, 0).amax((1, 2))
    second, place = scores_nhw.where(~near, 0).flatten(1).max(1)
    raised = (hit < j.chance) & (second >= j.least * top) & (second > 0)
    factor = torch.where(raised, wanted * top / second.clamp_min(1e-8), 1)
    height, width = scores_nhw.shape[1:]
    rows = torch.arange(height, device=place.device) - (place // width)[:, None]
    columns = torch.arange(width, device=place.device) - (place % width)[:, None]
    distance = rows[:, :, None].square() + columns[:, None, :].square()
    about = torch.exp(-distance / (2 * j.width**2)).to(scores_nhw) * ~near
    return scores_nhw * (1 + (factor - 1)[:, None, None] * about)

"""Losses of both networks: Eq. 2 with its clamped total variation, and Eq. 4."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.trackers.pixelwise.region import transformed_anchor

VARIATION = 1e-4
"""lambda of Eq. 2."""

CEILING = 1000.0
"""beta of Eq. 2."""


def total_variation(soft_nhw: Tensor) -> Tensor:
    """V of Eq. 2: how much neighbours differ, down and across, summed over each map; (N,)."""
    down = (soft_nhw[:, 1:] - soft_nhw[:, :-1]).abs().sum((1, 2))
    return down + (soft_nhw[:, :, 1:] - soft_nhw[:, :, :-1]).abs().sum((1, 2))


@dataclass(frozen=True, slots=True)
class LocalLoss:
    """What Eq. 2 weighs, and a term of ours.

    The cross entropy is a mean over pixels, as a sum over them would leave a term of at most 0.1
    without weight; the total variation is the mean over frames of sums, as it is written.

    Args:
        variation: lambda of Eq. 2.
        ceiling: beta of Eq. 2.
        overlap: Weight of one minus the soft Jaccard of a frame, over those that show the target.
            Cross entropy alone is least where a doubtful target is given a low probability
            everywhere. 0 is the paper's.
    """

    variation: float = VARIATION
    ceiling: float = CEILING
    overlap: float = 0.0

    def __call__(self, logits_tnhw: Tensor, truth_tnhw: Tensor) -> Tensor:
        """The mean over sequences.

        Args:
            logits_tnhw: Of T frames of N sequences.
            truth_tnhw: In [0, 1].
        """
        loss = F.binary_cross_entropy_with_logits(logits_tnhw, truth_tnhw)
        steps, soft = len(logits_tnhw), logits_tnhw.sigmoid()
        rough = total_variation(soft.flatten(0, 1)).view(steps, -1).mean(0)
        loss = loss + self.variation * rough.clamp_max(self.ceiling).mean()
        if self.overlap:
            loss = loss + self.overlap * missed(soft, truth_tnhw)
        return loss


def missed(soft_tnhw: Tensor, truth_tnhw: Tensor) -> Tensor:
    """One minus the soft Jaccard, the mean over frames that show the target; 0 without any."""
    both, shown = ((a * truth_tnhw).sum((2, 3)) for a in (soft_tnhw, truth_tnhw))
    either = soft_tnhw.sum((2, 3)) + shown - both
    lost = (shown > 0) * (1 - both / either.clamp_min(1e-6))
    return lost.sum() / (shown > 0).sum().clamp_min(1)


@dataclass(frozen=True, slots=True)
class GlobalLoss:
    """What Eq. 4 weighs; the paper names neither weight.

    Args:
        inside: Weight of a pixel of the target against one of the background: the more, the more
            of the target the anchor takes in.
        steady: lambda, of the change of theta from frame to frame.
        first: Frames before this one, counted from 1, are for the memory to burn in.
    """

    inside: float = 10.0
    steady: float = 1.0
    first: int = 5

    def __call__(self, theta_tn3: Tensor, truth_tnhw: Tensor, aspect_n: Tensor) -> Tensor:
        """Eq. 4.

        The weighted l2 loss is divided by the target's mean area in its sequence, at least a pixel,
        so that small targets count as much as large ones; frames without target count nothing.

        Args:
            theta_tn3: Predicted for the frames of the truth.
            truth_tnhw: Maps of whole frames, in [0, 1].
            aspect_n: Width of the frames over their height.

        Returns:
            Mean over sequences of the mean over frames.
        """
        theta, truth = theta_tn3[self.first - 1 :], truth_tnhw[self.first - 1 :]
        steps, side = len(theta), truth.shape[-1]
        anchor = transformed_anchor(theta.flatten(0, 1), aspect_n.repeat(steps), side)
        wrong = (anchor.view_as(truth) - truth).square()
        area = truth.sum((2, 3))
        weighted = (wrong * (1 + (self.inside - 1) * truth)).sum((2, 3))
        overlap = ((area > 0) * weighted / area.mean(0).clamp_min(1)).mean()
        before = theta_tn3[max(self.first - 2, 0) : -1]
        changes = torch.linalg.vector_norm(theta_tn3[max(self.first - 1, 1) :] - before, dim=2)
        # one frame alone has none before it
        return overlap + self.steady * changes.sum() / max(changes.numel(), 1)

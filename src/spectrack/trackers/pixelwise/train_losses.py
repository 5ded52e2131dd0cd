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


def local_loss(
    logits_tnhw: Tensor,
    truth_tnhw: Tensor,
    variation: float = VARIATION,
    ceiling: float = CEILING,
) -> Tensor:
    """Eq. 2: cross entropy, and the total variation of a sequence up to a ceiling.

    The cross entropy is a mean over pixels, as a sum over them would leave a term of at most 0.1
    without weight; the total variation is the mean over frames of sums, as it is written.

    Args:
        logits_tnhw: Of T frames of N sequences.
        truth_tnhw: In [0, 1].
        variation: lambda.
        ceiling: beta.

    Returns:
        Mean over the sequences.
    """
    entropy = F.binary_cross_entropy_with_logits(logits_tnhw, truth_tnhw)
    steps, count = logits_tnhw.shape[:2]
    rough = total_variation(logits_tnhw.sigmoid().flatten(0, 1)).view(steps, count).mean(0)
    return entropy + variation * rough.clamp_max(ceiling).mean()


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

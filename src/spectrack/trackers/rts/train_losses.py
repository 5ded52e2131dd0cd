"""What RTS is trained to do: masks of the test frames, and scores of every iterate on them.

RTS, Eq. 4-5; LWL for the masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from spectrack.errors import InputError
from spectrack.trackers.rts.network import RTSOutput
from spectrack.training.discriminative_losses import hinge_error
from spectrack.training.losses import lovasz


def lovasz_batch(logits_nhw: Tensor, truth_nhw: Tensor) -> Tensor:
    """Lovász loss of sigmoid probabilities, all pixels of all frames taken as one picture.

    Args:
        logits_nhw: (..., H, W), any real value.
        truth_nhw: Same shape; at least 0.5 is target.

    Returns:
        Scalar.

    Raises:
        InputError: The shapes differ.
    """
    if logits_nhw.shape != truth_nhw.shape:
        raise InputError(
            f"logits have shape {tuple(logits_nhw.shape)} and the truth {tuple(truth_nhw.shape)}; "
            "give both of one shape"
        )
    soft = logits_nhw.float().sigmoid()
    return lovasz(soft.reshape(1, 1, -1), truth_nhw.reshape(1, 1, -1))


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much each part counts; the defaults are the published training's.

    Attributes:
        mask: Of the Lovász loss.
        iterate: Of the scores of each iterate of the instance filter, with the first one.
        average: Divide their sum by the number of steps, as the paper's Eq. 4 has it; the
            published program sums.
        pixels: Of the binary cross-entropy of the masks, mean over pixels; the published training
            has none. It tells a network that starts from nothing more than Lovász alone.
    """

    mask: float = 10.0
    iterate: float = 100.0
    average: bool = False
    pixels: float = 0.0


def rts_loss(
    output: RTSOutput, masks_tshw: Tensor, labels_tshw: Tensor, weights: LossWeights | None = None
) -> Tensor:
    """The whole loss.

    Args:
        output: Of the network in training.
        masks_tshw: (T, S, H, W), true masks of the test frames, 0 to 1.
        labels_tshw: (T, S, h, w), Gaussians at the targets there.
        weights: Of its parts.

    Returns:
        Scalar.
    """
    w = weights or LossWeights()
    scores = output.scores_itshw.float()
    steps = len(scores) - 1
    each = torch.stack([hinge_error(iterate, labels_tshw) for iterate in scores])
    instance = w.iterate * each.sum() / (max(steps, 1) if w.average else 1)
    total = w.mask * lovasz_batch(output.logits_tshw, masks_tshw) + instance
    if w.pixels:
        logits = output.logits_tshw.float()
        total = total + w.pixels * functional.binary_cross_entropy_with_logits(logits, masks_tshw)
    return total

"""IoU-Net learns to judge boxes: its forward pass over samples, and the loss (ATOM, PrDiMP).

What a target looks like is read from the first of the frames to learn from alone, as in all
published trainings of the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from spectrack.networks.iou_net import AtomIoUNet
from spectrack.networks.search_maps import Modulation
from spectrack.training.data.samples import Sample
from spectrack.training.discriminative_losses import box_divergence, overlap_error

BoxAnswer = Literal["overlap", "density"]
"""What a score is: a predicted IoU in [-1, 1], or the logarithm of a density without its scale."""
Layers = Mapping[str, Tensor]


def judge_proposals(network: AtomIoUNet, reference: Layers, tests: Layers, batch: Sample) -> Tensor:
    """Scores of the proposals of a batch.

    Args:
        network: IoU-Net.
        reference: layer2 and layer3 of the first frame to learn from, (S, C, h, w).
        tests: Of the frames to answer for, (T * S, C, h, w), all sequences' first ones first.
        batch: Of :class:`~spectrack.training.data.discriminative.LearningSamples`, stacked.

    Returns:
        (S, T, P).
    """
    proposals = batch["proposals"].transpose(0, 1)
    target = network.reference(reference["layer2"], reference["layer3"], batch["train_boxes"][:, 0])
    frames = len(proposals)
    each = Modulation(target.fine_nc.repeat(frames, 1), target.coarse_nc.repeat(frames, 1))
    maps = network.test_maps(tests["layer2"], tests["layer3"]).modulate(each)
    scores = network.judge(maps, proposals.flatten(0, 1))
    return scores.unflatten(0, proposals.shape[:2]).transpose(0, 1)


def proposal_loss(scores_stp: Tensor, batch: Sample, answer: BoxAnswer) -> Tensor:
    """How far scores of proposals are off, the mean over frames.

    Args:
        scores_stp: (S, T, P) by :func:`judge_proposals`.
        batch: The same batch.
        answer: What a score should be.
    """
    if answer == "overlap":
        return overlap_error(scores_stp, batch["overlaps"])
    return box_divergence(scores_stp, batch["sampled"], batch["true"])


@torch.no_grad()
def chosen_overlap(scores_stp: Tensor, overlaps_stp: Tensor, best: int = 3) -> Tensor:
    """Mean IoU of the proposals with the highest scores, (S, T): what a tracker would take.

    Args:
        scores_stp: (S, T, P).
        overlaps_stp: Same shape.
        best: How many count.
    """
    chosen = scores_stp.topk(min(best, scores_stp.shape[-1]), -1).indices
    return overlaps_stp.gather(-1, chosen).mean(-1)

"""ATOM's IoU-Net learns to judge boxes, on a backbone that stays as it is.

Danelljan et al., CVPR 2019, section 3.1 and 4; numbers are the published program's. It learned from
LaSOT, GOT-10k, TrackingNet and COCO alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spectrack.trackers.atom.network import ATOM
from spectrack.trackers.atom.settings import ATOMSettings
from spectrack.trackers.atom.tracker import ATOMTracker
from spectrack.tracking.base import Tracker
from spectrack.training.box_scores import (
    BoxAnswer,
    chosen_overlap,
    judge_proposals,
    proposal_loss,
)
from spectrack.training.data.clips import Clip
from spectrack.training.data.discriminative import LearningSamples, LearningSettings
from spectrack.training.data.samples import Sample, Source
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.siamese import Learner, SiamesePlan

ANSWER: BoxAnswer = "overlap"
LAYERS = ("layer2", "layer3")
JUDGED, TOGETHER = 48, 16
"""Pairs of held-out clips, and how many of them are in memory together."""


@dataclass(frozen=True, kw_only=True)
class ATOMPlan(SiamesePlan):
    """How much of everything.

    Attributes:
        pairs: What pairs look like.
    """

    pairs: LearningSettings
    backbone: bool = True


PUBLISHED = ATOMPlan(
    train=TrainSettings(
        epochs=50,
        batch_size=64,
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=0.0,
        schedule="step",
        schedule_every=15,
        schedule_factor=0.2,
        checkpoint_every=100,
        log_every=20,
    ),
    pairs=LearningSettings(
        whole=False,
        train_frames=1,
        test_frames=1,
        order="either",
        reach=50,
        train_scale=0.0,
        train_shift=0.0,
        proposals=16,
    ),
    samples=64_000,
    always_frozen=("feature_extractor.",),
)


def scores_of(network: ATOM, batch: Sample) -> Tensor:
    """Scores of the proposals of a batch, (S, 1, P).

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.training.data.discriminative.LearningSamples`, stacked.
    """
    backbone, count = network.feature_extractor, len(batch["train"])
    pictures = torch.cat((batch["train"].flatten(0, 1), batch["test"].flatten(0, 1)))
    pixels = backbone.normalise(pictures).contiguous(memory_format=torch.channels_last)
    layers = backbone(pixels, LAYERS)
    reference, tests = (
        {name: layers[name][part] for name in LAYERS} for part in (slice(count), slice(count, None))
    )
    return judge_proposals(network.bb_regressor, reference, tests, batch)


def loss(network: nn.Module, batch: Sample) -> Tensor:
    """How far predicted overlaps are off; a mean over the batch's samples."""
    assert isinstance(network, ATOM)
    return proposal_loss(scores_of(network, batch), batch, ANSWER)


def samples(sources: Sequence[Source], plan: ATOMPlan) -> LearningSamples:
    """What is learned from."""
    return LearningSamples(sources, plan.samples, plan.pairs, fewest=0)


@torch.no_grad()
def judged(network: ATOM, clips: Sequence[Clip], plan: ATOMPlan) -> dict[str, float]:
    """How well a network does on fixed pairs of clips.

    Args:
        network: In evaluation mode.
        clips: Held out.
        plan: What pairs look like.

    Returns:
        ``error``: mean squared error of twice the IoU; ``chosen``: mean IoU of the three proposals
        with the highest scores; ``drawn``: that of all proposals.
    """
    data = LearningSamples([Source(clips)], JUDGED, plan.pairs, seed=plan.train.seed, fewest=0)
    device = next(network.parameters()).device
    errors, chosen, drawn = [], [], []
    for start in range(0, JUDGED, TOGETHER):
        many = [data[i] for i in range(start, min(start + TOGETHER, JUDGED))]
        batch = {name: torch.stack([one[name] for one in many]).to(device) for name in many[0]}
        scores = scores_of(network, batch)
        errors.append(proposal_loss(scores, batch, ANSWER)[None])
        chosen.append(chosen_overlap(scores, batch["overlaps"]).flatten())
        drawn.append(batch["overlaps"].flatten())
    parts = {"error": errors, "chosen": chosen, "drawn": drawn}
    return {name: float(torch.cat(values).mean()) for name, values in parts.items()}


def _tracker(network: ATOM) -> Tracker:
    return ATOMTracker(ATOMSettings(device="cpu"), network)


LEARNER = Learner(
    network=ATOM,
    plan=PUBLISHED,
    data=samples,
    loss=loss,
    tracker=_tracker,
    learns=lambda name, plan, backbone: True,
    judge=judged,
)

"""NanoTrack learns on from published weights: the head, and the backbone where asked.

The published training (50 epochs of 100 000 pairs and more) is out of reach of small data, so what
is learned here are small changes: low rates, and all normalisations as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.storage import Progress
from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.trackers.nanotrack.settings import NanoTrackSettings
from spectrack.trackers.nanotrack.tracker import NanoTracker
from spectrack.trackers.nanotrack.train_labels import class_loss, side_loss
from spectrack.trackers.nanotrack.train_pairs import PairSamples, PairSettings
from spectrack.training.data.samples import Sample, Source
from spectrack.training.data.siamese_pairs import SiamesePairs
from spectrack.training.frozen import freeze_norms
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.training.siamese import Learner, SiamesePlan

TRAINING = TrainSettings(
    epochs=8,
    batch_size=32,
    optimizer="sgd",
    learning_rate=5e-4,
    rates=(("backbone.", 0.1),),
    weight_decay=1e-4,
    schedule="step",
    schedule_every=1,
    schedule_factor=0.75,
    clip=10.0,
    checkpoint_every=50,
    log_every=10,
)
"""As published but for the rate, which is that of its end."""

PAIRS = PairSettings()


@dataclass(frozen=True, kw_only=True)
class NanoTrackPlan(SiamesePlan):
    """How much of everything."""

    train: TrainSettings = TRAINING
    pairs: PairSettings = PAIRS


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a batch of pairs: of classes and of sides, as published in equal parts.

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.trackers.nanotrack.train_pairs.PairSamples`, stacked.
    """
    assert isinstance(network, NanoTrack)
    template, search = (batch[name].flip(1) for name in ("template", "search"))  # to BGR
    logits, sides = network(template, search)
    classes = batch["classes"]
    return class_loss(logits, classes) + side_loss(sides, batch["sides"], classes)


def learn_nanotrack(
    network: NanoTrack,
    sources: Sequence[Source],
    folder: Path,
    plan: NanoTrackPlan | None = None,
    *,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn on, or go on where a run stopped.

    Args:
        network: Changed in place; the last weights are in it at the end.
        sources: Clips to learn from.
        folder: Of the run.
        plan: How much of everything.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.

    Raises:
        InputError: If there is nothing to learn from, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    plan = plan or NanoTrackPlan()
    pairs = PairSamples(network.cells, plan.pairs)
    data = SiamesePairs(sources, plan.samples, pairs, reach=plan.reach, negative=plan.negative)
    network.neck.requires_grad_(False)
    network.backbone.requires_grad_(plan.backbone)
    # twice as fast on a CPU
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(model: nn.Module, batch: Sample) -> Tensor:
        freeze_norms(model)
        return pair_loss(model, batch)

    return train(
        network,
        data,
        loss,
        plan.train,
        folder,
        extra={**plan.asked(), **(extra or {})},
        progress=progress,
    )


LEARNER = Learner(
    network=NanoTrack,
    plan=NanoTrackPlan(),
    learn=learn_nanotrack,
    tracker=lambda network: NanoTracker(NanoTrackSettings(device="cpu"), network),
    tell=lambda network: {"version": network.version},
)

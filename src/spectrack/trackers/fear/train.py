"""FEAR learns on from published weights: neck and heads, and the backbone where asked.

The published training (100 epochs of 100 000 pairs and more) is out of reach of small data, so what
is learned here are small changes at low rates. Losses and labels are the published ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.datasets.base import VideoSequence
from spectrack.networks.fbnet import FBNetC
from spectrack.storage import Progress
from spectrack.trackers.fear.network import FEAR
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.trackers.fear.tracker import FEARTracker
from spectrack.trackers.fear.train_labels import box_loss, class_loss
from spectrack.trackers.fear.train_pairs import PairSamples, PairSettings
from spectrack.training.data.samples import Sample, Source
from spectrack.training.data.siamese_pairs import SiamesePairs
from spectrack.training.held_out import box_overlaps
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.weights.files import write_weights

BACKBONE = tuple(f"{name}." for name, _ in FBNetC().named_children())

TRAINING = TrainSettings(
    epochs=6,
    batch_size=32,
    optimizer="adam",
    learning_rate=2e-5,
    rates=tuple((name, 0.1) for name in BACKBONE),
    weight_decay=0.0,
    schedule="step",
    schedule_every=1,
    schedule_factor=0.7,
    clip=10.0,
    checkpoint_every=50,
    log_every=10,
)
"""As published but for the rate, which was 1e-4 at the start of the published training."""

PAIRS = PairSettings()


@dataclass(frozen=True, kw_only=True)
class FEARPlan:
    """How much of everything.

    Attributes:
        train: How to train.
        samples: Pairs in an epoch.
        pairs: What pairs look like.
        reach: Frames between the two of a pair at most.
        negative: Chance of a pair of two targets.
        backbone: Whether the backbone learns, too.
    """

    train: TrainSettings = TRAINING
    samples: int = 1600
    pairs: PairSettings = PAIRS
    reach: int = 70
    negative: float = 0.1
    backbone: bool = False


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a batch of pairs: of cells and of boxes, in equal parts.

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.trackers.fear.train_pairs.PairSamples`, stacked.
    """
    assert isinstance(network, FEAR)
    logits, sides = network(batch["template"], batch["search"])
    return class_loss(logits, batch["on"]) + box_loss(sides, batch["sides"], batch["about"])


def learn_fear(
    network: FEAR,
    sources: Sequence[Source],
    folder: Path,
    plan: FEARPlan | None = None,
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
    plan = plan or FEARPlan()
    pairs = PairSamples(plan.pairs)
    data = SiamesePairs(sources, plan.samples, pairs, reach=plan.reach, negative=plan.negative)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(plan.backbone or not name.startswith(BACKBONE))
    # faster on a CPU
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    asked = {key: value for key, value in asdict(plan).items() if key != "train"}
    return train(
        network,
        data,
        pair_loss,
        plan.train,
        folder,
        extra={**asked, **(extra or {})},
        progress=progress,
    )


def fear(
    network: FEAR,
    sources: Sequence[Source],
    held_out: Sequence[VideoSequence],
    folder: Path,
    plan: FEARPlan,
    *,
    about: dict[str, Any],
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
    watch: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Learn on, follow held-out sequences before and after, and write ``fear.safetensors``.

    Args:
        network: What to start from; changed in place.
        sources: Clips to learn from.
        held_out: Sequences that nothing is learned from.
        folder: Of the run.
        plan: How much of everything.
        about: What to write into the file beside what came of it: data, terms.
        extra: More that decides the outcome.
        progress: See :func:`learn_fear`.
        watch: Called with held-out sequences followed and in all, twice.

    Returns:
        The file, and mean box IoU of every held-out sequence before and after.
    """
    before = box_overlaps(_tracker(network), held_out, watch)
    learn_fear(network, sources, folder / "learning", plan, extra=extra, progress=progress)
    after = box_overlaps(_tracker(network), held_out, watch)
    file, found = folder / "fear.safetensors", {"before": before, "after": after}
    tensors = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
    write_weights(file, tensors, {**about, "held_out": found})
    return file, found


def _tracker(network: FEAR) -> FEARTracker:
    return FEARTracker(FEARSettings(device="cpu"), network.cpu().eval())


def fewer(plan: FEARPlan, epochs: int | None, samples: int | None, seed: int) -> FEARPlan:
    """The plan with other counts where given, and a seed."""
    training = replace(plan.train, seed=seed)
    if epochs is not None:
        training = replace(training, epochs=epochs)
    return replace(plan, train=training, samples=samples or plan.samples)

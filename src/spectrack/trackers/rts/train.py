"""RTS learns to segment later frames from one with a mask (Paul et al., ECCV 2022, section 4).

The published recipe starts from the weights of LWL, leaves the normalisations and the first layers
of the backbone as they are, and lasts days on a large GPU. The pieces are the same for small ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.storage import Progress
from spectrack.trackers.rts.network import RTS, RTSOutput
from spectrack.trackers.rts.train_losses import LossWeights, rts_loss
from spectrack.training.data.samples import Sample, TrackingSamples
from spectrack.training.frozen import freeze_norms
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train

PAPER_ITERATIONS = 5
"""Steps of both learners in training."""

PAPER_REFINEMENTS = 2
"""Steps of the paper after each test frame."""

RTS_TRAINING = TrainSettings(
    epochs=200,
    batch_size=15,
    optimizer="adam",
    learning_rate=2e-4,
    rates=(
        ("feature_extractor.", 0.2),
        ("target_model.", 0.4),
        ("label_encoder.", 0.4),
        ("decoder.", 0.4),
    ),
    weight_decay=0.0,
    schedule="milestones",
    schedule_at=(25, 115, 160),
    schedule_factor=0.2,
    checkpoint_every=100,
    log_every=20,
)
"""Settings of the published training; an epoch has 15000 samples."""

EPOCH_SAMPLES = 15000
FROZEN = ("conv1", "bn1", "layer1")


def freeze_start(network: RTS) -> None:
    """Leave the backbone's first layers as they are, as the published training does."""
    for name in FROZEN:
        network.feature_extractor.get_submodule(name).requires_grad_(False)


def forward_batch(
    network: RTS, batch: Sample, iterations: int = PAPER_ITERATIONS, refinements: int = 0
) -> tuple[RTSOutput, Tensor, Tensor]:
    """Run the network over samples.

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.training.data.samples.TrackingSamples`, stacked.
        iterations: Steps of both learners.
        refinements: See :meth:`~spectrack.networks.few_shot.FewShotSegmenter.unroll`.

    Returns:
        What it said, and of the test frames true masks (T, S, H, W) and labels (T, S, h, w).
    """
    images = network.normalise(batch["images"].flatten(0, 1)).unflatten(
        0, batch["images"].shape[:2]
    )
    images, masks = images.transpose(0, 1), batch["masks"].transpose(0, 1).float()
    labels = batch["labels"].transpose(0, 1)
    output = network(
        images[:1], images[1:], masks[:1], batch["box"][None], labels[:1], iterations, refinements
    )
    return output, masks[1:], labels[1:]


def learn_rts(
    network: RTS,
    data: TrackingSamples,
    folder: Path,
    settings: TrainSettings = RTS_TRAINING,
    *,
    weights: LossWeights | None = None,
    refinements: int = 0,
    frozen: bool = True,
    held_out: TrackingSamples | None = None,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train RTS, or go on where a run stopped.

    Args:
        network: Changed in place; in the published recipe with the weights of LWL.
        data: What to learn from.
        folder: Of the run.
        settings: How to train.
        weights: Of the parts of the loss.
        refinements: 0 as published; with :data:`PAPER_REFINEMENTS` each test frame is segmented
            with the filter refined on those before it, as the paper says.
        frozen: Leave the backbone's start and all batch normalisations as they are.
        held_out: Fixed samples that are judged after each epoch, see :func:`judge`.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    if frozen:
        freeze_start(network)

    def loss(model: nn.Module, batch: Sample) -> Tensor:
        assert isinstance(model, RTS)
        if frozen:
            freeze_norms(model)
        output, masks, labels = forward_batch(model, batch, refinements=refinements)
        return rts_loss(output, masks, labels, weights)

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, RTS)
        assert held_out is not None
        return judge(model, held_out)

    return train(
        network,
        data,
        loss,
        settings,
        folder,
        validate=None if held_out is None else validate,
        monitor="loss" if held_out is None else "J",
        best="min" if held_out is None else "max",
        extra={"refinements": refinements, "frozen": frozen, **(extra or {})},
        progress=progress,
    )


@torch.no_grad()
def judge(network: RTS, samples: TrackingSamples, batch_size: int = 4) -> dict[str, float]:
    """How well a network does on fixed samples.

    Args:
        network: In evaluation mode.
        samples: With a seed, so that they are the same every time.
        batch_size: Samples in memory together.

    Returns:
        ``J``: mean Jaccard of the test frames' masks in the crop, 1 where both are empty;
        ``hits``: share of test frames where the highest instance score lies within a cell of the
        target's middle; ``peak``: mean highest score.
    """
    device = next(network.parameters()).device
    overlaps, hits, peaks = [], [], []
    for start in range(0, len(samples), batch_size):
        chosen = [samples[i] for i in range(start, min(start + batch_size, len(samples)))]
        batch = {name: torch.stack([one[name] for one in chosen]).to(device) for name in chosen[0]}
        output, masks, labels = forward_batch(network, batch)
        hard, truth = output.logits_tshw > 0, masks > 0.5
        both = (hard & truth).sum((2, 3)).float()
        either = (hard | truth).sum((2, 3)).float()
        overlaps.append(torch.where(either > 0, both / either.clamp_min(1), 1).flatten())
        scores = output.scores_itshw[-1].flatten(2)
        peaks.append(scores.amax(2).flatten())
        hits.append((_cells(scores, labels) <= 1).all(-1).float().flatten())
    means = {"J": overlaps, "hits": hits, "peak": peaks}
    return {name: float(torch.cat(values).mean()) for name, values in means.items()}


def _cells(scores_tsn: Tensor, labels_tshw: Tensor) -> Tensor:
    """Rows and columns between the maxima of scores and labels, (T, S, 2)."""
    columns = labels_tshw.shape[-1]
    found, true = scores_tsn.argmax(2), labels_tshw.flatten(2).argmax(2)
    rows = found // columns - true // columns
    return torch.stack((rows, found % columns - true % columns), -1).abs()

"""How the network of masks in boxes learns: first frames alone, then moments with a memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.mask_in_box import HINTS, MaskInBox, Memory
from spectrack.networks.mobilenet_v2 import normalised
from spectrack.storage import Progress
from spectrack.trackers.nanomask.train_samples import MaskSamples, Moments, SampleSettings
from spectrack.tracking.mask_hints import carried, clicks, leaked, some_of, spoilt
from spectrack.tracking.object_views import Conditions, shot
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.training.losses import dice_bce

STEPS_AN_EPOCH = 50
"""Samples are drawn, so that an epoch may be of any length."""

LEAKS = 0.25
"""Share of the masks shown as hints that have spread onto something else."""

FIRST_TRAINING = TrainSettings(
    epochs=50,
    batch_size=12,
    learning_rate=1e-3,
    rates=(("backbone.", 0.2),),
    weight_decay=1e-4,
    schedule="cosine",
    amp="auto",
    clip=1.0,
    workers=1,
    checkpoint_every=STEPS_AN_EPOCH,
    log_every=10,
)
"""First frames alone."""

MEMORY_TRAINING = replace(FIRST_TRAINING, epochs=50, learning_rate=6e-4, averaged=0.2)
"""Moments of clips, a third of them still alone; it ends with the mean of the last fifth."""


def loss_of(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Dice + BCE of the third views, those alone and those with a memory."""
    assert isinstance(model, MaskInBox)
    alone = batch["alone"]
    losses = []
    if alone.any():
        one = {name: part[alone] for name, part in batch.items()}
        losses.append(_alone(model, one))
    if not alone.all():
        one = {name: part[~alone] for name, part in batch.items()}
        losses.append(_with_memory(model, one))
    return torch.cat(losses).mean()


def _alone(model: MaskInBox, batch: dict[str, Tensor]) -> Tensor:
    image, box, truth, _ = _view(batch, 2)
    wanted, unwanted = clicks(truth, box, 0.15)
    nothing = torch.zeros_like(box)
    hints = torch.cat([box, nothing, nothing, wanted, unwanted], 1)
    return _loss(model(image, hints), truth)


def _with_memory(model: MaskInBox, batch: dict[str, Tensor]) -> Tensor:
    first, box, truth, _ = _view(batch, 0)
    nothing = torch.zeros_like(box)
    bare = torch.cat([box] + [nothing] * (len(HINTS) - 1), 1)
    memory = model.remember(model.features(first, bare), box, truth)
    with torch.no_grad():
        middle, box, seen, colours = _view(batch, 1)
        told = leaked(spoilt(seen), LEAKS) * some_of(seen, 0.6)
        hints = torch.cat([box, told, colours, nothing, nothing], 1)
        features = model.features(middle, hints)
        soft = torch.sigmoid(model.decode(middle, hints, features, memory))
        recent = model.remember(features, box, soft)
    if torch.rand(()) < 0.75:
        memory = Memory.of(memory, recent)
    last, box, truth, colours = _view(batch, 2)
    mask = torch.where(some_of(truth, 0.6), carried(soft, seen, truth), spoilt(truth))
    mask = leaked(mask, LEAKS) * some_of(truth, 0.75)
    known = mask.flatten(1).any(1).reshape(-1, 1, 1, 1)
    box = box * ~(known & some_of(truth, 0.06))
    hints = torch.cat([box, mask, colours, nothing, nothing], 1)
    return _loss(model(last, hints, memory), truth)


def _view(batch: dict[str, Tensor], place: int) -> tuple[Tensor, ...]:
    """Image, box, truth and colours of one of the views, as the network takes them."""
    image = normalised(batch["images"][:, place]).contiguous(memory_format=torch.channels_last)
    maps = [batch[name][:, place, None].float() / 255 for name in ("boxes", "truths", "colours")]
    return image, *maps


def _loss(logits_n1ss: Tensor, truth_n1ss: Tensor) -> Tensor:
    """One value a sample."""
    soft = torch.sigmoid(logits_n1ss.float())
    return dice_bce(soft.squeeze(1), truth_n1ss.squeeze(1), reduction="none")


def held_out_shots(clips: Sequence[Moments], side: int, each: int = 8) -> dict[str, Tensor]:
    """First frames with their exact boxes, the same ones every time."""
    images, boxes, truths = [], [], []
    plain = Conditions(np.eye(2), np.ones(3), 0.0, 1.0, grey=False)
    for clip in clips:
        for t in np.linspace(0, len(clip.frames_thwc) - 1, each).round().astype(int):
            one = shot(
                clip.frames_thwc[t],
                clip.masks_thw[t],
                np.random.default_rng(int(t)),
                side=side,
                conditions=plain,
                spread=0.0,
                context=(1.5, 1.5),
            )
            if one is not None:
                images.append(one.image_ssc.transpose(2, 0, 1))
                boxes.append(one.box_ss)
                truths.append(one.truth_ss)
    return {
        name: torch.from_numpy(np.stack(part))
        for name, part in (("images", images), ("boxes", boxes), ("truths", truths))
    }


def mean_jaccard(model: nn.Module, shots: dict[str, Tensor]) -> float:
    """Mean J of masks from boxes alone.

    Args:
        model: In evaluation mode.
        shots: By :func:`held_out_shots`, on the model's device.
    """
    total = 0.0
    for start in range(0, len(shots["images"]), 10):
        part = slice(start, start + 10)
        image = normalised(shots["images"][part]).contiguous(memory_format=torch.channels_last)
        box = shots["boxes"][part, None].float() / 255
        hints = F.pad(box, (0, 0, 0, 0, 0, len(HINTS) - 1))
        hard = model(image, hints)[:, 0] > 0
        truth = shots["truths"][part] > 127
        inter, union = (hard & truth).flatten(1).sum(1), (hard | truth).flatten(1).sum(1)
        total += float((inter / union.clamp_min(1)).sum())
    return total / len(shots["images"])


def learn(
    model: MaskInBox,
    sources: Sequence[Sequence[Moments]],
    shares: Sequence[float],
    held_out: Sequence[Moments],
    folder: Path,
    settings: TrainSettings,
    samples: SampleSettings,
    *,
    steps: int = STEPS_AN_EPOCH,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """One stage.

    Args:
        model: Changed in place.
        sources: Clips of each source.
        shares: Of the samples, one a source.
        held_out: Clips whose first masks are judged after each epoch.
        folder: Of the run.
        settings: How to train.
        samples: What samples look like.
        steps: Of an epoch.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    data = MaskSamples(sources, shares, steps * settings.batch_size, samples)
    shots = held_out_shots(held_out, samples.side)

    def judged(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        return {"J": mean_jaccard(network, {name: part.to(device) for name, part in shots.items()})}

    return train(
        model.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        data,
        loss_of,
        settings,
        folder,
        validate=judged,
        monitor="J",
        best="max",
        extra={"samples": str(samples), **(extra or {})},
        progress=progress,
    )

"""How each of the two networks learns from its samples, and how well it does on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.storage import Progress
from spectrack.trackers.pixelwise.global_attention import Attention, GlobalAttention
from spectrack.trackers.pixelwise.local_segmentation import LocalSegmentation
from spectrack.trackers.pixelwise.train_losses import GlobalLoss, LocalLoss
from spectrack.trackers.pixelwise.train_maps import GlobalSamples, MapClip, MapSettings
from spectrack.trackers.pixelwise.train_regions import LocalSamples
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.weights.load import load_weights

Batch = dict[str, Tensor]
PAPER = LocalLoss()
"""Eq. 2."""
AT_ONCE = 8
"""Samples that are judged together."""


def _segmented(model: LocalSegmentation, batch: Batch) -> Tensor:
    """Logits (T, N, S, S) of all frames after the first."""
    images = batch["images"].transpose(0, 1)
    first = batch["masks"][:, 0, None].float()
    memory = model.start(_as_seen(images[0]), first)
    return model.unroll(images[1:], memory)[0]


def _as_seen(images_nchw: Tensor) -> Tensor:
    return images_nchw.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def judge_regions(model: nn.Module, samples: LocalSamples) -> dict[str, float]:
    """Mean IoU over frames whose target is in sight, ``J``; of the last ones alone, ``J_end``.

    Args:
        model: In evaluation mode.
        samples: With a seed.
    """
    assert isinstance(model, LocalSegmentation)
    every, end = [], []
    device = next(model.parameters()).device
    for start in range(0, len(samples), AT_ONCE):
        chosen = [samples[n] for n in range(start, min(start + AT_ONCE, len(samples)))]
        batch = {name: torch.stack([one[name] for one in chosen]).to(device) for name in chosen[0]}
        hard = _segmented(model, batch) > 0
        truth = batch["masks"][:, 1:].transpose(0, 1) > 0
        both = (hard & truth).sum((2, 3)).float()
        either = (hard | truth).sum((2, 3)).float()
        overlap, seen = both / either.clamp_min(1), truth.any(3).any(2)
        every.append(overlap[seen])
        end.append(overlap[-1][seen[-1]])
    return {
        "J": float(torch.cat(every).mean()) if every else 0.0,
        "J_end": float(torch.cat([torch.zeros(0), *(e.cpu() for e in end)]).nanmean().nan_to_num()),
    }


def learn_local(
    model: LocalSegmentation,
    samples: LocalSamples,
    folder: Path,
    settings: TrainSettings,
    *,
    loss: LocalLoss = PAPER,
    held_out: LocalSamples | None = None,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn the local network, or go on where a run stopped.

    Args:
        model: Changed in place; at the end it holds the weights that did best on ``held_out``, or
            the last ones.
        samples: What to learn from.
        folder: Of the run.
        settings: How to train; with ``early_stop`` it ends where ``held_out`` gets no better.
        loss: Of clips of regions, started from their first frames.
        held_out: With a seed.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    judged = held_out

    def loss_of_regions(network: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(network, LocalSegmentation)
        truth = batch["masks"][:, 1:].transpose(0, 1).float()
        return loss(_segmented(network, batch), truth)

    result = train(
        model.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        samples,
        loss_of_regions,
        settings,
        folder,
        validate=None if judged is None else lambda network: judge_regions(network, judged),
        monitor="loss" if judged is None else "J",
        best="min" if judged is None else "max",
        extra={"regions": asdict(samples.settings), "loss": asdict(loss), **(extra or {})},
        progress=progress,
    )
    if judged is not None:
        load_weights(model, folder / "best.safetensors")
    return result


def learn_global(
    model: GlobalAttention,
    clips: Sequence[MapClip],
    folder: Path,
    settings: TrainSettings,
    maps: MapSettings,
    loss: GlobalLoss,
    steps: int,
    *,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn the global network, or go on where a run stopped.

    Args:
        model: Changed in place.
        clips: Maps to learn from, true or predicted.
        folder: Of the run.
        settings: How to train.
        maps: What samples are.
        loss: Eq. 4.
        steps: Of an epoch.
        progress: Called with the steps done and in all.
    """

    def loss_of_maps(network: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(network, GlobalAttention)
        inputs, truths = (batch[n].transpose(0, 1).float() / 255 for n in ("inputs", "truths"))
        aspect = batch["aspect"]
        middle = torch.tensor([[1.0, 0.0, 0.0]], device=aspect.device).expand(len(aspect), -1)
        theta, _ = network.unroll(inputs, aspect, Attention(None, middle))
        with torch.autocast(aspect.device.type, enabled=False):
            return loss(theta, truths, aspect)

    return train(
        model,
        GlobalSamples(clips, steps * settings.batch_size, maps),
        loss_of_maps,
        settings,
        folder,
        extra={"maps": asdict(maps), "loss": asdict(loss)},
        progress=progress,
    )

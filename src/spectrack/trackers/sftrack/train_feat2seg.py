"""Phase 1 of SFTrack++: NN_feat2seg learns to turn hypotheses into masks (SFTrack++ paper, 3-4).

First boxes close to the truth on stills set in motion, then hypotheses of every quality: boxes
that are off, masks with errors, and what real trackers said on annotated videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import ConcatDataset

from spectrack.storage import Progress
from spectrack.trackers.sftrack.feat2seg import Feat2Seg
from spectrack.trackers.sftrack.train_feat2seg_data import Samples
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.training.losses import dice_bce, focal_dice, focal_tversky

LossName = Literal["dice_bce", "focal_dice", "focal_tversky"]

EXACT_TRAINING = TrainSettings(
    epochs=2,
    batch_size=32,
    learning_rate=2e-3,
    weight_decay=1e-4,
    schedule="none",
    amp="auto",
    clip=1.0,
    checkpoint_every=100,
    log_every=20,
)
"""Settings of the start of the curriculum."""

MOTION_TRAINING = TrainSettings(
    epochs=6,
    batch_size=32,
    learning_rate=1.5e-3,
    weight_decay=1e-4,
    schedule="step",
    schedule_every=1,
    schedule_factor=0.55,
    amp="auto",
    clip=1.0,
    checkpoint_every=100,
    log_every=20,
)
"""Settings of the rest of it."""


def learn_feat2seg(
    model: Feat2Seg,
    data: Sequence[Samples],
    folder: Path,
    settings: TrainSettings,
    *,
    loss: LossName = "dice_bce",
    held_out: Samples | None = None,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """One stage of phase 1.

    Args:
        model: Changed in place.
        data: Samples of any number of sources; each sample counts the same.
        folder: Of the run.
        settings: How to train.
        loss: Dice + BCE, Focal-Dice or Focal-Tversky (SFTrack++ paper, section 4).
        held_out: Samples whose mean J is noted after each epoch; not augmented.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    samples: Any = ConcatDataset(list(data))  # type: ignore[arg-type]

    def step_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        maps_nchw, truth_nhw = batch
        soft_nhw = torch.sigmoid(model(maps_nchw).float()).squeeze(1)
        return soft_loss(loss, soft_nhw, truth_nhw)

    def validate(model: nn.Module) -> dict[str, float]:
        assert held_out is not None
        return {"J": mean_jaccard(model, held_out)}

    return train(
        model,
        samples,
        step_loss,
        settings,
        folder,
        validate=None if held_out is None else validate,
        monitor="loss" if held_out is None else "J",
        best="min" if held_out is None else "max",
        extra={"loss": loss, **(extra or {})},
        progress=progress,
    )


def soft_loss(name: LossName, soft_nhw: Tensor, truth_nhw: Tensor) -> Tensor:
    """A loss by name, mean over samples."""
    if name == "focal_dice":
        return focal_dice(soft_nhw, truth_nhw, reduction="mean")
    if name == "focal_tversky":
        return focal_tversky(soft_nhw, truth_nhw, reduction="mean")
    return dice_bce(soft_nhw, truth_nhw, reduction="mean")


def mean_jaccard(model: nn.Module, samples: Samples, batch_size: int = 64) -> float:
    """Mean J of the masks at one half over samples; 1 where both are empty."""
    device = next(model.parameters()).device
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(samples), batch_size):
            stop = min(start + batch_size, len(samples))
            maps = (
                torch.from_numpy(samples.maps_nchw[start:stop].astype(np.float32)).to(device) / 255
            )
            truth = torch.from_numpy(samples.truth_nhw[start:stop] >= 128).to(device)
            hard = model(maps).squeeze(1) > 0
            inter = (hard & truth).flatten(1).sum(1).float()
            union = (hard | truth).flatten(1).sum(1).float()
            total += float(torch.where(union > 0, inter / union.clamp_min(1), 1).sum())
    return total / len(samples)

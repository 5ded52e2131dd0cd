"""How the learned ensembles of Table 5 are trained: Focal-Dice, AdamW with AMSGrad, plateau."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from experiments.sfsegpp.network_data import FRAMES, Crops, Masks, crops_of, frame_loss
from spectrack.networks.ensembles import Ensemble, build
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import train

EPOCHS = 20
CROPS = 30
"""Crops of each training video."""


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Attributes:
        steps: Of the optimiser, a multiple of ``EPOCHS``.
        batch: Windows a step; those over time answer five frames each.
        rate: Learning rate.
        decay: L2 regularisation.
    """

    steps: int
    batch: int = 4
    rate: float = 1e-3
    decay: float = 5e-2


PLANS = {
    "unet3d_large": Plan(60, batch=2),
    "unet3d_small": Plan(60, batch=2),
    "unet2d": Plan(120),
    "shallow2": Plan(200),
    "shallow3": Plan(200),
    "shallow4": Plan(300),
}
"""Steps by what a core does in about half a minute; rates for use outside Table 5."""


class Drawn:
    """Random crops: first a video, then one of its crops.

    Args:
        crops: Of each video.
        count: Samples an epoch.
    """

    def __init__(self, crops: Sequence[Crops], count: int) -> None:
        self.crops, self.count = crops, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        video = self.crops[int(torch.randint(len(self.crops), ()))]
        return video.sample(int(torch.randint(len(video), ())))


def fit(
    name: str, crops: Sequence[Crops], plan: Plan, folder: Path | None = None, seed: int = 0
) -> Ensemble:
    """Train a network; its last weights count, no video is held out to choose others.

    Args:
        name: A key of ``ENSEMBLES``.
        crops: Of each training video, cut for this network.
        plan: How.
        folder: Of the run, which goes on if it was stopped; a passing one where left out.
        seed: Of the first weights and of the order of samples.
    """
    torch.manual_seed(seed)
    net = build(name, crops[0].windows_ncthw.shape[1], FRAMES)
    epochs = min(EPOCHS, plan.steps)
    settings = TrainSettings(
        epochs=epochs,
        batch_size=plan.batch,
        learning_rate=plan.rate,
        weight_decay=plan.decay,
        schedule_patience=5,
        seed=seed,
        device="cpu",
        log_every=plan.steps,
    )
    data = Drawn(crops, plan.batch * (plan.steps // epochs))
    with TemporaryDirectory() as passing:
        train(net, data, frame_loss, settings, folder or Path(passing))
    return net.eval()


def train_ensemble(
    name: str, clips_train: Sequence[Masks], seed: int = 0, budget_steps: int | None = None
) -> Ensemble:
    """Train a network on videos with known truth.

    Args:
        name: A key of ``ENSEMBLES``.
        clips_train: Videos; only masks of methods and truth are read.
        seed: Of everything random.
        budget_steps: Steps of the optimiser; as in Table 5 where left out.

    Returns:
        The network, for :func:`network_data.apply_ensemble`.
    """
    plan = PLANS[name]
    steps = plan.steps if budget_steps is None else budget_steps
    untrained = build(name, clips_train[0].channels_tchw.shape[1], FRAMES)
    crops = [crops_of(clip, untrained, CROPS, seed + i) for i, clip in enumerate(clips_train)]
    return fit(name, crops, Plan(steps, plan.batch, plan.rate, plan.decay), seed=seed)

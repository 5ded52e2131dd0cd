"""A tiny thing to train: four inputs, two hidden units with dropout, one output.

As a program: ``tiny_run.py FOLDER JSON [FOLDER JSON ...]``, JSON with arguments of ``run``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spectrack.training.loop import run as run_module
from spectrack.training.loop.trainer import TrainResult, TrainSettings, train


class Noisy:
    """Samples that are drawn anew in each epoch, with all three global generators."""

    def __init__(self, count: int = 10, noise: float = 0.1) -> None:
        self.x = torch.randn(count, 4, generator=torch.Generator().manual_seed(1))
        self.y = self.x @ torch.tensor([1.0, -2.0, 0.5, 0.0]) + 0.3
        self.noise = noise

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        drawn = torch.randn(4) + random.random() + float(np.random.rand())  # noqa: NPY002
        return {"x": self.x[index] + self.noise * drawn, "y": self.y[index]}


def make_model(dropout: float = 0.2, seed: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2), nn.Dropout(dropout), nn.Linear(2, 1))


def linear(seed: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Linear(4, 1)


def squares(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return (model(batch["x"])[:, 0] - batch["y"]).square().mean()


def error(model: nn.Module) -> dict[str, float]:
    data = Noisy()
    return {"error": float((model(data.x)[:, 0] - data.y).abs().mean())}


def run(
    folder: Path,
    plain: bool = False,
    count: int = 10,
    press_at: int | None = None,
    kill_at: int | None = None,
    **fields,
) -> TrainResult:
    """Train; ``plain`` leaves out dropout, batch norm and noise.

    ``press_at`` is the batch at which Ctrl-C comes in the last process, ``kill_at`` that at which
    this process dies by SIGKILL.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    calls = 0

    def loss(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if calls == press_at and rank == size - 1:
            signal.raise_signal(signal.SIGINT)
        return squares(model, batch)

    settings = TrainSettings(**{"epochs": 3, "batch_size": 2, "device": "cpu"} | fields)
    # Each process begins with other weights: those of the first one count.
    model = linear(3 + rank) if plain else make_model(seed=3 + rank)
    data = Noisy(count, noise=0.0 if plain else 0.1)
    return train(
        model,
        data,
        loss,
        settings,
        folder,
        validate=error,
        monitor="error",
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    run_module.draw_curves = lambda lines: b""  # which takes far longer than the run
    for folder, arguments in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        fields = json.loads(arguments)
        try:
            run(Path(folder), **fields)
        except KeyboardInterrupt:
            if "press_at" not in fields:
                raise

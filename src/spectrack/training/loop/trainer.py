"""One small training loop for everything that learns: exact, resumable, and nothing hidden.

The loss of a batch is a mean over its samples; a step follows the mean gradient over all samples
of the step, whether they come in one batch, in several (``accumulate``) or over several processes
(``torchrun``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from spectrack.allocation import keep_freed_memory
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.training.loop.distributed import join
from spectrack.training.loop.exact import exact_arithmetic
from spectrack.training.loop.order import Samples, kept_randomness
from spectrack.training.loop.precision import precision_on
from spectrack.training.loop.run import Run, Validate
from spectrack.training.loop.run_folder import RunFolder
from spectrack.training.loop.schedule import Best
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.step import Loss, Stepper


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Args:
        best: Best monitored value.
        best_epoch: The epoch it came after, from 1; ``best.safetensors`` is of then.
        epochs: Epochs done, fewer than asked after an early stop.
        steps: Steps of the optimiser in all.
        seconds: Time spent, over all resumptions.
        peak_memory_mib: Largest memory seen, MiB: of the process on CPU, of tensors on CUDA.
        history: One entry an epoch: epoch, step, loss, rate, seconds and the validation's values.
    """

    best: float
    best_epoch: int
    epochs: int
    steps: int
    seconds: float
    peak_memory_mib: float
    history: list[dict[str, float]]


def train(
    model: nn.Module,
    data: Samples,
    loss: Loss,
    settings: TrainSettings,
    folder: Path,
    *,
    validate: Validate | None = None,
    monitor: str = "loss",
    best: Best = "min",
    extra: dict[str, Any] | None = None,
    collate: Callable[[list[Any]], Any] | None = None,
    progress: Progress | None = None,
    resume: bool = True,
) -> TrainResult:
    """Train a model, or go on where a run stopped.

    A run that was killed at any moment and is started again ends, on a CPU, with the same bits as
    one that was not, however busy the machine: it goes on with as many threads as it began with,
    and with torch's deterministic algorithms. A finished run is not repeated.

    Args:
        model: Changed in place; at the end it holds the last weights, or their mean where
            ``settings.averaged`` asks for one.
        data: Samples by number, see :class:`~spectrack.training.loop.order.Samples`.
        loss: Takes the model and a batch; gives a scalar, the mean over the batch's samples.
        settings: How to train.
        folder: Of the run, see :mod:`~spectrack.training.loop.run_folder`.
        validate: Takes the model, in evaluation mode and without gradients, after each epoch;
            gives named values. Among several processes only the first one calls it.
        monitor: The value that decides what is best, drives "plateau" and early stopping: a name
            that ``validate`` gives, or "loss" for the epoch's mean training loss.
        best: Whether larger ("max") or smaller ("min") is better.
        extra: More that decides the outcome (names of data, of the model, of the loss); kept in
            ``settings.json`` and compared when the run goes on.
        collate: Makes a batch of a list of samples; by default tensors are stacked.
        progress: Called with the steps done and the steps in all.
        resume: Go on with a run that the folder holds; otherwise that is an error.

    Returns:
        What the run came to.

    Raises:
        InputError: The data are empty, nothing can be learned, the device is missing, the folder
            holds a run with other settings or files that cannot be read, the validation lacks
            the monitored value, or the loss or the gradients are no longer finite; then the last
            checkpoint stays.
        KeyboardInterrupt: After Ctrl-C, when the step is complete and a checkpoint written.
    """
    if not len(data):
        raise InputError("there are no samples to train on; give at least one.")
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise InputError("the model has nothing to learn; give one with trainable parameters.")
    if validate is None and monitor != "loss":
        raise InputError(
            f"the run monitors {monitor!r} without a validation; give one, or monitor 'loss'."
        )
    keep_freed_memory()
    team = join(settings.device)
    place = RunFolder(folder, team.leads)
    with kept_randomness(team.device), exact_arithmetic(team.device), place.held():
        if settings.amp == "fp16" and team.device.type != "cuda":
            raise InputError("amp 'fp16' needs a CUDA device; give bf16 or none on a CPU.")
        settings = replace(settings, amp=precision_on(team.device, settings.amp))
        description = {
            "train": settings.described(),
            "monitor": monitor,
            "best": best,
            "device": team.device.type,
            "processes": team.size,
            "samples": len(data),
            "parameters": sum(p.numel() for p in parameters),
            "recipe": extra or {},
        }
        place.claim(description, resume)
        # Moved before the optimiser is made, as a model that moves may get new parameters.
        stepper = Stepper(model.to(team.device), loss, settings, team)
        run = Run(
            stepper,
            data,
            settings,
            place,
            monitor=monitor,
            best=best,
            validate=validate,
            collate=collate,
            progress=progress,
        )
        state = run.to_end()
    return TrainResult(
        best=state.best if state.best is not None else math.nan,
        best_epoch=state.best_epoch,
        epochs=state.epoch,
        steps=state.step,
        seconds=state.seconds,
        peak_memory_mib=state.peak_memory_mib,
        history=state.history,
    )

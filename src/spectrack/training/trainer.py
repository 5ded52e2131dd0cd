"""One small training loop for everything that learns: exact, resumable, and nothing hidden.

The loss of a batch is a mean over its samples; a step follows the mean gradient over all samples
of the step, whether they come in one batch, in several (``accumulate``) or over several processes
(``torchrun``).
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.training.checkpoint import (
    RunState,
    load_resume,
    save_resume,
    save_weights,
    write_atomic,
)
from spectrack.training.curves import TAKEN, draw_curves
from spectrack.training.distributed import Team, joined
from spectrack.training.interruption import Interruption
from spectrack.training.order import (
    Samples,
    epoch_order,
    kept_randomness,
    load_batches,
    seed_step,
    seed_validation,
    step_batches,
)
from spectrack.training.run_folder import RunFolder
from spectrack.training.schedule import Best, make_optimizer, make_schedule
from spectrack.training.settings import TrainSettings

ProgressCall = Callable[[int, int | None], None]
Loss = Callable[[nn.Module, Any], Tensor]
Validate = Callable[[nn.Module], dict[str, float]]


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
    progress: ProgressCall | None = None,
    resume: bool = True,
) -> TrainResult:
    """Train a model, or go on where a run stopped.

    A run that was killed at any moment and is started again ends, on a CPU, with the same bits as
    one that was not. A finished run is not repeated.

    Args:
        model: Changed in place; at the end it holds the last weights.
        data: Samples by number, see :class:`~spectrack.training.order.Samples`.
        loss: Takes the model and a batch; gives a scalar, the mean over the batch's samples.
        settings: How to train.
        folder: Of the run, see :mod:`~spectrack.training.run_folder`.
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
    with joined(settings.device) as team, kept_randomness(team.device):
        if settings.amp == "fp16" and team.device.type != "cuda":
            raise InputError("amp 'fp16' needs a CUDA device; give bf16 or none on a CPU.")
        place = RunFolder(folder, team.leads)
        description = {
            "train": asdict(settings),
            "monitor": monitor,
            "best": best,
            "device": team.device.type,
            "processes": team.size,
            "samples": len(data),
            "parameters": sum(p.numel() for p in parameters),
            "recipe": extra or {},
        }
        place.claim(description, resume)
        model.to(team.device)
        # Only now, as a model that moves may get new parameters.
        parameters = [p for p in model.parameters() if p.requires_grad]
        run = _Run(model, parameters, data, loss, settings, team, place, monitor, best)
        run.collate, run.progress = collate, progress
        run.start()
        return run.go(validate)


class _Run:
    """A run under way: everything that changes from step to step."""

    collate: Callable[[list[Any]], Any] | None = None
    progress: ProgressCall | None = None

    def __init__(
        self,
        model: nn.Module,
        parameters: list[nn.Parameter],
        data: Samples,
        loss: Loss,
        settings: TrainSettings,
        team: Team,
        place: RunFolder,
        monitor: str,
        best: Best,
    ) -> None:
        self.model, self.parameters, self.data, self.loss = model, parameters, data, loss
        self.settings, self.team, self.place = settings, team, place
        self.monitor, self.best = monitor, best
        self.optimizer = make_optimizer(parameters, settings)
        self.schedule = make_schedule(self.optimizer, settings, best)
        self.scaler = torch.amp.GradScaler(team.device.type, enabled=settings.amp == "fp16")
        self.state = RunState()
        self.saved_step = 0
        self.interruption = Interruption()
        whole = settings.batch_size * settings.accumulate * team.size
        self.epoch_steps = math.ceil(len(data) / whole)
        self.step_samples = whole
        self._since = time.perf_counter()

    def start(self) -> None:
        """Go back to the last checkpoint, or make the first one."""
        self.team.wait()  # until the leading process has made the folder
        if self.place.resume.is_file():
            self.state, parts = load_resume(self.place.resume)
            try:
                self.model.load_state_dict(parts["model"])
                self.optimizer.load_state_dict(parts["optimizer"])
                self.schedule.load_state_dict(parts["schedule"])
                self.scaler.load_state_dict(parts["scaler"])
            except (KeyError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"{self.place.resume} is of another model; "
                    "give the model that the run began with, or another folder."
                ) from error
            self.saved_step = self.state.step
        else:
            self.team.align(self.model)
        self.team.wait()  # until all have read
        self.place.rewind(self.state.step, self.state.epoch)
        if self.state.step == 0:
            self.save()

    def go(self, validate: Validate | None) -> TrainResult:
        """All epochs that are left."""
        state = self.state
        with self.interruption.watched():
            try:
                while not state.finished:
                    self.model.train()
                    self.train_epoch()
                    values = self.judge(validate)
                    self.end_epoch(values)
                if self.interruption.pressed:
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                if not self.interruption.torn:
                    self.save()
                    self.draw()
                raise
        self.tell_progress()
        return TrainResult(
            best=state.best if state.best is not None else math.nan,
            best_epoch=state.best_epoch,
            epochs=state.epoch,
            steps=state.step,
            seconds=state.seconds,
            peak_memory_mib=state.peak_memory_mib,
            history=state.history,
        )

    def train_epoch(self) -> None:
        """The steps that are left of the epoch under way."""
        state, settings, team = self.state, self.settings, self.team
        order = epoch_order(len(self.data), settings.seed, state.epoch)
        steps = step_batches(order, settings.batch_size, settings.accumulate, team.rank, team.size)[
            state.done :
        ]
        batches = load_batches(
            self.data,
            [batch for step in steps for batch in step],
            seed=settings.seed,
            epoch=state.epoch,
            workers=settings.workers,
            collate=self.collate,
            device=team.device,
        )
        for step in steps:
            self.tell_progress()
            samples = min(self.step_samples, len(order) - state.done * self.step_samples)
            losses = [
                self.backward(next(batches), number, len(batch) / samples)
                for number, batch in enumerate(step)
            ]
            self.update(sum(losses), samples)
            if self.interruption.pressed:
                raise KeyboardInterrupt

    def backward(self, batch: Any, number: int, share: float) -> float:
        """Add a batch's part to the gradients of the step; gives its part of the loss."""
        state, settings = self.state, self.settings
        seed_step(settings.seed, state.epoch, state.done, self.team.rank, number)
        with self.autocast():
            value = self.loss(self.model, batch)
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"the loss gave {shape}; make it one number, the mean of the batch.")
        part = value.reshape(()) * share
        self.scaler.scale(part).backward()
        return part.item()

    def update(self, loss: float, samples: int) -> None:
        """Let the optimiser step, and count, log and save."""
        state, settings = self.state, self.settings
        loss, pressed = self.team.add_up(self.parameters, [loss, self.interruption.pressed])
        self.need_finite("loss", loss)
        self.scaler.unscale_(self.optimizer)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        # In fp16 an overflow is normal while the scale is still sought: the scaler skips the step.
        if not self.scaler.is_enabled() or self.scaler.get_scale() < 1:
            self.need_finite("norm of the gradients", float(norm))
        if settings.clip is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, settings.clip, norm)
        rate = self.optimizer.param_groups[0]["lr"]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.done += 1
        state.loss_sum += loss * samples
        self.interruption.pressed |= pressed > 0
        if state.step % settings.log_every == 0:
            values = {"loss": loss, "rate": rate, "gradient": float(norm)}
            place = {"epoch": state.epoch + 1, "step": state.step}
            self.place.log("step", {**place, **values, "seconds": self.seconds()})
        if settings.checkpoint_every and state.step % settings.checkpoint_every == 0:
            self.save()

    def judge(self, validate: Validate | None) -> dict[str, float]:
        """The values of the epoch: its mean loss, and what the validation says."""
        state, values = self.state, {"loss": self.state.loss_sum / len(self.data)}
        if validate is None:
            return values
        found: dict[str, float] = {}
        with self.interruption.at_once(), torch.no_grad():
            if self.team.leads:
                self.model.eval()
                seed_validation(self.settings.seed, state.epoch)
                found = {name: float(value) for name, value in validate(self.model).items()}
            found = self.team.tell(found)
        if taken := sorted(TAKEN & found.keys()):
            raise InputError(
                f"the validation calls a value {taken[0]!r}, which the log uses; "
                "give it another name."
            )
        values |= found
        if not math.isfinite(values.get(self.monitor, math.nan)):
            has = ", ".join(f"{name} {value:g}" for name, value in values.items())
            raise InputError(
                f"the run monitors {self.monitor!r} and epoch {state.epoch + 1} gave {has}; "
                "monitor one of them that is finite."
            )
        return values

    def end_epoch(self, values: dict[str, float]) -> None:
        """Judge the epoch: schedule, best weights, early stop; then log and save."""
        state, value = self.state, values[self.monitor]
        rate = self.optimizer.param_groups[0]["lr"]
        self.schedule.advance(value)
        state.epoch += 1
        state.done, state.loss_sum = 0, 0.0
        sign = 1 if self.best == "max" else -1
        if state.best is None or sign * value > sign * state.best:
            state.best, state.best_epoch = value, state.epoch
            if self.team.leads:
                save_weights(self.place.best, self.model)
        patience = self.settings.early_stop
        waited = patience is not None and state.epoch - state.best_epoch >= patience
        state.finished = waited or state.epoch >= self.settings.epochs
        place = {"epoch": state.epoch, "step": state.step}
        line = {**place, **values, "rate": rate, "seconds": self.seconds()}
        state.history.append(line)
        self.place.log("epoch", line)
        self.save()
        if state.finished:
            self.draw()

    def save(self) -> None:
        """Write the checkpoint and the last weights."""
        self.state.seconds = self.seconds()
        self._since = time.perf_counter()
        self.state.peak_memory_mib = max(self.state.peak_memory_mib, _peak(self.team.device))
        if self.team.leads:
            save_resume(
                self.place.resume,
                self.state,
                model=self.model.state_dict(),
                optimizer=self.optimizer.state_dict(),
                schedule=self.schedule.state_dict(),
                scaler=self.scaler.state_dict(),
            )
            save_weights(self.place.last, self.model)
        self.saved_step = self.state.step

    def draw(self) -> None:
        """Write the curves."""
        if self.team.leads and self.place.log_lines.is_file():
            write_atomic(self.place.curves, draw_curves(self.place.read_log()))

    def need_finite(self, name: str, value: float) -> None:
        """Stop where training has gone astray."""
        if not math.isfinite(value):
            raise InputError(
                f"the {name} is {value} at step {self.state.step + 1} "
                f"(epoch {self.state.epoch + 1}); the checkpoint of step {self.saved_step} in "
                f"{self.place.path} is kept: check the data, or train anew with a lower rate."
            )

    def autocast(self) -> AbstractContextManager[None]:
        """Mixed precision as the settings say."""
        kind = torch.float16 if self.settings.amp == "fp16" else torch.bfloat16
        on = self.settings.amp != "none"
        return torch.autocast(self.team.device.type, dtype=kind, enabled=on)

    def seconds(self) -> float:
        """Time spent so far, earlier starts included."""
        return self.state.seconds + time.perf_counter() - self._since

    def tell_progress(self) -> None:
        """Report the steps done."""
        if self.progress is not None and self.team.leads:
            self.progress(self.state.step, self.settings.epochs * self.epoch_steps)


def _peak(device: torch.device) -> float:
    """Largest memory so far in MiB: of tensors on CUDA, of the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows has no such count
        return math.nan
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**20 if sys.platform == "darwin" else 2**10)

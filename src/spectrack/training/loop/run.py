"""A run under way: epochs, validation, checkpoints, and what is noted of them."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from spectrack.errors import InputError
from spectrack.storage import Progress, write_bytes
from spectrack.training.loop.checkpoint import (
    RunState,
    load_resume,
    save_resume,
    save_weights,
)
from spectrack.training.loop.curves import TAKEN, draw_curves
from spectrack.training.loop.exact import use_threads
from spectrack.training.loop.interruption import Interruption
from spectrack.training.loop.order import (
    Samples,
    epoch_order,
    load_batches,
    seed_step,
    seed_validation,
    step_batches,
)
from spectrack.training.loop.run_folder import RunFolder
from spectrack.training.loop.schedule import Best, advance, make_schedule
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.step import NotFiniteError, Stepper
from spectrack.training.loop.weight_mean import WeightMean

Validate = Callable[[nn.Module], dict[str, float]]


class Run:
    """A run from wherever it is to its end; the arguments are those of ``train``.

    Args:
        stepper: The model and its optimiser.
        data: Samples by number.
        settings: How to train.
        place: The run's folder, claimed.
        monitor: The value that decides what is best.
        best: Whether larger or smaller is better.
        validate: Gives named values after an epoch.
        collate: Makes a batch of a list of samples.
        progress: Called with the steps done and the steps in all.
    """

    def __init__(
        self,
        stepper: Stepper,
        data: Samples,
        settings: TrainSettings,
        place: RunFolder,
        *,
        monitor: str,
        best: Best,
        validate: Validate | None,
        collate: Callable[[list[Any]], Any] | None,
        progress: Progress | None,
    ) -> None:
        self.stepper, self.team, self.data = stepper, stepper.team, data
        self.settings, self.place = settings, place
        self.monitor, self.best, self.validate = monitor, best, validate
        self.collate, self.progress = collate, progress
        self.schedule = make_schedule(stepper.optimizer, settings, best)
        self.mean = WeightMean()
        self.state = RunState(threads=torch.get_num_threads())
        self.interruption = Interruption()
        self._saved_step = 0
        self._step_samples = settings.batch_size * settings.accumulate * self.team.size
        self._since = time.perf_counter()

    def to_end(self) -> RunState:
        """Go on from the last checkpoint, if there is one, until nothing is left to do.

        Returns:
            How far the run came.

        Raises:
            InputError: See :func:`~spectrack.training.loop.trainer.train`.
            KeyboardInterrupt: After Ctrl-C, with a checkpoint written.
        """
        self._start()
        with self.interruption.watched():
            try:
                while not self.state.finished:
                    self._train_epoch()
                    self._end_epoch(self._judge())
                if self.interruption.pressed:
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                if not self.interruption.torn:
                    self._save()
                    self._draw()
                raise
            except NotFiniteError as error:
                raise InputError(
                    f"{error} at step {self.state.step + 1} (epoch {self.state.epoch + 1}); the "
                    f"checkpoint of step {self._saved_step} in {self.place.path} is kept: "
                    "check the data, or train anew with a lower learning rate."
                ) from error
        self._tell_progress()
        return self.state

    def _start(self) -> None:
        """Go back to the last checkpoint, or make the first one."""
        self.team.wait()  # until the leading process has made the folder
        if self.place.resume.is_file():
            self.state, parts = load_resume(self.place.resume)
            try:
                self.stepper.load(parts)
                self.schedule.load_state_dict(parts["schedule"])
                if self.settings.averaged:
                    self.mean.load(parts["mean"], self.stepper.model)
            except (KeyError, RuntimeError, ValueError) as error:
                raise InputError(
                    f"{self.place.resume} is of another model; "
                    "give the model that the run began with, or another folder."
                ) from error
            self._saved_step = self.state.step
            if self.team.device.type == "cpu":
                use_threads(self.state.threads)
        else:
            self.team.align(self.stepper.model)
        self.team.wait()  # until all have read
        if not self.state.finished:
            self.place.rewind(self.state.step, self.state.epoch)
        if self.state.step == 0:
            self._save()

    def _train_epoch(self) -> None:
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
        self.stepper.model.train()
        for step in steps:
            self._tell_progress()
            samples = min(self._step_samples, len(order) - state.done * self._step_samples)
            loss = 0.0
            for number, batch in enumerate(step):
                loaded = next(batches)  # before seeding, as loading may draw
                seed_step(settings.seed, state.epoch, state.done, team.rank, number)
                loss += self.stepper.add(loaded, len(batch) / samples)
            self._finish_step(loss, samples)

    def _finish_step(self, loss: float, samples: int) -> None:
        """Let the optimiser step; then count, log and save, and mind Ctrl-C."""
        state, settings = self.state, self.settings
        stepped = self.stepper.step(loss, self.interruption.pressed)
        state.step += 1
        state.done += 1
        state.loss_sum += stepped.loss * samples
        if state.step % settings.log_every == 0:
            values = {"loss": stepped.loss, "rate": stepped.rate, "gradient": stepped.gradient}
            place = {"epoch": state.epoch + 1, "step": state.step}
            self.place.log("step", {**place, **values, "seconds": self._seconds()})
        if stepped.pressed:  # by all processes at the same step
            raise KeyboardInterrupt
        if settings.checkpoint_every and state.step % settings.checkpoint_every == 0:
            self._save()

    def _judge(self) -> dict[str, float]:
        """The values of the epoch: its mean loss, and what the validation says."""
        values = {"loss": self.state.loss_sum / len(self.data)} | self._validated()
        if not math.isfinite(values.get(self.monitor, math.nan)):
            has = ", ".join(f"{name} {value:g}" for name, value in values.items())
            raise InputError(
                f"the run monitors {self.monitor!r} and epoch {self.state.epoch + 1} gave {has}; "
                "monitor one of them that is finite."
            )
        return values

    def _validated(self) -> dict[str, float]:
        """What the validation says of the weights of now; nothing without one."""
        found: dict[str, float] = {}
        if self.validate is not None:
            with self.interruption.at_once(), torch.no_grad():
                if self.team.leads:
                    self.stepper.model.eval()
                    seed_validation(self.settings.seed, self.state.epoch)
                    given = self.validate(self.stepper.model)
                    found = {name: float(value) for name, value in given.items()}
                found = self.team.tell(found)
        if taken := sorted(TAKEN & found.keys()):
            raise InputError(
                f"the validation calls a value {taken[0]!r}, which the log uses; "
                "give it another name."
            )
        return found

    def _end_epoch(self, values: dict[str, float]) -> None:
        """Judge the epoch: schedule, best weights, early stop; then log and save."""
        state, value, rate = self.state, values[self.monitor], self.stepper.rate
        advance(self.schedule, value)
        state.epoch += 1
        state.done, state.loss_sum = 0, 0.0
        sign = 1 if self.best == "max" else -1
        if state.best is None or sign * value > sign * state.best:
            state.best, state.best_epoch = value, state.epoch
            if self.team.leads:
                save_weights(self.place.best, self.stepper.model)
        patience = self.settings.early_stop
        waited = patience is not None and state.epoch - state.best_epoch >= patience
        state.finished = waited or state.epoch >= self.settings.epochs
        place = {"epoch": state.epoch, "step": state.step}
        line = {**place, **values, "rate": rate, "seconds": self._seconds()}
        state.history.append(line)
        self.place.log("epoch", line)
        if state.epoch > self.settings.epochs - self.settings.averaged_epochs:
            self.mean.add(self.stepper.model)
        if state.finished and self.mean.count:
            self.mean.into(self.stepper.model)
            self.place.log("mean", {**place, **self._validated()})
        if state.finished:  # before the last checkpoint, as a finished run is not entered again
            self._draw()
        self._save()

    def _save(self) -> None:
        """Write the last weights and the checkpoint."""
        state = self.state
        state.seconds, self._since = self._seconds(), time.perf_counter()
        state.peak_memory_mib = max(state.peak_memory_mib, _peak_mib(self.team.device))
        if self.team.leads:
            save_weights(self.place.last, self.stepper.model)
            parts = self.stepper.state() | {"schedule": self.schedule.state_dict()}
            if self.settings.averaged:
                parts["mean"] = self.mean.state()
            save_resume(self.place.resume, state, **parts)
        self._saved_step = state.step

    def _draw(self) -> None:
        if self.team.leads and self.place.log_lines.is_file():
            write_bytes(self.place.curves, draw_curves(self.place.read_log()))

    def _seconds(self) -> float:
        """Time spent so far, earlier starts included."""
        return self.state.seconds + time.perf_counter() - self._since

    def _tell_progress(self) -> None:
        if self.progress is not None and self.team.leads:
            steps = math.ceil(len(self.data) / self._step_samples) * self.settings.epochs
            self.progress(self.state.step, steps)


def _peak_mib(device: torch.device) -> float:
    """Largest memory so far in MiB: of tensors on CUDA, of the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows has no such count
        return math.nan
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**20 if sys.platform == "darwin" else 2**10)

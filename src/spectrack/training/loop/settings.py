"""Every choice of a training run, named and checked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from spectrack.errors import InputError

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["plateau", "step", "milestones", "cosine", "given", "none"]
Precision = Literal["none", "bf16", "fp16", "auto"]

LATER = ("schedule_rates", "averaged")
"""Settings that came later: where they are not used, runs are described as they were before."""

UNSEEN_IN_WEIGHTS = frozenset({"device", "workers", "checkpoint_every", "log_every"})
"""Settings that may change when a run goes on: the weights do not depend on them."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a model is trained.

    A step takes ``batch_size * accumulate`` samples in every process.

    Args:
        epochs: Passes over the data, at least 1.
        batch_size: Samples that are in memory together.
        accumulate: Batches whose gradients make one step: a big batch in little memory.
        optimizer: "adamw" (with AMSGrad, as in the SFSeg++ paper), "adam" or "sgd".
        learning_rate: At the start; above 0.
        rates: Beginnings of parameters' names, and what the rate is multiplied by for them; the
            first that fits counts.
        weight_decay: L2 regularisation, at least 0; decoupled with AdamW.
        momentum: Of SGD, 0 to below 1; unused by the others.
        schedule: "plateau" lowers the rate where the monitored value stands still, "step" every
            so many epochs, "milestones" after the epochs of ``schedule_at``, "cosine" along half
            a cosine to zero at the end, "given" as ``schedule_rates`` say, "none" never.
        schedule_factor: What the rate is multiplied by, between 0 and 1.
        schedule_patience: Epochs without improvement that "plateau" tolerates.
        schedule_every: Epochs between two reductions by "step".
        schedule_at: Epochs after which "milestones" lowers the rate.
        schedule_rates: What "given" multiplies the rate by, one an epoch.
        averaged: Share of the epochs, the last ones, after each of which the weights count in a
            mean that the run ends with, 0 to 1; 0 ends with the last weights.
        early_stop: Stop after so many epochs without a new best, or None for never; not with
            ``averaged``, whose epochs would not be known.
        clip: Largest norm of the gradients, or None.
        amp: Mixed precision: "none", "bf16" (any device), "fp16" (CUDA, with loss scaling), or
            "auto" for bf16 where the device has instructions for it and none elsewhere.
        seed: Decides the order of samples and every random draw; at least 0.
        device: "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".
        workers: Processes that load samples; 0 loads them in this one.
        checkpoint_every: Steps between two checkpoints within an epoch, or None for one at the
            end of each epoch only.
        log_every: Steps between two lines in the log.

    Raises:
        InputError: A field is out of its range; the message names it.
    """

    epochs: int
    batch_size: int = 1
    accumulate: int = 1
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    rates: tuple[tuple[str, float], ...] = ()
    weight_decay: float = 1e-2
    momentum: float = 0.9
    schedule: Schedule = "plateau"
    schedule_factor: float = 0.5
    schedule_patience: int = 5
    schedule_every: int = 10
    schedule_at: tuple[int, ...] = ()
    schedule_rates: tuple[float, ...] = ()
    averaged: float = 0.0
    early_stop: int | None = None
    clip: float | None = None
    amp: Precision = "none"
    seed: int = 0
    device: str = "auto"
    workers: int = 0
    checkpoint_every: int | None = None
    log_every: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "schedule_every", "log_every"):
            self._need(name, getattr(self, name) >= 1, "at least 1")
        for name in ("early_stop", "checkpoint_every"):
            value = getattr(self, name)
            self._need(name, value is None or value >= 1, "at least 1, or None")
        for name in ("seed", "workers", "schedule_patience"):
            self._need(name, getattr(self, name) >= 0, "at least 0")
        self._need("rates", all(f >= 0 for _, f in self.rates), "names with factors of 0 or more")
        rising = all(a < b for a, b in pairwise((0, *self.schedule_at)))
        self._need("schedule_at", rising, "rising epochs from 1 on")
        given = len(self.schedule_rates) == (self.epochs if self.schedule == "given" else 0)
        given = given and all(0 < rate < math.inf for rate in self.schedule_rates)
        self._need("schedule_rates", given, 'a factor above 0 an epoch with "given", or none')
        finite = math.isfinite(self.learning_rate) and self.learning_rate > 0
        self._need("learning_rate", finite, "a number above 0")
        self._need("weight_decay", 0 <= self.weight_decay < math.inf, "a number of at least 0")
        self._need("momentum", 0 <= self.momentum < 1, "a number from 0 to below 1")
        self._need("schedule_factor", 0 < self.schedule_factor < 1, "a number between 0 and 1")
        self._need("averaged", 0 <= self.averaged <= 1, "a share from 0 to 1")
        alone = not (self.averaged and self.early_stop)
        self._need("averaged", alone, "0 where early_stop is given")
        self._need("clip", self.clip is None or self.clip > 0, "a number above 0, or None")
        choices = {"optimizer": Optimizer, "schedule": Schedule, "amp": Precision}
        for name, kind in choices.items():
            known = get_args(kind)
            self._need(name, getattr(self, name) in known, " or ".join(known))

    @property
    def averaged_epochs(self) -> int:
        """Epochs at the end whose weights are averaged; at least one where any share is."""
        return max(1, round(self.averaged * self.epochs)) if self.averaged else 0

    def described(self) -> dict[str, Any]:
        """Every choice by name; one that came later is left out of runs that do not use it."""
        return {name: v for name, v in asdict(self).items() if name not in LATER or v}

    def _need(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise InputError(
                f"training has {name} {getattr(self, name)!r}; give {name} as {expected}."
            )

"""One step of the optimiser: gradients of all its batches, mixed precision, clipping."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.training.loop.distributed import Team
from spectrack.training.loop.schedule import make_optimizer
from spectrack.training.loop.settings import TrainSettings

Loss = Callable[[nn.Module, Any], Tensor]


class NotFiniteError(ArithmeticError):
    """The loss or the gradients are infinite or no numbers; the weights are untouched."""


@dataclass(frozen=True)
class Stepped:
    """What a step was like.

    Args:
        loss: Mean over all samples of the step, in all processes.
        rate: The learning rate it was done with.
        gradient: Norm of the gradients before clipping.
        pressed: Whether Ctrl-C came in any process.
    """

    loss: float
    rate: float
    gradient: float
    pressed: bool


class Stepper:
    """A model with its optimiser.

    Args:
        model: On the team's device.
        loss: Takes the model and a batch; gives the mean over the batch's samples.
        settings: How to train.
        team: The processes that train together.
    """

    def __init__(self, model: nn.Module, loss: Loss, settings: TrainSettings, team: Team) -> None:
        self.model, self.loss, self.settings, self.team = model, loss, settings, team
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in named]
        self.optimizer = make_optimizer(named, settings)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler = torch.amp.GradScaler(team.device.type, enabled=settings.amp == "fp16")

    @property
    def rate(self) -> float:
        """The learning rate now."""
        return self.optimizer.param_groups[0]["lr"]

    def add(self, batch: Any, share: float) -> float:
        """Add a batch to the gradients.

        Args:
            batch: On the team's device.
            share: Its samples divided by those of the whole step.

        Returns:
            Its part of the step's loss.

        Raises:
            InputError: The loss is not one number.
        """
        with self._autocast():
            value = self.loss(self.model, batch)
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"the loss gave {shape}; make it one number, the mean of the batch.")
        part = value.reshape(()) * share
        self.scaler.scale(part).backward()
        return part.item()

    def step(self, loss: float, pressed: bool) -> Stepped:
        """Let the optimiser follow the gradients that were added, and forget them.

        Args:
            loss: Sum of what :meth:`add` gave in this process.
            pressed: Whether Ctrl-C came in this process.

        Returns:
            What the step was like, the same in all processes.

        Raises:
            NotFiniteError: In all processes alike.
        """
        loss, presses = self.team.add_up(self.parameters, [loss, pressed])
        _need_finite("loss", loss)
        self.scaler.unscale_(self.optimizer)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        # In fp16 an overflow is normal while the scale is still sought: the scaler skips the step.
        if not self.scaler.is_enabled() or self.scaler.get_scale() < 1:
            _need_finite("norm of the gradients", float(norm))
        if self.settings.clip is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, self.settings.clip, norm)
        rate = self.rate
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return Stepped(loss, rate, float(norm), presses > 0)

    def state(self) -> dict[str, dict[str, Any]]:
        """All that is needed to go on, by part."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load(self, parts: dict[str, dict[str, Any]]) -> None:
        """Go on from a state.

        Args:
            parts: What :meth:`state` gave, on any device.

        Raises:
            KeyError: A part is missing.
            RuntimeError: The weights are of another model.
            ValueError: The optimiser had other parameters.
        """
        self.model.load_state_dict(parts["model"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.scaler.load_state_dict(parts["scaler"])

    def _autocast(self) -> AbstractContextManager[None]:
        kind = torch.float16 if self.settings.amp == "fp16" else torch.bfloat16
        on = self.settings.amp != "none"
        return torch.autocast(self.team.device.type, dtype=kind, enabled=on)


def _need_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise NotFiniteError(f"the {name} is {value}")

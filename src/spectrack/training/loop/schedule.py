"""The optimiser and the learning rate over time, as the settings say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Protocol

from torch import nn, optim
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, ReduceLROnPlateau, StepLR

from spectrack.training.loop.settings import TrainSettings

Best = Literal["max", "min"]


def make_optimizer(
    parameters: Iterable[tuple[str, nn.Parameter]], settings: TrainSettings
) -> optim.Optimizer:
    """AdamW with AMSGrad, Adam, or SGD with momentum.

    Args:
        parameters: What is learned, by name.
        settings: ``optimizer``, ``learning_rate``, ``rates``, ``weight_decay`` and ``momentum``
            count.

    Returns:
        The optimiser of torch; its first group has the rate of the settings.
    """
    rate, decay = settings.learning_rate, settings.weight_decay
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in parameters:
        factor = next((f for start, f in settings.rates if name.startswith(start)), 1.0)
        groups.setdefault(factor, []).append(parameter)
    given = [{"params": group, "lr": rate * factor} for factor, group in groups.items()]
    if settings.optimizer == "sgd":
        return optim.SGD(given, lr=rate, momentum=settings.momentum, weight_decay=decay)
    if settings.optimizer == "adam":
        return optim.Adam(given, lr=rate, weight_decay=decay)
    return optim.AdamW(given, lr=rate, weight_decay=decay, amsgrad=True)


class Schedule(Protocol):
    """What changes the learning rate after an epoch."""

    def advance(self, value: float) -> None:
        """An epoch is over; ``value`` is what is monitored."""

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Plateau:
    """Lowers the rate where the monitored value stands still (torch's ReduceLROnPlateau)."""

    def __init__(self, optimizer: optim.Optimizer, settings: TrainSettings, best: Best) -> None:
        self._torch = ReduceLROnPlateau(
            optimizer,
            mode=best,
            factor=settings.schedule_factor,
            patience=settings.schedule_patience,
        )

    def advance(self, value: float) -> None:
        """Count the epoch, and lower the rate if the value did not improve for too long."""
        self._torch.step(value)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return self._torch.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._torch.load_state_dict(state)


class ByEpoch:
    """Changes the rate by the number of epochs alone, with a scheduler of torch."""

    def __init__(self, scheduler: LRScheduler) -> None:
        self._torch = scheduler

    def advance(self, value: float) -> None:
        """Count the epoch; the value does not matter."""
        self._torch.step()

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return self._torch.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._torch.load_state_dict(state)


class Constant:
    """Leaves the rate as it is."""

    def advance(self, value: float) -> None:
        """Nothing changes."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""


def make_schedule(optimizer: optim.Optimizer, settings: TrainSettings, best: Best) -> Schedule:
    """The schedule that the settings ask for.

    Args:
        optimizer: Whose rate is changed.
        settings: The ``schedule...`` fields count.
        best: Whether the monitored value is better when larger ("max") or smaller ("min").

    Returns:
        An object to tell of each epoch's end.
    """
    if settings.schedule == "plateau":
        return Plateau(optimizer, settings, best)
    if settings.schedule == "step":
        step = StepLR(optimizer, settings.schedule_every, gamma=settings.schedule_factor)
        return ByEpoch(step)
    if settings.schedule == "milestones":
        at = list(settings.schedule_at)
        return ByEpoch(MultiStepLR(optimizer, at, gamma=settings.schedule_factor))
    return Constant()

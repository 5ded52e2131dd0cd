"""The optimiser and the learning rate over time, as the settings say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import nn, optim
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LambdaLR,
    MultiStepLR,
    ReduceLROnPlateau,
    StepLR,
)

from spectrack.training.loop.settings import TrainSettings

Best = Literal["max", "min"]
Schedule = ReduceLROnPlateau | StepLR | MultiStepLR | CosineAnnealingLR | ConstantLR | LambdaLR


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


def make_schedule(optimizer: optim.Optimizer, settings: TrainSettings, best: Best) -> Schedule:
    """The scheduler of torch that the settings ask for.

    Args:
        optimizer: Whose rate is changed.
        settings: The ``schedule...`` fields count.
        best: Whether the monitored value is better when larger ("max") or smaller ("min").

    Returns:
        What :func:`advance` is told of each epoch's end.
    """
    factor = settings.schedule_factor
    if settings.schedule == "plateau":
        patience = settings.schedule_patience
        return ReduceLROnPlateau(optimizer, mode=best, factor=factor, patience=patience)
    if settings.schedule == "step":
        return StepLR(optimizer, settings.schedule_every, gamma=factor)
    if settings.schedule == "milestones":
        return MultiStepLR(optimizer, list(settings.schedule_at), gamma=factor)
    if settings.schedule == "cosine":
        return CosineAnnealingLR(optimizer, settings.epochs)
    if settings.schedule == "given":
        factors = settings.schedule_rates
        # torch asks for one more, after the last epoch
        return LambdaLR(optimizer, lambda epoch: factors[min(epoch, len(factors) - 1)])
    return ConstantLR(optimizer, factor=1.0)


def advance(schedule: Schedule, value: float) -> None:
    """An epoch is over.

    Args:
        schedule: Of :func:`make_schedule`.
        value: What is monitored; it matters to "plateau" alone.
    """
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(value)
    else:
        schedule.step()

"""Learning rates over epochs against formulas, and schedules that go on from a checkpoint."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
import torch
from torch import nn

from spectrack.training.loop.schedule import advance, make_optimizer, make_schedule
from spectrack.training.loop.settings import TrainSettings

EPOCHS = 40
VALUES = [1.0 / (1 + min(epoch, 9) + (epoch > 25)) for epoch in range(EPOCHS)]
"""A loss that falls, stands still, falls once more, and stands still to the end."""

SETTINGS = TrainSettings(
    epochs=EPOCHS,
    learning_rate=0.3,
    rates=(("0.", 0.5),),
    schedule_factor=0.7,
    schedule_every=6,
    schedule_at=(2, 11, 12),
    schedule_patience=4,
)


def step(epoch: int) -> float:
    return 0.3 * 0.7 ** (epoch // 6)


def milestones(epoch: int) -> float:
    return 0.3 * 0.7 ** sum(at <= epoch for at in (2, 11, 12))


def constant(epoch: int) -> float:
    return 0.3


def plateau(epoch: int) -> float:
    """Lowered after more than 4 epochs without a new best, which begins to count anew."""
    rate, best, waited = 0.3, float("inf"), 0
    for value in VALUES[:epoch]:
        waited = 0 if value < best else waited + 1
        best = min(best, value)
        if waited > 4:
            rate, waited = rate * 0.7, 0
    return rate


FORMULAS = {"step": step, "milestones": milestones, "none": constant, "plateau": plateau}


def started(kind: str):
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    settings = TrainSettings(**vars(SETTINGS) | {"schedule": kind})
    optimizer = make_optimizer(model.named_parameters(), settings)
    return optimizer, make_schedule(optimizer, settings, "min")


def rates(kind: str, stop: int | None = None, drop: bool = False) -> list[list[float]]:
    """Rates in every epoch; from a checkpoint after ``stop`` epochs, if it is given."""
    optimizer, schedule = started(kind)
    found = []
    for epoch, value in enumerate(VALUES):
        if epoch == stop:
            file = io.BytesIO()
            torch.save([optimizer.state_dict(), schedule.state_dict()], file)
            file.seek(0)
            states = torch.load(file, weights_only=True)
            optimizer, schedule = started(kind)
            optimizer.load_state_dict(states[0])
            schedule.load_state_dict({} if drop else states[1])
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        advance(schedule, value)
    return found


@pytest.mark.parametrize("kind", FORMULAS)
def test_rates_are_the_formula(kind):
    found = rates(kind)
    assert [all_ for all_, _ in found] == pytest.approx([FORMULAS[kind](e) for e in range(EPOCHS)])
    assert [half for _, half in found] == pytest.approx([r / 2 for r, _ in found])
    lowered = sum(b[0] < a[0] for a, b in pairwise(found))
    assert (lowered > 1) == (kind != "none")


@pytest.mark.parametrize("kind", FORMULAS)
@pytest.mark.parametrize("stop", [0, 1, 11, 13, 39])
def test_it_goes_on_with_the_same_bits(kind, stop):
    assert rates(kind, stop) == rates(kind)


def test_runs_of_before_kept_nothing_of_a_constant_rate():
    assert rates("none", 7, drop=True) == rates("none")

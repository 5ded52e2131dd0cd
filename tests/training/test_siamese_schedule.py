"""The learning rate over the epochs against the golden one, and what a loop makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from siamese_golden import siamese_golden
from siamese_scheme import near
from spectrack.errors import InputError
from spectrack.training.loop.schedule import advance, make_optimizer, make_schedule
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.siamese_schedule import WarmUp


def test_the_published_rates_are_golden():
    golden = siamese_golden("siamrpn_misc")["lr_schedule_r50"]
    np.testing.assert_allclose(WarmUp().rates(20), golden, rtol=1e-5)  # of each, small or large
    near("siamrpn_misc", "lr_schedule_r50", WarmUp().rates(20), 1e-5)


def test_few_epochs_rise_in_half_of_them():
    assert WarmUp().rates(1) == pytest.approx([5e-3])
    rates = WarmUp().rates(4)
    assert rates == pytest.approx([1e-3, 1e-3 * 5**0.5, 5e-3, 5e-4])
    assert WarmUp(0, 1e-2, 1e-2, 1e-4).rates(3) == pytest.approx([1e-2, 1e-3, 1e-4])
    with pytest.raises(InputError, match="rates above 0"):
        WarmUp(last=0)


def test_rates_that_are_given_are_those_of_every_epoch():
    layer = nn.Linear(2, 2)
    rates = WarmUp().rates(6)
    settings = TrainSettings(
        epochs=6,
        optimizer="sgd",
        learning_rate=1.0,
        rates=(("bias", 0.1),),
        schedule="given",
        schedule_rates=rates,
    )
    optimizer = make_optimizer(layer.named_parameters(), settings)
    schedule = make_schedule(optimizer, settings, "min")
    seen = []
    for _ in range(6):
        seen.append([group["lr"] for group in optimizer.param_groups])
        layer(torch.zeros(1, 2)).sum().backward()
        optimizer.step()
        advance(schedule, 0.0)
    np.testing.assert_allclose(seen, [[rate, rate * 0.1] for rate in rates])
    with pytest.raises(InputError, match="schedule_rates"):
        TrainSettings(epochs=3, schedule="given", schedule_rates=(1.0,))
    with pytest.raises(InputError, match="schedule_rates"):
        TrainSettings(epochs=1, schedule_rates=(1.0,))


def test_a_run_of_before_is_the_same_run():
    told = TrainSettings(epochs=3).described()
    assert not {"schedule_rates", "averaged"} & told.keys()
    assert TrainSettings(epochs=3, averaged=0.5).described()["averaged"] == 0.5
    assert told["epochs"] == 3

"""Siamese trackers learning on: the weights that are written, and what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Box, Prediction
from spectrack.tracking.base import Tracker
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.loop.order import epoch_order
from spectrack.training.loop.schedule import make_optimizer
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.siamese import Learner, SiamesePlan, blended, fewer, learn_on
from spectrack.training.siamese_family import LEARNERS
from spectrack.training.siamese_schedule import WarmUp
from spectrack.video.reader import ArrayFrames
from spectrack.weights.files import read_weights
from tiny_training import little_work  # noqa: F401

TRUTH = Box(4, 4, 10, 10)


class Offset(nn.Module):
    """One number: how far off the box is."""

    def __init__(self) -> None:
        super().__init__()
        self.off = nn.Parameter(torch.tensor([5.0]))
        self.register_buffer("steps", torch.tensor(0))


@dataclass
class Off(Tracker):
    """Answers with the true box, moved."""

    off: float

    def __post_init__(self) -> None:
        super().__init__()

    def _init(self, frame_hwc: Any, target: Any) -> Prediction:
        return Prediction(target.box)

    def _update(self, frame_hwc: Any) -> Prediction:
        return Prediction(Box(TRUTH.x + self.off, TRUTH.y, TRUTH.w, TRUTH.h))


def loss(network, batch):
    """Three steps, down by four pixels in all."""
    with torch.no_grad():
        network.steps += 1
    return network.off.sum()


SGD = TrainSettings(
    epochs=1, optimizer="sgd", learning_rate=4 / 3, momentum=0.0, weight_decay=0, schedule="none"
)
LEARNER = Learner(
    network=Offset,
    plan=SiamesePlan(train=SGD, pairs=None, samples=3, blend=0.5),
    samples=lambda network, plan: lambda pair, rng: {"nothing": torch.zeros(1)},
    loss=loss,
    tracker=lambda network: Off(float(network.off)),
    tell=lambda network: {"off": float(network.off)},
)


def test_what_is_measured_is_what_is_written(tmp_path):
    frames = np.zeros((3, 24, 32, 3), np.uint8)
    video = VideoSequence(
        "one", ("0", "1", "2"), lambda: ArrayFrames(frames), None, lambda t: TRUTH
    )
    network, file = Offset(), tmp_path / "made.safetensors"
    about = {"data": "none"}
    clip = ArrayClip(frames, np.ones(frames.shape[:3], np.uint8))
    sources = [Source([clip])]
    found = learn_on(LEARNER, network, sources, [video], file, LEARNER.plan, about=about)
    # from 5 to 1 pixels off; half of the way is 3
    assert found["before"]["one"] == pytest.approx(5 / 15, abs=1e-4)
    assert found["after"]["one"] == pytest.approx(7 / 13, abs=1e-4)
    stored = read_weights(file)
    assert stored.tensors["off"].tolist() == pytest.approx([3.0])
    assert stored.tensors["steps"] == 3
    assert stored.about == {"data": "none", "off": pytest.approx(3.0), "held_out": found}


def test_weights_between_two_by_hand(rng):
    start, end = (torch.from_numpy(rng.normal(size=(3, 2))) for _ in range(2))
    for share in (0.0, 0.3, 1.0):
        found = blended({"a": start}, {"a": end}, share)["a"]
        wanted = start.numpy() + share * (end.numpy() - start.numpy())
        np.testing.assert_allclose(found.numpy(), wanted)


def test_a_smaller_plan():
    plan = fewer(LEARNER.plan, 2, None, 7)
    assert (plan.train.epochs, plan.samples, plan.train.seed) == (2, 3, 7)
    assert fewer(LEARNER.plan, None, 5, 0).samples == 5
    told = plan.asked()
    assert (told["samples"], told["blend"]) == (3, 0.5)
    assert "train" not in told


def test_a_backbone_that_learns_later_makes_two_runs_of_one_schedule():
    plan = replace(
        LEARNER.plan,
        train=replace(SGD, epochs=20),
        backbone=True,
        frozen_epochs=10,
        warm_up=WarmUp(),
    )
    (first, early), (second, late) = plan.stages()
    assert (early, late) == (False, True)
    assert (first.epochs, second.epochs) == (10, 10)
    assert first.learning_rate == second.learning_rate == 1
    rates = (*first.schedule_rates, *second.schedule_rates)
    assert rates == plan.warm_up.rates(20)
    [(only, backbone)] = replace(plan, backbone=False).stages()
    assert (only.epochs, backbone) == (20, False)
    [(only, backbone)] = plan.from_nothing().stages()
    assert (only.schedule_rates, backbone) == (rates, True)
    [(only, backbone)] = replace(plan, frozen_epochs=20).stages()
    assert not backbone


def test_a_second_run_sees_other_samples_than_the_first_and_than_runs_of_other_seeds():
    plan = replace(LEARNER.plan, backbone=True, frozen_epochs=2)
    seeds = []
    for seed in range(4):
        train = replace(SGD, epochs=4, seed=seed)
        seeds += [training.seed for training, _ in replace(plan, train=train).stages()]
    assert seeds[::2] == [0, 1, 2, 3]
    assert len(set(seeds)) == 8
    assert min(seeds[1::2]) > 2**32  # far from those that people choose
    orders = [epoch_order(8, seed, epoch) for seed in seeds[:2] for epoch in range(2)]
    assert len({tuple(order) for order in orders}) == 4


@pytest.mark.parametrize("name", ["nanotrack", "siamfc", "siamrpn++", "siamban", "siammask"])
def test_a_backbone_that_knows_nothing_learns_as_fast_as_the_rest(name):
    module, learner = LEARNERS[name].split(":")
    plan = getattr(import_module(module), learner).plan
    for training, _ in plan.from_nothing().stages():
        made = make_optimizer([("backbone.a", nn.Parameter(torch.ones(1)))], training)
        assert {g["lr"] for g in made.param_groups if g["params"]} == {training.learning_rate}
    if name != "siamfc":
        assert dict(plan.train.rates) == {"backbone.": 0.1}

"""NanoTrack learns: on from published weights, its head on a backbone that is there, or all of it.

The published training (50 epochs of 100 000 pairs and more) is out of reach of small data, so what
is learned on from published weights are small changes: low rates, and all normalisations as they
are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import nn

from spectrack.trackers.nanotrack.network import SEARCH, NanoTrack
from spectrack.trackers.nanotrack.settings import NanoTrackSettings
from spectrack.trackers.nanotrack.tracker import NanoTracker
from spectrack.trackers.nanotrack.train_labels import grid_points
from spectrack.training.box_grid import BoxAnswers, pair_loss
from spectrack.training.data.siamese_crops import PairSamples, PairSettings
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.siamese import BACKBONE, Learner, SiamesePlan
from spectrack.training.siamese_plans import PLAN, SMALL_PLAN

TRAINING = TrainSettings(
    epochs=8,
    batch_size=32,
    optimizer="sgd",
    learning_rate=5e-4,
    rates=((BACKBONE, 0.1),),
    weight_decay=1e-4,
    schedule="step",
    schedule_every=1,
    schedule_factor=0.75,
    clip=10.0,
    checkpoint_every=50,
    log_every=10,
)
"""As published but for the rate, which is that of its end."""

PAIRS = PairSettings()
UNUSED = "neck."
USUAL_SIDE = 32.0
"""Pixels to a side of the box that a network which has learned nothing answers."""


@dataclass(frozen=True, kw_only=True)
class NanoTrackPlan(SiamesePlan):
    """How much of everything."""

    train: TrainSettings = TRAINING
    pairs: PairSettings = PAIRS
    fixed_norms: bool = True


def made(small: bool, like: NanoTrack | None) -> NanoTrack:
    """A network that has learned nothing; it is a small one in any case."""
    del small
    network = NanoTrack("v3" if like is None else like.version)
    last = network.ban_head.get_submodule("bbox_pred.0")
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    nn.init.constant_(last.bias, math.log(USUAL_SIDE))
    return network


LEARNER = Learner(
    network=NanoTrack,
    plan=NanoTrackPlan(),
    samples=lambda network, plan: PairSamples(
        SEARCH, BoxAnswers(grid_points(network.cells)), plan.pairs
    ),
    loss=pair_loss,
    tracker=lambda network: NanoTracker(NanoTrackSettings(device="cpu"), network),
    small=SMALL_PLAN,
    make=made,
    learns=lambda name, plan, backbone: (
        not name.startswith(UNUSED) and (backbone or not name.startswith(BACKBONE))
    ),
    tell=lambda network: {"version": network.version},
)
"""On from published weights."""
FAMILY = replace(LEARNER, plan=replace(PLAN, always_frozen=()))
"""As it was published, for the recipe of the whole family."""

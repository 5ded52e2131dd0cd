"""How much of everything the line of SiamRPN++ learned with, and what small data and time allow."""

from __future__ import annotations

from spectrack.training.data.siamese_crops import PairSettings
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.siamese import BACKBONE, SiamesePlan
from spectrack.training.siamese_schedule import WarmUp

PUBLISHED = TrainSettings(
    epochs=50,
    batch_size=32,
    optimizer="sgd",
    rates=((BACKBONE, 0.1),),
    weight_decay=1e-4,
    clip=10.0,
    checkpoint_every=200,
    log_every=10,
)
"""Of most; the rate is told by the plan."""
PLAN = SiamesePlan(
    train=PUBLISHED,
    pairs=PairSettings(),
    samples=100_000,
    backbone=True,
    frozen_epochs=10,
    warm_up=WarmUp(),
)

SMALL = TrainSettings(
    epochs=8,
    batch_size=16,
    optimizer="adamw",
    rates=((BACKBONE, 1.0),),
    weight_decay=1e-4,
    clip=10.0,
    checkpoint_every=20,
    log_every=5,
)
"""Some minutes on two cores; Adam gets further than SGD in so few steps."""
SMALL_PLAN = SiamesePlan(
    train=SMALL, pairs=PairSettings(), samples=1200, warm_up=WarmUp(1, 3e-4, 1e-3, 1e-4)
)

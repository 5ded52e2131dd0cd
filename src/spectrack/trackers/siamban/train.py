"""SiamBAN learns from pairs (Chen et al., CVPR 2020, sections 3.4 and 4.1)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from torch import nn

from spectrack.trackers.siamban.network import HEADS, SEARCH, SiamBAN
from spectrack.trackers.siamban.settings import SiamBANSettings
from spectrack.trackers.siamban.tracker import SiamBANTracker
from spectrack.trackers.siamban.train_labels import POINTS
from spectrack.training.box_grid import BoxAnswers, pair_loss
from spectrack.training.data.siamese_crops import PairSamples
from spectrack.training.siamese import Learner, described
from spectrack.training.siamese_plans import PLAN, PUBLISHED, SMALL_PLAN
from spectrack.training.siamese_schedule import WarmUp

SMALL_PLANES, SMALL_STEM, SMALL_MAPS = (16, 16, 32, 32), 16, 32
USUAL_SIDE = 32.0
"""Pixels to a side of the box that a network which has learned nothing answers."""


def made(small: bool, like: SiamBAN | None) -> SiamBAN:
    """A network that has learned nothing."""
    given = {} if like is None else arguments(like)
    if small:
        given = {"planes": SMALL_PLANES, "stem": SMALL_STEM, "maps": SMALL_MAPS}
    network = SiamBAN(**given)
    for name in HEADS:
        last = network.head.get_submodule(f"{name}.loc.head.3")
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.constant_(last.bias, math.log(USUAL_SIDE))
    return network


def arguments(network: SiamBAN) -> dict[str, Any]:
    """What a network was made with, where it is not the published one."""
    small = network.backbone.conv1.out_channels == SMALL_STEM
    if not small:
        return {}
    return {"planes": list(SMALL_PLANES), "stem": SMALL_STEM, "maps": SMALL_MAPS}


LEARNER = Learner(
    network=SiamBAN,
    plan=replace(
        PLAN,
        train=replace(PUBLISHED, epochs=20, batch_size=28),
        warm_up=WarmUp(last=5e-5),
        always_frozen=("backbone.conv1.", "backbone.bn1.", "backbone.layer1."),
    ),
    small=SMALL_PLAN,
    samples=lambda network, plan: PairSamples(SEARCH, BoxAnswers(POINTS), plan.pairs),
    loss=pair_loss,
    tracker=lambda network: SiamBANTracker(SiamBANSettings(device="cpu"), network),
    make=made,
    tell=described("siamban", arguments),
)

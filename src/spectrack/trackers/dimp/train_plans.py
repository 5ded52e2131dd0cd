"""How much of everything DiMP, PrDiMP and SuperDiMP learned with, and what little time allows.

Bhat et al., ICCV 2019, section 3.4 and 4.1; Danelljan et al., CVPR 2020, section 5; numbers are
those of the published programs. Those learned from LaSOT, GOT-10k, TrackingNet and COCO, beginning
with a ResNet that knew ImageNet; all parts learn together, at rates of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from spectrack.training.box_scores import BoxAnswer
from spectrack.training.data.discriminative import LearningSettings
from spectrack.training.data.proposals import MIXTURE
from spectrack.training.discriminative_losses import IterateWeights
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.siamese import SiamesePlan

Objective = Literal["hinge", "divergence"]

BACKBONE, BOXES = "feature_extractor.", "bb_regressor."
FEATURES = "classifier.feature_extractor."
INITIALISER, OPTIMISER = "classifier.filter_initializer.", "classifier.filter_optimizer."
PUBLISHED_SCORES = IterateWeights()
BASE = 1e-3
"""Rate that those of the parts are told in."""


@dataclass(frozen=True, kw_only=True)
class DiMPPlan(SiamesePlan):
    """How much of everything, and what counts how much.

    Attributes:
        pairs: What samples look like.
        objective: What the scores of places are held against: DiMP's hinge, or PrDiMP's divergence.
        scores: How much the iterates of the filter count.
        answer: What a score of a box is.
        boxes: How much the boxes count.
        iterations: Steps of the filter.
        fewest: Clips need more frames in sight than this.
    """

    pairs: LearningSettings
    objective: Objective = "hinge"
    scores: IterateWeights = PUBLISHED_SCORES
    answer: BoxAnswer = "overlap"
    boxes: float = 1.0
    iterations: int = 5
    fewest: int = 12
    backbone: bool = True


def _training(batch: int, rates: Mapping[str, float]) -> TrainSettings:
    """As published: Adam, and a fifth of the rate after every 15 of 50 epochs."""
    return TrainSettings(
        epochs=50,
        batch_size=batch,
        optimizer="adam",
        learning_rate=BASE,
        rates=tuple((name, rate / BASE) for name, rate in rates.items()),
        weight_decay=0.0,
        schedule="step",
        schedule_every=15,
        schedule_factor=0.2,
        checkpoint_every=100,
        log_every=20,
    )


def _dimp(batch: int, boxes: float, backbone: float) -> DiMPPlan:
    rates = {
        INITIALISER: 5e-5,
        OPTIMISER: 5e-4,
        FEATURES: 5e-5,
        BOXES: boxes,
        BACKBONE: backbone,
    }
    return DiMPPlan(train=_training(batch, rates), pairs=LearningSettings(), samples=26_000)


def _prdimp(batch: int, backbone: float, look: LearningSettings) -> DiMPPlan:
    rates = {"classifier.": 1e-3, BOXES: 1e-3, BACKBONE: backbone}
    return DiMPPlan(
        train=_training(batch, rates),
        pairs=replace(look, reach=200, proposals=128, drawn="mixture", mixture=MIXTURE),
        samples=26_000,
        objective="divergence",
        scores=IterateWeights(last=0.25, first=0.25, between=1.0),
        answer="density",
        boxes=0.0025,
    )


LARGE = LearningSettings(size=352, search=6.0, mode="inside_major", shrink=1.5)
"""The larger crops of PrDiMP-50 and SuperDiMP, moved into the frame."""
DIMP50 = _dimp(10, 2e-4, 2e-5)

PLANS: dict[str, DiMPPlan] = {
    "dimp18": _dimp(26, 1e-3, 2e-4),
    "dimp50": DIMP50,
    "prdimp18": _prdimp(26, 2e-4, LearningSettings()),
    "prdimp50": _prdimp(10, 2e-5, LARGE),
    "superdimp": replace(
        DIMP50,
        train=_training(
            20, {INITIALISER: 5e-5, OPTIMISER: 5e-4, FEATURES: 5e-5, BOXES: 1e-3, BACKBONE: 2e-5}
        ),
        pairs=replace(LARGE, reach=200, test_shift=5.5, flip=0.5, proposals=128, drawn="mixture"),
        samples=40_000,
        answer="density",
        boxes=0.01,
        always_frozen=tuple(BACKBONE + name for name in ("conv1", "bn1", "layer1", "layer2")),
    ),
}
"""By tracker."""

SMALL = DiMPPlan(
    train=TrainSettings(
        epochs=10,
        batch_size=16,
        optimizer="adamw",
        learning_rate=1e-3,
        rates=((BACKBONE, 0.1), (OPTIMISER, 0.5)),
        weight_decay=1e-4,
        schedule="cosine",
        amp="auto",
        checkpoint_every=20,
        log_every=5,
    ),
    pairs=LearningSettings(
        size=256,
        search=4.5,
        mode="inside_major",
        shrink=1.5,
        train_frames=2,
        test_frames=1,
        reach=100,
        train_shift=2.7,
        test_shift=4.0,
        flip=0.5,
        proposals=24,
        drawn="mixture",
    ),
    samples=1600,
    answer="density",
    boxes=0.1,
    fewest=1,
    always_frozen=(BACKBONE + "stem", *(f"{BACKBONE}blocks.{n}." for n in range(6))),
)
"""SuperDiMP's losses on MobileNetV2, whose first layers stay: some 25 minutes on one core."""

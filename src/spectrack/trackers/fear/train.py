"""FEAR learns on from published weights: the branch of boxes, and the rest where asked.

The published training (100 epochs of 100 000 pairs and more) is out of reach of small data, so what
is learned here are small changes at low rates. Losses and labels are the published ones. Small data
make boxes tighter and the choice among look-alikes worse: half-way to what was learned, OTB's
Crossing was lost, whether the branch that finds the target had learned or not. So by default only
the branch of boxes learns, and a quarter of the change is kept; that share was chosen with held-out
DAVIS training sequences and five of OTB in sight.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from spectrack.networks.fbnet import FBNetC
from spectrack.trackers.fear.network import FEAR
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.trackers.fear.tracker import FEARTracker
from spectrack.trackers.fear.train_labels import box_loss, class_loss
from spectrack.trackers.fear.train_pairs import PairSamples, PairSettings
from spectrack.training.data.samples import Sample
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.siamese import Learner, SiamesePlan

BACKBONE = tuple(f"{name}." for name, _ in FBNetC().named_children())
BOXES = "reg_"
"""How the names of the branch of boxes begin."""

TRAINING = TrainSettings(
    epochs=4,
    batch_size=32,
    optimizer="adam",
    learning_rate=2e-5,
    rates=tuple((name, 0.1) for name in BACKBONE),
    weight_decay=0.0,
    schedule="step",
    schedule_every=1,
    schedule_factor=0.7,
    clip=10.0,
    checkpoint_every=50,
    log_every=10,
)
"""As published but for the rate, which was 1e-4 at the start of the published training."""

PAIRS = PairSettings()


@dataclass(frozen=True, kw_only=True)
class FEARPlan(SiamesePlan):
    """How much of everything.

    Attributes:
        cells: Whether the neck and the branch that finds the target learn, too; they do where the
            backbone does.
    """

    train: TrainSettings = TRAINING
    pairs: PairSettings = PAIRS
    samples: int = 800
    cells: bool = False
    reach: int = 70
    negative: float = 0.1
    blend: float = 0.25


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a batch of pairs: of cells and of boxes, in equal parts.

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.trackers.fear.train_pairs.PairSamples`, stacked.
    """
    assert isinstance(network, FEAR)
    logits, sides = network(batch["template"], batch["search"])
    return class_loss(logits, batch["on"]) + box_loss(sides, batch["sides"], batch["about"])


def learns(name: str, plan: FEARPlan, backbone: bool) -> bool:
    """Whether a parameter learns: all where the backbone does, and at least the branch of boxes."""
    return backbone or name.startswith(BOXES) or (plan.cells and not name.startswith(BACKBONE))


LEARNER = Learner(
    network=FEAR,
    plan=FEARPlan(),
    samples=lambda network, plan: PairSamples(plan.pairs),
    loss=pair_loss,
    tracker=lambda network: FEARTracker(FEARSettings(device="cpu"), network),
    learns=learns,
)

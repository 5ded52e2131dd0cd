"""DiMP, PrDiMP and SuperDiMP learn: their networks, losses, and the trackers they become.

The published ones begin with a ResNet that knew ImageNet, and learn for days on large GPUs. The
small one is SuperDiMP's head on a MobileNetV2.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from spectrack.trackers.dimp.network import SMALL as SIZES
from spectrack.trackers.dimp.network import DiMP
from spectrack.trackers.dimp.tracker import DiMPTracker
from spectrack.trackers.dimp.train_flags import SMALL as SMALL_FORM
from spectrack.trackers.dimp.train_losses import dimp_loss, judged, samples
from spectrack.trackers.dimp.train_plans import PLANS, SMALL
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import settings_of, tracker_entry
from spectrack.training.data.samples import Sample
from spectrack.training.siamese import Learner
from spectrack.weights.described import make_network
from spectrack.weights.table import WEIGHTS

NETWORK: dict[str, Any] = {"kind": "dimp", "backbone": {"kind": "mobilenet_v2"}, **SIZES}
"""The small network, for a file to say."""


def fresh_network(tracker: str) -> DiMP:
    """A network that knows nothing, in the form of a tracker."""
    small = tracker == SMALL_FORM
    network = make_network(NETWORK) if small else WEIGHTS[tracker_entry(tracker).weights[0]].build()
    assert isinstance(network, DiMP)
    return network


def learner_of(tracker: str) -> Learner[DiMP]:
    """What is a tracker's own."""
    small = tracker == SMALL_FORM
    plan = SMALL if small else PLANS[tracker]
    look = {"size_wh": [plan.pairs.size] * 2, "search": plan.pairs.search}

    def loss(network: nn.Module, batch: Sample) -> Tensor:
        return dimp_loss(network, batch, plan)

    def made(network: DiMP) -> Tracker:
        size, search = plan.pairs.size, plan.pairs.search
        return DiMPTracker(settings_of(tracker, device="cpu", side=size, search=search), network)

    return Learner(
        network=DiMP,
        plan=plan,
        data=samples,
        loss=loss,
        tracker=made,
        learns=lambda name, plan, backbone: True,
        tell=lambda network: {"samples": look, **({"network": NETWORK} if small else {})},
        judge=judged,
    )

"""SiamRPN and SiamRPN++ learn from pairs (Li et al., CVPR 2018, section 4.1; CVPR 2019, 3.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from spectrack.trackers.siamrpn.network import SiamRPN, SiamRPNAlexNet, SiamRPNPlusPlus
from spectrack.trackers.siamrpn.settings import SiamRPNSettings
from spectrack.trackers.siamrpn.tracker import SiamRPNTracker
from spectrack.tracking.region_proposals import AnchorProposals
from spectrack.training.anchor_grid import SEARCH, AnchorAnswers, anchor_loss
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_crops import PairSamples
from spectrack.training.siamese import Learner, SiamesePlan, described
from spectrack.training.siamese_plans import PLAN, PUBLISHED, SMALL_PLAN
from spectrack.training.siamese_schedule import WarmUp

SMALL_WIDTHS = (24, 48, 64, 64, 64)
SMALL_STEM = 16
SMALL_DEEP: dict[str, Any] = {"maps": 32, "planes": [16, 16, 32, 32], "stem": SMALL_STEM}


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a batch of pairs: of classes and of deltas.

    Args:
        network: On the batch's device.
        batch: Of samples with :class:`~spectrack.training.anchor_grid.AnchorAnswers`, stacked.
    """
    assert isinstance(network, SiamRPN)
    template, search = (batch[name].flip(1) for name in ("template", "search"))  # to BGR
    return anchor_loss(network(template, search), batch)


def samples(network: SiamRPN, plan: SiamesePlan) -> PairSamples:
    """Samples for a network: its grid is that of a search region of 255 pixels."""
    cells = AnchorProposals(SEARCH, network.base).cells
    return PairSamples(SEARCH, AnchorAnswers(cells), plan.pairs)


def tracker(network: SiamRPN) -> SiamRPNTracker:
    """The network at work."""
    return SiamRPNTracker(SiamRPNSettings(backbone=network.backbone_name, device="cpu"), network)


def alexnet_arguments(network: SiamRPNAlexNet) -> dict[str, Any]:
    """What a network with AlexNet was made with; that it has the depth-wise head goes unsaid."""
    convolutions = [m for m in network.backbone.modules() if isinstance(m, nn.Conv2d)]
    return {"widths": [convolution.out_channels for convolution in convolutions]}


def deep_arguments(network: SiamRPNPlusPlus) -> dict[str, Any]:
    """What a network with ResNet-50 was made with, where it is not the published one."""
    return SMALL_DEEP if network.backbone.conv1.out_channels == SMALL_STEM else {}


def made_alexnet(small: bool, like: SiamRPNAlexNet | None) -> SiamRPNAlexNet:
    """A network that has learned nothing."""
    if small:
        return SiamRPNAlexNet(SMALL_WIDTHS)
    return SiamRPNAlexNet() if like is None else SiamRPNAlexNet(**alexnet_arguments(like))


def made_deep(small: bool, like: SiamRPNPlusPlus | None) -> SiamRPNPlusPlus:
    """A network that has learned nothing."""
    if small:
        return SiamRPNPlusPlus(**SMALL_DEEP)
    return SiamRPNPlusPlus() if like is None else SiamRPNPlusPlus(**deep_arguments(like))


ALEXNET = Learner(
    network=SiamRPNAlexNet,
    plan=replace(
        PLAN,
        train=replace(PUBLISHED, batch_size=128, rates=()),
        negative=0.05,
        warm_up=WarmUp(5, 5e-3, 1e-2, 5e-4),
        frozen_epochs=10,
        always_frozen=tuple(f"backbone.features.{n}." for n in (0, 1, 4, 5, 8, 9)),
    ),
    small=SMALL_PLAN,
    samples=samples,
    loss=pair_loss,
    tracker=tracker,
    make=made_alexnet,
    tell=described("siamrpn", alexnet_arguments),
)
DEEP = Learner(
    network=SiamRPNPlusPlus,
    plan=replace(
        PLAN,
        train=replace(PUBLISHED, epochs=20, batch_size=28),
        frozen_epochs=10,
        always_frozen=("backbone.conv1.", "backbone.bn1.", "backbone.layer1."),
    ),
    small=SMALL_PLAN,
    samples=samples,
    loss=pair_loss,
    tracker=tracker,
    make=made_deep,
    tell=described("siamrpn++", deep_arguments),
)

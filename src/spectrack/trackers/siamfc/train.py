"""SiamFC learns from pairs (Bertinetto et al., ECCV workshops 2016, section 3.2)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from spectrack.networks.alexnet import WIDTHS
from spectrack.trackers.siamfc.network import SiamFC
from spectrack.trackers.siamfc.settings import SiamFCSettings
from spectrack.trackers.siamfc.tracker import SiamFCTracker
from spectrack.trackers.siamfc.train_labels import balanced_loss, response_labels
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_crops import PairSamples, PairSettings, Seen
from spectrack.training.siamese import Learner, SiamesePlan, described
from spectrack.training.siamese_plans import PUBLISHED, SMALL
from spectrack.training.siamese_schedule import WarmUp

SEARCH, CELLS = 239, 15
"""Side of the search region in training, and of the response map."""
SMALL_WIDTHS = (24, 48, 64, 64, 64)
CENTRED = PairSettings(search_shift=4.0, search_scale=0.05, blur=0.0, cast=0.0)
"""The target stays in the middle, as the labels have it."""


def answers(seen: Seen, rng: np.random.Generator) -> Sample:
    """``labels`` float32 (15, 15), the same for every search region that shows the target."""
    del rng
    labels = torch.from_numpy(response_labels(CELLS))
    return {"labels": labels if seen.same else torch.zeros_like(labels)}


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a batch of pairs.

    Args:
        network: On the batch's device; it sees red, green, blue.
        batch: Of samples with :func:`answers`, stacked.
    """
    assert isinstance(network, SiamFC)
    return balanced_loss(network(batch["template"], batch["search"]), batch["labels"])


def made(small: bool, like: SiamFC | None) -> SiamFC:
    """A network that has learned nothing, as the port that is followed begins."""
    widths = WIDTHS if like is None else widths_of(like.backbone)
    network = SiamFC(SMALL_WIDTHS if small else widths)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return network


LEARNER = Learner(
    network=SiamFC,
    plan=SiamesePlan(
        train=replace(PUBLISHED, batch_size=8, rates=(), weight_decay=5e-4, clip=None),
        pairs=CENTRED,
        samples=100_000,
        negative=0.0,
        warm_up=WarmUp(0, 1e-2, 1e-2, 1e-5),
    ),
    small=SiamesePlan(
        train=SMALL, pairs=CENTRED, samples=1200, negative=0.0, warm_up=WarmUp(0, 1e-2, 1e-2, 1e-3)
    ),
    samples=lambda network, plan: PairSamples(SEARCH, answers, plan.pairs),
    loss=pair_loss,
    tracker=lambda network: SiamFCTracker(SiamFCSettings(device="cpu"), network),
    make=made,
    # all of it is called backbone: there is no head that could learn alone
    learns=lambda name, plan, backbone: True,
    tell=described("siamfc", lambda network: {"widths": widths_of(network.backbone)}),
)


def widths_of(backbone: nn.Module) -> list[int]:
    """Maps after each convolution of an AlexNet."""
    return [m.out_channels for m in backbone.modules() if isinstance(m, nn.Conv2d)]

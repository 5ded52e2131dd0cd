"""SiamMask learns from pairs: boxes of anchors, and coarse masks (Wang et al., CVPR 2019, 3.1).

That is the first of the published program's two stages. The second one, in which what draws finer
masks learns beside a network that stays as it is, is not here: that part stays as it is in weights
to start from, and a network that begins without such weights has no such part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.trackers.siammask.network import CELLS, SEARCH, SiamMask
from spectrack.trackers.siammask.settings import SiamMaskSettings
from spectrack.trackers.siammask.tracker import SiamMaskTracker
from spectrack.trackers.siammask.train_labels import (
    SIDE,
    mask_loss,
    mask_squares,
    positive_cells,
)
from spectrack.training.anchor_grid import AnchorAnswers, anchor_loss
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_crops import PairSamples, Seen
from spectrack.training.siamese import BACKBONE, Learner, described
from spectrack.training.siamese_plans import PLAN, PUBLISHED, SMALL_PLAN
from spectrack.training.siamese_schedule import WarmUp

MASKS = 36.0
"""Weight of the masks' loss."""
FINER = "refine_head."
SMALL_STEM = 16
SMALL: dict[str, Any] = {"maps": 32, "planes": [16, 16, 32, 32], "stem": SMALL_STEM}


@dataclass(frozen=True)
class MaskAnswers:
    """What cells should answer: those of anchors, and ``mask`` float32 (255, 255), 1 and -1.

    Args:
        anchors: Of the grid.
    """

    anchors: AnchorAnswers

    def __call__(self, seen: Seen, rng: np.random.Generator) -> Sample:
        """For a search region."""
        mask = torch.from_numpy(np.where(seen.mask_hw, np.float32(1), np.float32(-1)))
        return self.anchors(seen, rng) | {"mask": mask}


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a batch of pairs: of anchors, and of the masks of cells on targets.

    Args:
        network: On the batch's device.
        batch: Of samples with :class:`MaskAnswers`, stacked.
    """
    assert isinstance(network, SiamMask)
    template, search = (network.extract(batch[name].flip(1)) for name in ("template", "search"))
    boxes = anchor_loss(network.answer(template, search), batch)
    cells_k3 = positive_cells(batch["classes"])
    if not len(cells_k3):
        return boxes
    correlations = network.mask_head.correlate(template.compared, search.compared)
    sample, row, column = cells_k3.unbind(1)
    coarse = network.coarse_mask(correlations[sample, :, row, column][..., None, None])
    size = (SIDE, SIDE)
    logits = F.interpolate(coarse[:, None], size, mode="bilinear", align_corners=True)[:, 0]
    return boxes + MASKS * mask_loss(logits, mask_squares(batch["mask"], cells_k3))


def arguments(network: SiamMask) -> dict[str, Any]:
    """What a network was made with, where it is not the published one."""
    sizes = SMALL if network.backbone.conv1.out_channels == SMALL_STEM else {}
    return sizes if network.refines else {**sizes, "refines": False}


def made(small: bool, like: SiamMask | None) -> SiamMask:
    """A network that has learned nothing, without the part that does not learn here."""
    sizes = SMALL if small else {} if like is None else arguments(like)
    return SiamMask(**{**sizes, "refines": False})


LEARNER = Learner(
    network=SiamMask,
    plan=replace(
        PLAN,
        train=replace(PUBLISHED, epochs=20, batch_size=64),
        warm_up=WarmUp(last=2.5e-3),
        always_frozen=("backbone.conv1.", "backbone.bn1.", "backbone.layer1."),
    ),
    small=SMALL_PLAN,
    samples=lambda network, plan: PairSamples(
        SEARCH, MaskAnswers(AnchorAnswers(CELLS)), plan.pairs
    ),
    loss=pair_loss,
    tracker=lambda network: SiamMaskTracker(SiamMaskSettings(device="cpu"), network),
    make=made,
    learns=lambda name, plan, backbone: (
        not name.startswith(FINER) and (backbone or not name.startswith(BACKBONE))
    ),
    tell=described("siammask", arguments),
)

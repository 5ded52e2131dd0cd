"""The network of SiamMask: boxes of anchors as SiamRPN has them, and a mask at every cell.

Wang et al., Fast Online Object Tracking and Segmentation: A Unifying Approach, CVPR 2019, section
3. One layer of a deep backbone is compared with the template's; a third tower beside those of
scores and boxes says what the mask about a cell is. Names of parameters are PySOT's; those of the
authors' own checkpoints are put into these when they are read. Images are blue, green, red, 0 to
255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.atrous_resnet import AtrousResNet50
from spectrack.networks.region_proposal_heads import Answers, DepthwiseRPN, DepthwiseTower
from spectrack.networks.siamese_neck import MIDDLE, SiameseNeck
from spectrack.trackers.siammask.refinement import SIDE, Refinement

SEARCH, BASE, CELLS = 255, 8, 25
"""Side of the search region, cells that the grid has more than without padding, and its side."""
COARSE_MASK = 63
"""Side of the mask that the third tower alone makes."""
LAYERS = ("conv1", "layer1", "layer2")
"""Finer layers, of which masks are drawn."""
COMPARED = "layer3"


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the backbone says of an image.

    Attributes:
        compared: Maps after the neck, (N, 256, n, n): 7 cells a side of a template, 31 of a search
            region.
        finer: Maps of :data:`LAYERS`, finest first.
    """

    compared: Tensor
    finer: list[Tensor]


class SiamMask(nn.Module):
    """The network; the published one where nothing is given.

    Args:
        planes: Of the backbone's four layers, of which three are there.
        stem: Maps after its first convolution.
        maps: After the neck.
        refines: Whether it has what draws masks finer. Where that has not learned, it is left out:
            masks of it would be noise.
    """

    def __init__(
        self,
        planes: Sequence[int] = (64, 128, 256, 512),
        stem: int = 64,
        maps: int = 256,
        refines: bool = True,
    ) -> None:
        super().__init__()
        self.backbone = AtrousResNet50(COMPARED, planes, stem)
        channels = self.backbone.channels
        self.neck = SiameseNeck([channels[COMPARED]], maps)
        self.rpn_head = DepthwiseRPN(maps)
        self.mask_head = DepthwiseTower(maps, COARSE_MASK**2)
        finer = [channels[name] for name in LAYERS]
        self.refine_head = Refinement(finer, maps) if refines else None

    @property
    def refines(self) -> bool:
        """Whether it can draw masks with the finer layers."""
        return self.refine_head is not None

    def extract(self, images_nchw: Tensor) -> Features:
        """What is seen in templates (N, 3, 127, 127) or search regions (N, 3, 255, 255)."""
        found = self.backbone(images_nchw, (*LAYERS, COMPARED))
        (compared,) = self.neck([found[COMPARED]])
        return Features(compared, [found[name] for name in LAYERS])

    def answer(self, template: Features, search: Features) -> Answers:
        """Logits (N, 10, 25, 25) and deltas (N, 20, 25, 25) of anchors.

        See :mod:`spectrack.networks.region_proposal_heads`.
        """
        answers: Answers = self.rpn_head(template.compared, search.compared)
        return answers

    def mask(
        self, template: Features, search: Features, cell: tuple[int, int], refined: bool = True
    ) -> Tensor:
        """The mask about one cell; only what it needs is computed.

        Args:
            template: By :meth:`extract`.
            search: By :meth:`extract`.
            cell: Row and column.
            refined: Drawn with the finer layers, where the network can; otherwise as the third
                tower has it, enlarged as in its training.

        Returns:
            Logits (N, 127, 127), of a square of the search region whose first pixel lies at
            8 (row - 4), 8 (column - 4).
        """
        correlation = self.correlate(template, search, cell)
        if not refined or self.refine_head is None:
            coarse = self.coarse_mask(correlation)[:, None]
            return F.interpolate(coarse, (SIDE, SIDE), mode="bilinear", align_corners=True)[:, 0]
        logits: Tensor = self.refine_head(search.finer, correlation, cell)
        return logits

    def correlate(self, template: Features, search: Features, cell: tuple[int, int]) -> Tensor:
        """Correlation of the third tower at one cell, (N, maps, 1, 1)."""
        row, column = cell
        part = search.compared[..., row : row + MIDDLE, column : column + MIDDLE]
        return self.mask_head.correlate(template.compared, part)

    def coarse_mask(self, correlation_nc11: Tensor) -> Tensor:
        """What the third tower makes of the correlation at a cell: logits (N, 63, 63)."""
        coarse: Tensor = self.mask_head.head(correlation_nc11)
        return coarse.reshape(-1, COARSE_MASK, COARSE_MASK)

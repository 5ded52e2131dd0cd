"""The network of SiamBAN: a template and a search region to scores and boxes, without anchors.

Chen et al., Siamese Box Adaptive Network for Visual Tracking, CVPR 2020, sections 3.1 and 3.2.
Every cell of a grid over the search region answers whether it lies on the target, and how far the
four sides of its box are; three layers of the backbone answer, and their answers are averaged.
Names of parameters are those of the published checkpoints. Images are blue, green, red, 0 to 255.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spectrack.networks.atrous_resnet import AtrousResNet50
from spectrack.networks.region_proposal_heads import Answers, DepthwiseRPN, level_mean
from spectrack.networks.siamese_neck import SiameseNeck

TEMPLATE, SEARCH, STRIDE, CELLS = 127, 255, 8, 25
"""Sides of template and search region in pixels, pixels a cell, and cells of the grid's side."""
LEVELS = ("layer2", "layer3", "layer4")
HEADS = ("box2", "box3", "box4")
"""Layers of the backbone that answer, and what their heads are called."""
LARGEST_LOG = math.log(64.0 * SEARCH)
"""Distances are cut there, and at one over it: no network that has learned answers with more, and
the exponential of one that has not is beyond any number."""


class BoxAdaptiveHead(nn.Module):
    """Scores and boxes of three levels, and their means (section 3.2).

    Args:
        maps: Of every level after the neck.
    """

    def __init__(self, maps: int = 256) -> None:
        super().__init__()
        for name in HEADS:
            # two maps of classes and four of a box: what a single anchor would have
            self.add_module(name, DepthwiseRPN(maps, anchors=1))
        self.cls_weight = nn.Parameter(torch.ones(len(LEVELS)))
        self.loc_weight = nn.Parameter(torch.ones(len(LEVELS)))
        self.loc_scale = nn.Parameter(torch.ones(len(LEVELS)))

    def levels(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> list[Answers]:
        """Logits (N, 2, n, n) and raw numbers of the boxes (N, 4, n, n) of every level.

        Args:
            templates: Maps of the template by level, each (N, C, 7, 7).
            searches: The same of the search region, (N, C, 31, 31).
        """
        return [
            self.get_submodule(name)(template, search)
            for name, template, search in zip(HEADS, templates, searches, strict=True)
        ]

    def mean(self, answers: Sequence[Answers]) -> Answers:
        """The answers of :meth:`levels` in one: logits, and distances, which are positive."""
        cls, loc = zip(*answers, strict=True)
        # each level has a scale of its own, and it is distances that are averaged
        sides = [
            (scale * raw).clamp(-LARGEST_LOG, LARGEST_LOG).exp()
            for scale, raw in zip(self.loc_scale, loc, strict=True)
        ]
        return level_mean(cls, self.cls_weight), level_mean(sides, self.loc_weight)

    def forward(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> Answers:
        """See :meth:`SiamBAN.answer`."""
        return self.mean(self.levels(templates, searches))


class SiamBAN(nn.Module):
    """The network; the published one where nothing is given.

    Args:
        planes: Of the backbone's four layers; fewer make a smaller network of this form.
        stem: Maps after its first convolution.
        maps: Of every level after the neck.
    """

    def __init__(
        self, planes: Sequence[int] = (64, 128, 256, 512), stem: int = 64, maps: int = 256
    ) -> None:
        super().__init__()
        self.backbone = AtrousResNet50("layer4", planes, stem)
        self.neck = SiameseNeck([self.backbone.channels[name] for name in LEVELS], maps)
        self.head = BoxAdaptiveHead(maps)

    def extract(self, images_nchw: Tensor) -> list[Tensor]:
        """Maps of three levels, each (N, maps, n, n).

        Args:
            images_nchw: Templates (N, 3, 127, 127), of which n is 7, or search regions
                (N, 3, 255, 255), of which it is 31; blue, green, red, 0 to 255.
        """
        found = self.backbone(images_nchw, LEVELS)
        levels: list[Tensor] = self.neck([found[name] for name in LEVELS])
        return levels

    def answer(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> Answers:
        """What is where.

        Args:
            templates: Maps of the template by :meth:`extract`.
            searches: Maps of the search region.

        Returns:
            Logits (N, 2, 25, 25), of which channel 1 is the target's, and distances (N, 4, 25, 25)
            of a cell's point to the left, top, right and bottom side, in pixels of the search
            region.
        """
        logits, sides = self.head(templates, searches)
        return logits, sides

    def forward(self, templates_nchw: Tensor, searches_nchw: Tensor) -> Answers:
        """Images to the answers of :meth:`answer`."""
        return self.answer(self.extract(templates_nchw), self.extract(searches_nchw))

"""SiamRPN's networks: a template and a search region to scores and boxes of anchors.

SiamRPN with AlexNet (Li et al., CVPR 2018, with the depth-wise head of its successor, or the first
paper's own), and SiamRPN++ with ResNet-50 (Li et al., CVPR 2019). Names of parameters are those of
the published checkpoints. Images are blue, green, red, raw pixels 0 to 255.

The published form with MobileNetV2 is not here: nothing at hand tells the names of its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from spectrack.networks.alexnet import WIDTHS, AlexNet
from spectrack.networks.atrous_resnet import AtrousResNet50
from spectrack.networks.region_proposal_heads import (
    Answers,
    DepthwiseRPN,
    MultiLevelRPN,
    UpChannelRPN,
)
from spectrack.networks.siamese_neck import SiameseNeck

Backbone = Literal["alexnet", "resnet50"]

ANCHORS = 5
LEVELS = (2, 3, 4)
"""Layers of ResNet-50 that are compared."""
LONG_TERM_MAPS = (128, 256, 512)
"""Of the three levels after the neck in the long-term form."""


class SiamRPN(nn.Module):
    """What both networks are to whoever uses them.

    Attributes:
        backbone_name: ``alexnet`` or ``resnet50``.
        search: Side of the search region in pixels.
        base: Cells more than the difference of template and search region gives.
        usual: Name of the settings that were published with weights of this form.
    """

    backbone_name: ClassVar[Backbone]
    search: ClassVar[int]
    base: ClassVar[int]
    usual: str = "vot"

    def extract(self, images_nchw: Tensor) -> list[Tensor]:
        """Maps of templates or search regions, level by level, each (N, C, h, w).

        Args:
            images_nchw: (N, 3, H, W), blue, green, red, 0 to 255; H is 127 for a template.
        """
        raise NotImplementedError

    def answer(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> Answers:
        """What is where.

        Args:
            templates: Maps of the template by :meth:`extract`.
            searches: Maps of the search region.

        Returns:
            Logits (N, 10, n, n) and deltas (N, 20, n, n), see
            :mod:`spectrack.networks.region_proposal_heads`.
        """
        raise NotImplementedError

    def forward(self, templates_nchw: Tensor, searches_nchw: Tensor) -> Answers:
        """Images to the answers of :meth:`answer`."""
        return self.answer(self.extract(templates_nchw), self.extract(searches_nchw))


class SiamRPNAlexNet(SiamRPN):
    """SiamRPN: one level; 21 cells a side of a search region of 287 pixels.

    Args:
        widths: Of the backbone, see :class:`~spectrack.networks.alexnet.AlexNet`.
        head: ``depthwise`` as the published weights have it, or ``up`` as in the first paper.
    """

    backbone_name = "alexnet"
    search = 287
    base = 0

    def __init__(
        self, widths: Sequence[int] = WIDTHS, head: Literal["depthwise", "up"] = "depthwise"
    ) -> None:
        super().__init__()
        heads = {"depthwise": DepthwiseRPN, "up": UpChannelRPN}
        self.backbone = AlexNet(widths)
        self.rpn_head = heads[head](widths[-1], ANCHORS)

    def extract(self, images_nchw: Tensor) -> list[Tensor]:
        """See :meth:`SiamRPN.extract`: (N, 256, 6, 6), or 26 cells a side."""
        return [self.backbone(images_nchw)]

    def answer(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> Answers:
        """See :meth:`SiamRPN.answer`; n is 21."""
        answers: Answers = self.rpn_head(templates[0], searches[0])
        return answers


class SiamRPNPlusPlus(SiamRPN):
    """SiamRPN++: three levels of a deep backbone; 25 cells a side of a region of 255 pixels.

    Args:
        maps: After the neck, of all levels or level by level (:data:`LONG_TERM_MAPS`).
        weighted: Whether the mean over levels has learned weights.
        planes: Of the backbone, see :class:`~spectrack.networks.atrous_resnet.AtrousResNet50`.
        stem: Of the backbone.
    """

    backbone_name = "resnet50"
    search = 255
    base = 8

    def __init__(
        self,
        maps: int | Sequence[int] = 256,
        weighted: bool = True,
        planes: Sequence[int] = (64, 128, 256, 512),
        stem: int = 64,
    ) -> None:
        super().__init__()
        self.backbone = AtrousResNet50("layer4", planes, stem)
        self._layers = [f"layer{level}" for level in LEVELS]
        inputs = [self.backbone.channels[name] for name in self._layers]
        self.neck = SiameseNeck(inputs, maps)
        by_level = maps if isinstance(maps, int) else dict(zip(LEVELS, maps, strict=True))
        self.rpn_head = MultiLevelRPN(LEVELS, by_level, ANCHORS, weighted)
        if not weighted:
            self.usual = "otb"
        elif not isinstance(maps, int):
            self.usual = "lt"

    def extract(self, images_nchw: Tensor) -> list[Tensor]:
        """See :meth:`SiamRPN.extract`: 7 cells a side of a template, 31 of a search region."""
        found = self.backbone(images_nchw, self._layers)
        maps: list[Tensor] = self.neck([found[name] for name in self._layers])
        return maps

    def answer(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> Answers:
        """See :meth:`SiamRPN.answer`; n is 25."""
        answers: Answers = self.rpn_head(templates, searches)
        return answers

"""Heads that compare a template with a search region and answer for anchors at every cell.

SiamRPN's, where the template becomes filters (Li et al., CVPR 2018, section 3.2), SiamRPN++'s, with
one filter a map, and its weighted mean over layers of a backbone (Li et al., CVPR 2019, sections
3.2 and 3.3). Names of parameters are those of the published checkpoints.

Letters: N pairs, C maps, A anchors a cell. Classes are the slower: channel A + a is the target at
anchor a, channel a what is around it. Of the boxes' channels A are for each of dx, dy, dw, dh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from spectrack.networks.lenient_norm import LenientBatchNorm2d
from spectrack.networks.siamese_correlation import cross_correlation, depthwise_correlation

Answers = tuple[Tensor, Tensor]
"""Logits (N, 2A, n, n) and deltas (N, 4A, n, n)."""


class DepthwiseTower(nn.Module):
    """Map-by-map correlation, and what it means: one answer of a head (SiamRPN++, section 3.3).

    Args:
        maps: Of template and search region, C.
        out: Of the answer.
    """

    def __init__(self, maps: int, out: int) -> None:
        super().__init__()
        self.conv_kernel = _normalised(maps, 3)
        self.conv_search = _normalised(maps, 3)
        self.head = nn.Sequential(*_normalised(maps, 1), nn.Conv2d(maps, out, 1))

    def correlate(self, template_nchw: Tensor, search_nchw: Tensor) -> Tensor:
        """Correlation (N, C, n, n) of a template (N, C, h, h) and a search region (N, C, H, H).

        All pairs are one grouped convolution; n is H - h + 1.
        """
        return depthwise_correlation(self.conv_kernel(template_nchw), self.conv_search(search_nchw))

    def forward(self, template_nchw: Tensor, search_nchw: Tensor) -> Tensor:
        """Maps of :meth:`correlate` to the answer, (N, out, n, n)."""
        answer: Tensor = self.head(self.correlate(template_nchw, search_nchw))
        return answer


def _normalised(maps: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(maps, maps, side, bias=False), LenientBatchNorm2d(maps), nn.ReLU(inplace=True)
    )


class DepthwiseRPN(nn.Module):
    """A tower for the classes and one for the boxes.

    Args:
        maps: Of template and search region.
        anchors: A.
    """

    def __init__(self, maps: int = 256, anchors: int = 5) -> None:
        super().__init__()
        self.cls = DepthwiseTower(maps, 2 * anchors)
        self.loc = DepthwiseTower(maps, 4 * anchors)

    def forward(self, template_nchw: Tensor, search_nchw: Tensor) -> Answers:
        """See :data:`Answers`."""
        return self.cls(template_nchw, search_nchw), self.loc(template_nchw, search_nchw)


class UpChannelRPN(nn.Module):
    """The template as 2A and 4A filters over all maps of the search region (SiamRPN, Eq. 3).

    Args:
        maps: Of template and search region.
        anchors: A.
    """

    def __init__(self, maps: int = 256, anchors: int = 5) -> None:
        super().__init__()
        self.template_cls_conv = nn.Conv2d(maps, maps * 2 * anchors, 3)
        self.template_loc_conv = nn.Conv2d(maps, maps * 4 * anchors, 3)
        self.search_cls_conv = nn.Conv2d(maps, maps, 3)
        self.search_loc_conv = nn.Conv2d(maps, maps, 3)
        self.loc_adjust = nn.Conv2d(4 * anchors, 4 * anchors, 1)
        self.maps = maps

    def forward(self, template_nchw: Tensor, search_nchw: Tensor) -> Answers:
        """See :data:`Answers`."""
        kernels = [
            conv(template_nchw).unflatten(1, (-1, self.maps))
            for conv in (self.template_cls_conv, self.template_loc_conv)
        ]
        cls = cross_correlation(kernels[0], self.search_cls_conv(search_nchw))
        loc = cross_correlation(kernels[1], self.search_loc_conv(search_nchw))
        return cls, self.loc_adjust(loc)


class MultiLevelRPN(nn.Module):
    """A head for every level of a backbone, and the mean of their answers (SiamRPN++, Eq. 5).

    Args:
        levels: Numbers of the levels, which are part of the parameters' names.
        maps: Of each level after the neck.
        anchors: A.
        weighted: Whether the mean's weights are learned; a plain mean otherwise.
    """

    def __init__(
        self,
        levels: Sequence[int] = (2, 3, 4),
        maps: int | Mapping[int, int] = 256,
        anchors: int = 5,
        weighted: bool = True,
    ) -> None:
        super().__init__()
        self.cls_weight = nn.Parameter(torch.ones(len(levels))) if weighted else None
        self.loc_weight = nn.Parameter(torch.ones(len(levels))) if weighted else None
        self.heads: list[str] = []
        for level in levels:
            width = maps if isinstance(maps, int) else maps[level]
            self.heads.append(f"rpn{level}")
            self.add_module(self.heads[-1], DepthwiseRPN(width, anchors))

    def levels(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> list[Answers]:
        """The answers of every level.

        Args:
            templates: Maps of the template by level, each (N, C, h, h).
            searches: The same of the search region.
        """
        return [
            self.get_submodule(name)(template, search)
            for name, template, search in zip(self.heads, templates, searches, strict=True)
        ]

    def forward(self, templates: Sequence[Tensor], searches: Sequence[Tensor]) -> Answers:
        """See :data:`Answers`."""
        cls, loc = zip(*self.levels(templates, searches), strict=True)
        return level_mean(cls, self.cls_weight), level_mean(loc, self.loc_weight)


def level_mean(maps: Sequence[Tensor], weights_l: Tensor | None) -> Tensor:
    """Mean of equal maps of some levels.

    Args:
        maps: Of each level.
        weights_l: One number for each, of which the soft maximum weighs them; equal if None.
    """
    stacked = torch.stack(tuple(maps))
    if weights_l is None:
        return stacked.mean(0)
    return torch.tensordot(weights_l.softmax(0), stacked, 1)

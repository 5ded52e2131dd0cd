"""NanoTrack's networks, versions 1 to 3: a template and a search region to scores and boxes.

A box head as in SiamBAN (Chen et al., CVPR 2020) on MobileNetV3-Small: every cell of a grid over
the search region answers whether it lies on the target, and how far its four sides are. Names of
parameters are those of the published checkpoints. Images are raw pixels, 0 to 255.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.mobilenet_v3 import MobileNetV3Small
from spectrack.networks.siamese_correlation import DepthwiseCorrelation, PixelwiseCorrelation

Version = Literal["v1", "v2", "v3"]
Branch = Literal["cls", "reg"]
Kernels = Mapping[str, Tensor]
"""Name of a correlation to what is made of the template for it."""

TEMPLATE, SEARCH, STRIDE = 127, 255, 16
"""Sides of template and search region in pixels, and pixels a cell of the grid."""
CELLS = 64
"""Of the template's maps, 8x8; each is a map of the cell-by-cell correlation."""


def _tower(widths: tuple[int, ...], kernels: tuple[int, ...]) -> nn.Sequential:
    """Layers of versions 1 and 2: depth-wise, 1x1, normalisation, ReLU6."""
    layers: list[nn.Module] = []
    for (before, after), k in zip(pairwise(widths), kernels, strict=True):
        layers += [
            nn.Conv2d(before, before, k, padding=k // 2, groups=before, bias=False),
            nn.Conv2d(before, after, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU6(),
        ]
    return nn.Sequential(*layers)


def _tower_v3(maps: int, count: int) -> nn.Sequential:
    """Layers of version 3: normalised after either convolution, ReLU6 between them alone."""
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [
            nn.Conv2d(maps, maps, 3, padding=1, groups=maps, bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU6(),
            nn.Conv2d(maps, maps, 1, bias=False),
            nn.BatchNorm2d(maps),
        ]
    return nn.Sequential(*layers)


def _answer(maps: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(maps, out, 1))


class Head(nn.Module):
    """What all heads have in common: correlations with what is made of a template once."""

    def kernels(self, template_nchw: Tensor) -> Kernels:
        """What is made of the template's maps alone, for every correlation."""
        return {
            name: part.kernel(template_nchw)
            for name, part in self.named_children()
            if isinstance(part, PixelwiseCorrelation | DepthwiseCorrelation)
        }


class HeadV1(Head):
    """One correlation for both answers."""

    def __init__(self) -> None:
        super().__init__()
        self.corr_pw = PixelwiseCorrelation(CELLS)
        self.cls_tower = _tower((CELLS, 128, 128, 128), (5, 5, 3))
        self.bbox_tower = _tower((CELLS, 96, 96, 96, 96), (3, 3, 5, 5))
        self.cls_logits = _answer(128, 2)
        self.bbox_pred = _answer(96, 4)

    def forward(self, kernels: Kernels, search_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 2, n, n) and logarithms of distances (N, 4, n, n)."""
        both = self.corr_pw(kernels["corr_pw"], search_nchw)
        return self.cls_logits(self.cls_tower(both)), self.bbox_pred(self.bbox_tower(both))


class HeadV2(Head):
    """A correlation for either answer, of projected maps."""

    def __init__(self, maps: int = 48) -> None:
        super().__init__()
        self.corr_pw_reg = PixelwiseCorrelation(CELLS, maps)
        self.corr_pw_cls = PixelwiseCorrelation(CELLS, maps)
        widths, kernels = (CELLS, *(96,) * 6), (3,) * 6
        self.cls_pw_tower = _tower(widths, kernels)
        self.bbox_pw_tower = _tower(widths, kernels)
        self.cls_pred = _answer(96, 2)
        self.bbox_pred = _answer(96, 4)

    def forward(self, kernels: Kernels, search_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 2, n, n) and logarithms of distances (N, 4, n, n)."""
        cls = self.cls_pw_tower(self.corr_pw_cls(kernels["corr_pw_cls"], search_nchw))
        reg = self.bbox_pw_tower(self.corr_pw_reg(kernels["corr_pw_reg"], search_nchw))
        return self.cls_pred(cls), self.bbox_pred(reg)


class HeadV3(Head):
    """Correlations cell by cell and map by map for either answer."""

    def __init__(self, maps: int = 96) -> None:
        super().__init__()
        for branch in ("cls", "reg"):
            self.add_module(f"corr_pw_{branch}", PixelwiseCorrelation(CELLS, maps, narrow=True))
            self.add_module(f"corr_dw_{branch}", DepthwiseCorrelation(maps, margin=2, padding=1))
            self.add_module(f"down_{branch}", _answer(CELLS + maps, maps))
        self.cls_tower = _tower_v3(maps, 6)
        self.bbox_tower = _tower_v3(maps, 6)
        self.cls_logits = _answer(maps, 2)
        self.bbox_pred = _answer(maps, 4)

    def forward(self, kernels: Kernels, search_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 2, n, n) and logarithms of distances (N, 4, n, n)."""
        cls = self.cls_tower(self.fuse("cls", kernels, search_nchw))
        reg = self.bbox_tower(self.fuse("reg", kernels, search_nchw))
        return self.cls_logits(cls), self.bbox_pred(reg)

    def fuse(self, branch: Branch, kernels: Kernels, search_nchw: Tensor) -> Tensor:
        """Both correlations of an answer as (N, maps, n, n)."""
        names = [f"corr_{kind}_{branch}" for kind in ("pw", "dw")]
        both = [self.get_submodule(name)(kernels[name], search_nchw) for name in names]
        maps = torch.cat(both, 1)
        fused: Tensor = self.get_submodule(f"down_{branch}")(maps)
        return fused


class Neck(nn.Module):
    """Weights that the published files have and no answer needs; they are loaded and kept."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.downsample = nn.Sequential(nn.Conv2d(maps, maps, 1, bias=False), nn.BatchNorm2d(maps))


class NanoTrack(nn.Module):
    """The network of one version.

    Args:
        version: ``v1``, ``v2`` or ``v3``.

    Attributes:
        version: The same.
        cells: Side of the grid: 16, or 15 in version 3.

    Raises:
        InputError: If there is no such version.
    """

    def __init__(self, version: Version) -> None:
        super().__init__()
        heads: dict[str, type[Head]] = {"v1": HeadV1, "v2": HeadV2, "v3": HeadV3}
        if version not in heads:
            raise InputError(f"NanoTrack has no version {version!r}; give {', '.join(heads)}")
        self.version: Version = version
        self.cells = 15 if version == "v3" else 16
        self.backbone = MobileNetV3Small(9 if version == "v3" else 8)
        self.neck = Neck(96 if version == "v3" else CELLS)
        self.ban_head = heads[version]()

    def extract(self, images_nchw: Tensor) -> Tensor:
        """Maps of a template (N, 3, 127, 127) or search region (N, 3, 255, 255), 0 to 255, BGR."""
        maps: Tensor = self.backbone(images_nchw)
        return maps

    def answer(self, template_nchw: Tensor, search_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """What is where.

        Args:
            template_nchw: Maps of the template by :meth:`extract`.
            search_nchw: Maps of the search region.

        Returns:
            Logits (N, 2, n, n), of which channel 1 is the target's, and distances (N, 4, n, n) of
            a cell's point to the left, top, right and bottom side, in pixels of the search region.
        """
        return self.compare(self.remember(template_nchw), search_nchw)

    def remember(self, template_nchw: Tensor) -> Kernels:
        """What is made of the template's maps once, for all search regions to come."""
        return self.ban_head.kernels(template_nchw)

    def compare(self, kernels: Kernels, search_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """The answers of :meth:`answer`, of what :meth:`remember` gave."""
        logits, distances = self.ban_head(kernels, search_nchw)
        return logits, distances.exp()

    def forward(self, templates_nchw: Tensor, searches_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """Images to the answers of :meth:`answer`."""
        return self.answer(self.extract(templates_nchw), self.extract(searches_nchw))

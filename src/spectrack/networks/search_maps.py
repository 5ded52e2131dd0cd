"""What IoU-Net keeps of images: modulation of a reference, maps of a test image or of a part of it.

A target fills a small part of its search region, and so do the boxes that are judged about it. Two
3x3 convolutions need not be done elsewhere: within a part their values are those of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

FINE, COARSE = 1 / 8, 1 / 16
"""Scales of layer2 and layer3."""

HALO = 2
"""Cells about a part of a map that two convolutions read."""


@dataclass(frozen=True, slots=True)
class Modulation:
    """What a reference image and a box in it say of a target.

    Attributes:
        fine_nc: (N, C), factors of the maps of layer2, a row for each reference.
        coarse_nc: Of those of layer3.
    """

    fine_nc: Tensor
    coarse_nc: Tensor

    def mean(self) -> Modulation:
        """The mean over references of one target, (1, C) each."""
        return Modulation(self.fine_nc.mean(0, keepdim=True), self.coarse_nc.mean(0, keepdim=True))


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a map there is.

    Attributes:
        first_yx: Its first row and column.
        whole_hw: Size of the whole map.
    """

    first_yx: tuple[int, int]
    whole_hw: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SearchMaps:
    """What a test image gives, whatever the boxes.

    Attributes:
        fine_nchw: (N, C, H / 8, W / 8), or a part of it.
        coarse_nchw: (N, C, H / 16, W / 16), or a part.
        fine_part: Which part; None for the whole.
        coarse_part: See there.
    """

    fine_nchw: Tensor
    coarse_nchw: Tensor
    fine_part: Part | None = None
    coarse_part: Part | None = None

    def modulate(self, modulation: Modulation) -> SearchMaps:
        """Made to look for a target; one row of ``modulation`` for each image, or one for all."""
        return replace(
            self,
            fine_nchw=self.fine_nchw * modulation.fine_nc[:, :, None, None],
            coarse_nchw=self.coarse_nchw * modulation.coarse_nc[:, :, None, None],
        )

    def cover(self, boxes_npxywh: Tensor) -> bool:
        """Whether the maps hold all that lies in boxes (N, P, 4) and in the image."""
        edges = None
        for part, maps, scale in (
            (self.fine_part, self.fine_nchw, FINE),
            (self.coarse_part, self.coarse_nchw, COARSE),
        ):
            if part is None:
                continue
            if edges is None:
                near, far = boxes_npxywh[..., :2], boxes_npxywh[..., :2] + boxes_npxywh[..., 2:]
                x, y = torch.cat((near, far), 1).flatten(0, 1).unbind(1)
                edges = torch.stack((*y.aminmax(), *x.aminmax())).tolist()
            if not all(math.isfinite(edge) for edge in edges):
                return False
            for axis, whole in enumerate(part.whole_hw):
                first, stop = _cells(edges[2 * axis], edges[2 * axis + 1], scale, whole)
                there = part.first_yx[axis]
                if first < there or stop > there + maps.shape[2 + axis]:
                    return False
        return True


def _cells(start: float, end: float, scale: float, length: int) -> tuple[int, int]:
    """The cells that a bilinear map is read from between two edges: first, one past the last."""
    first = min(max(math.floor(start * scale), 0), length - 1)
    return first, min(max(math.ceil(end * scale), first), length - 1) + 1


def partly(
    convolutions: Callable[[Tensor], Tensor],
    maps_nchw: Tensor,
    box_xyxy: tuple[float, float, float, float],
    scale: float,
) -> tuple[Tensor, Part]:
    """What two 3x3 convolutions give within a box, as they do it in the whole."""
    height, width = maps_nchw.shape[2:]
    left, top, right, bottom = box_xyxy
    rows, columns = _cells(top, bottom, scale, height), _cells(left, right, scale, width)
    up, aside = max(rows[0] - HALO, 0), max(columns[0] - HALO, 0)
    out = convolutions(maps_nchw[:, :, up : rows[1] + HALO, aside : columns[1] + HALO])
    out = out[:, :, rows[0] - up : rows[1] - up, columns[0] - aside : columns[1] - aside]
    return out, Part((rows[0], columns[0]), (height, width))


def from_part(part: Part | None, boxes_npxyxy: Tensor, scale: float) -> Tensor:
    """Boxes told from the first cell of a part."""
    if part is None:
        return boxes_npxyxy
    top, left = (first / scale for first in part.first_yx)
    return boxes_npxyxy - boxes_npxyxy.new_tensor([left, top, left, top])

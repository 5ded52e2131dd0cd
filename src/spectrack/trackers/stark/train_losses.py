"""What STARK's boxes are learned by: where the truth is in a crop, GIoU and L1 (section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spectrack.structures import Box

GIOU_WEIGHT, L1_WEIGHT = 2.0, 5.0


def box_in_crop(box: Box, about: Box, scale: float, side: int) -> Box:
    """The true box in shares of a crop's side.

    Args:
        box: In the frame.
        about: What the crop is about.
        scale: Pixels of the crop for one of the frame.
        side: Of the crop.

    Returns:
        The box; ``about`` has its centre between the first and the last pixel, as the published
        training has it, half a pixel before the crop's middle.
    """
    w, h = box.w * scale, box.h * scale
    cx, cy = (
        (side - 1) / 2 + (of - middle) * scale
        for of, middle in zip(box.center, about.center, strict=True)
    )
    return Box((cx - w / 2) / side, (cy - h / 2) / side, w / side, h / side)


@dataclass(frozen=True, slots=True, eq=False)
class BoxLoss:
    """What boxes cost.

    Args:
        giou: Mean of 1 - GIoU; 0 where a box of the batch is inside out.
        l1: Mean difference of a corner's coordinate.
    """

    giou: Tensor
    l1: Tensor

    @property
    def total(self) -> Tensor:
        """Both, weighed: 2 GIoU loss + 5 L1."""
        return GIOU_WEIGHT * self.giou + L1_WEIGHT * self.l1


def box_loss(found_n4: Tensor, truth_n4: Tensor) -> BoxLoss:
    """Compare boxes, each x1, y1, x2, y2 in shares of the crop's side.

    Args:
        found_n4: (N, 4); where any is inside out (x2 < x1 or y2 < y1) only L1 counts for all.
        truth_n4: (N, 4), cut to [0, 1] here.
    """
    truth_n4 = truth_n4.clamp(0, 1)
    l1 = (found_n4 - truth_n4).abs().mean()
    if (found_n4[:, 2:] < found_n4[:, :2]).any():
        return BoxLoss(found_n4.new_zeros(()), l1)
    return BoxLoss(1 - overlaps(found_n4, truth_n4)[0].mean(), l1)


def overlaps(a_n4: Tensor, b_n4: Tensor) -> tuple[Tensor, Tensor]:
    """Generalised and plain overlap of pairs of boxes (Rezatofighi et al., CVPR 2019).

    Args:
        a_n4: (N, 4): x1, y1, x2, y2, in order.
        b_n4: (N, 4).

    Returns:
        GIoU in [-1, 1] and IoU in [0, 1], each (N,).
    """
    low, high = torch.maximum(a_n4[:, :2], b_n4[:, :2]), torch.minimum(a_n4[:, 2:], b_n4[:, 2:])
    both = (high - low).clamp(min=0).prod(1)
    either = sum((x[:, 2:] - x[:, :2]).prod(1) for x in (a_n4, b_n4)) - both
    first, last = torch.minimum(a_n4[:, :2], b_n4[:, :2]), torch.maximum(a_n4[:, 2:], b_n4[:, 2:])
    hull = (last - first).prod(1)
    iou = both / either
    return iou - (hull - either) / hull, iou

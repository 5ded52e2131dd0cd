"""What the network of masks in boxes is shown of a frame, and the mask that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.networks.mask_in_box import HINTS, spot
from spectrack.networks.mobilenet_v2 import normalised
from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.square_crop import OUTSIDE, SquareCrop

SIDE = 256
"""Pixels of a crop's side, as in training."""

CONTEXT = 1.5
"""Sides of the crop that is remembered, in sides of the box."""

Bytes = NDArray[np.uint8]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Hint:
    """A guess at where the target is.

    Attributes:
        box: Where the crop is laid.
        soft_hw: A mask carried along, uint8 (H, W) with 255 for 1; None where there is none.
        wanted: Points (x, y) on the target, pixels.
        unwanted: Points that are not on it.
    """

    box: Box
    soft_hw: Bytes | None = None
    wanted: Points = ()
    unwanted: Points = ()


@dataclass(frozen=True, slots=True)
class Views:
    """In how many ways each box is looked at; the mask is their mean.

    Attributes:
        contexts: Sides of the crops in sides of the box.
        mirror: Whether each crop is seen mirrored, too.
        agreed: Least IoU of boxes that are looked at one way each, the first as it is, the next one
            mirrored, in place of both; above 1 no boxes are.
    """

    contexts: tuple[float, ...] = (CONTEXT,)
    mirror: bool = False
    agreed: float = 2.0

    def first_mirrored(self, place: int) -> bool:
        """Whether the hint of a place is mirrored where it is seen one way only."""
        return self.mirror and self.agreed <= 1 and place % 2 == 1

    def ways(self, boxes: Sequence[Box], first: Sequence[bool]) -> list[tuple[bool, ...]]:
        """Of each box, whether its crops are mirrored: as they are seen first, or both ways."""
        alike = len(boxes) > 1 and all(boxes[0].iou(one) >= self.agreed for one in boxes[1:])
        if alike or not self.mirror:
            return [(mirrored,) for mirrored in first]
        return [(mirrored, not mirrored) for mirrored in first]


ONE_VIEW = Views()
MIRRORED = Views(mirror=True)
FOUR_VIEWS = Views((1.4, 1.75), mirror=True)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A crop as the network sees it.

    Attributes:
        crop: Of the frame.
        shown_hwc: What it shows, uint8 RGB.
        image_1css: The same as the network takes it, channels last in memory as the next one.
        maps_1css: Its hints.
    """

    crop: SquareCrop
    shown_hwc: FrameHWC
    image_1css: Tensor
    maps_1css: Tensor

    @classmethod
    def at(
        cls, frame_hwc: FrameHWC, crop: SquareCrop, hint: Hint, colours: ColourModel | None
    ) -> Look:
        """Look at a part of a frame, told of a target what is known of it."""
        shown = crop.cut(frame_hwc, OUTSIDE)
        maps = np.zeros((crop.side, crop.side, len(HINTS)), np.float32)
        maps[..., 0] = crop.box_map(hint.box)
        if hint.soft_hw is not None:
            maps[..., 1] = crop.cut(hint.soft_hw).astype(np.float32) / 255
        if colours is not None:
            maps[..., 2] = colours.probability_hw(colour_index(shown))
        for place, points in ((3, hint.wanted), (4, hint.unwanted)):
            if points:
                maps[..., place] = crop_spots(crop, points)
        return cls(crop, shown, normalised(_leading(shown)), _leading(maps))

    def tensors(self, mirrored: bool) -> tuple[Tensor, Tensor]:
        """Picture and hints as they are, or mirrored."""
        one = self.image_1css, self.maps_1css
        return (one[0].flip(3), one[1].flip(3)) if mirrored else one


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """The mask that a hint led to, in the part of the frame that was looked at.

    Attributes:
        rows: Of the part.
        cols: Of the part.
        soft_hw: float32 in [0, 1], of the part's size.
    """

    rows: slice
    cols: slice
    soft_hw: SoftHW

    @classmethod
    def mean(
        cls, looks: Sequence[tuple[SquareCrop, SoftHW]], size_wh: tuple[int, int]
    ) -> Segmented:
        """The mean of what crops show, each pixel over those that show it.

        Args:
            looks: Crops with their soft masks, float32 (side, side).
            size_wh: Of the frame.
        """
        areas = [crop.inside(size_wh) for crop, _ in looks]
        rows = slice(min(r.start for r, _ in areas), max(r.stop for r, _ in areas))
        cols = slice(min(c.start for _, c in areas), max(c.stop for _, c in areas))
        if len(looks) == 1:
            crop, soft_ss = looks[0]
            return cls(rows, cols, crop.back(soft_ss, size_wh))
        total = np.zeros((rows.stop - rows.start, cols.stop - cols.start), dtype=np.float32)
        count = np.zeros_like(total)
        for (crop, soft_ss), (r, c) in zip(looks, areas, strict=True):
            place = (
                slice(r.start - rows.start, r.stop - rows.start),
                slice(c.start - cols.start, c.stop - cols.start),
            )
            total[place] += crop.back(soft_ss, size_wh)
            count[place] += 1
        return cls(rows, cols, (total / np.maximum(count, 1)).astype(np.float32))

    def in_frame(self, size_wh: tuple[int, int]) -> SoftHW:
        """The mask in the frame, float32 (H, W), 0 outside the part."""
        out = np.zeros(size_wh[::-1], dtype=np.float32)
        out[self.rows, self.cols] = self.soft_hw
        return out


def crop_spots(crop: SquareCrop, points: Points) -> SoftHW:
    """Clicks as a crop shows them: float32 (side, side), 1 in the middle of each spot."""
    out = np.zeros((crop.side, crop.side), dtype=np.float32)
    (sx, sy), last = crop.scale_xy, crop.side - 1
    for x, y in points:
        col, row = (x - crop.x) * sx - 0.5, (y - crop.y) * sy - 0.5
        if -1 <= row <= last + 1 and -1 <= col <= last + 1:
            np.maximum(out, spot(row, col, crop.side).numpy(), out=out)
    return out


def _leading(maps_hwc: NDArray[np.generic]) -> Tensor:
    """The same numbers as a batch of one, (1, C, H, W), channels last in memory."""
    return torch.from_numpy(maps_hwc)[None].permute(0, 3, 1, 2)

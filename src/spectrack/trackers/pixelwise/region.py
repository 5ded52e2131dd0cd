"""Where the region of interest lies: theta, the anchor it transforms, and squares of the frame.

theta = (scale, x, y) of a frame of width W and height H. x and y, in [-1, 1] from rim to rim, are
the centre. The anchor Z_A is a square in the middle of a square map, half as wide as the map; a
scale s makes it ``s * ANCHOR * sqrt(W H)`` pixels of the frame wide and high. Frames are squeezed
to square maps, so that on a map it is by sqrt(W / H) narrower and higher: never distorted in the
frame (paper, section 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from spectrack.structures import Box, HardHW
from spectrack.tracking.square_crop import SquareCrop

Theta = tuple[float, float, float]

ANCHOR = 0.5
"""Side of the anchor in sides of its map."""

SOLID = math.sqrt(12)
"""Side of a square in standard deviations of its points along an axis."""

NOTHING = 1e-3
"""A map whose values sum up to so little, in pixels of the map, shows nothing."""


@dataclass(frozen=True, slots=True)
class Region:
    """A square of the frame, or partly beyond it.

    Args:
        x: Its centre in the frame, pixels from the left rim,
        y: and from the top.
        side: Its side, pixels.
    """

    x: float
    y: float
    side: float

    @classmethod
    def of_theta(cls, theta: Theta, size_wh: tuple[int, int], context: float) -> Region:
        """The region of a frame for theta.

        Args:
            theta: (scale, x, y).
            size_wh: Of the frame.
            context: Sides of the region in sides of the transformed anchor.
        """
        scale, x, y = theta
        width, height = size_wh
        side = context * ANCHOR * scale * math.sqrt(width * height)
        return cls((x + 1) / 2 * width, (y + 1) / 2 * height, side)

    def theta(self, size_wh: tuple[int, int], context: float) -> Theta:
        """The theta that gives this region."""
        width, height = size_wh
        scale = self.side / (context * ANCHOR * math.sqrt(width * height))
        return scale, 2 * self.x / width - 1, 2 * self.y / height - 1

    @classmethod
    def around(cls, box: Box, context: float) -> Region:
        """The region whose side is so many of the longer sides of a box (section 3.3, step 2)."""
        return cls(*box.center, context * max(box.w, box.h))

    def within(self, smallest: float, largest: float) -> Region:
        """The same with its side in a range; a ``largest`` of 0 is none."""
        side = max(self.side, smallest)
        return Region(self.x, self.y, min(side, largest) if largest else side)

    def crop(self, pixels: int) -> SquareCrop:
        """The square of whole pixels, seen with a side of so many."""
        side = max(round(self.side), 1)
        return SquareCrop(round(self.x - side / 2), round(self.y - side / 2), side, side, pixels)


def theta_of_mask(mask_hw: HardHW, context: float, smallest: float, largest: float) -> Theta | None:
    """The first theta: the region about a mask's box; None for an empty mask."""
    box = Box.from_mask(mask_hw)
    if box is None:
        return None
    size_wh = (mask_hw.shape[1], mask_hw.shape[0])
    return Region.around(box, context).within(smallest, largest).theta(size_wh, context)


def transformed_anchor(theta_n3: Tensor, aspect_n: Tensor, side: int) -> Tensor:
    """T(theta) Z_A: the anchor as a map shows it once theta has moved and scaled it.

    As a spatial transformer that samples the anchor's picture of ``side`` pixels bilinearly; that
    picture is a product of two profiles, and so is the answer.

    Args:
        theta_n3: (scale, x, y), the scale above 0.
        aspect_n: Width of the frame over its height.
        side: Of the maps, pixels; a multiple of 4.

    Returns:
        (N, side, side) in [0, 1].
    """
    at = (torch.arange(side, device=theta_n3.device, dtype=theta_n3.dtype) * 2 + 1) / side - 1
    scale, x, y = theta_n3.unbind(1)
    root = aspect_n.to(theta_n3.dtype).sqrt()
    across = _profile((at - x[:, None]) / (scale / root)[:, None], side)
    down = _profile((at - y[:, None]) / (scale * root)[:, None], side)
    return down[:, :, None] * across[:, None, :]


def _profile(at: Tensor, side: int) -> Tensor:
    """The anchor along one axis, sampled linearly between its pixels."""
    return ((ANCHOR - at.abs()) * (side / 2) + 0.5).clamp(0, 1)


def theta_of_map(map_nhw: Tensor, aspect_n: Tensor, before_n3: Tensor) -> Tensor:
    """The anchor that lies on what a map shows, by its moments.

    The centre is Eq. 5; the scale is that of a square which spreads as far along its axis as the
    map does along its longer one.

    Args:
        map_nhw: Soft masks of whole frames squeezed to (H, H), at least 0.
        aspect_n: Width of the frames over their height.
        before_n3: What is given for maps that show nothing.

    Returns:
        (N, 3).
    """
    side = map_nhw.shape[-1]
    at = (torch.arange(side, device=map_nhw.device, dtype=map_nhw.dtype) * 2 + 1) / side - 1
    total = map_nhw.sum((1, 2))
    some = total > NOTHING
    mass = torch.where(some, total, 1)[:, None]
    centre, spread = [], []
    for axis in (1, 2):  # summed over rows: along x
        line = map_nhw.sum(axis) / mass
        mean = (line * at).sum(1)
        variance = (line * (at - mean[:, None]) ** 2).sum(1)
        centre.append(mean)
        # a pixel of the map is no point
        spread.append((variance + (2 / side) ** 2 / 12).sqrt())
    root = aspect_n.to(map_nhw.dtype).sqrt()
    longer = torch.maximum(spread[0] * root, spread[1] / root)  # of 2 / sqrt(W H) pixels
    found = torch.stack([SOLID * longer / (2 * ANCHOR), *centre], 1)
    return torch.where(some[:, None], found, before_n3.to(found.dtype))


def moved(theta_n3: Tensor, by_n3: Tensor, aspect_n: Tensor) -> Tensor:
    """A theta changed in its own measure.

    Args:
        theta_n3: Where the anchor lies.
        by_n3: Logarithm of the factor of its side, and the shift along x and y in its sides.
        aspect_n: Width of the frame over its height.
    """
    root = aspect_n.to(theta_n3.dtype).sqrt()
    scale, x, y = theta_n3.unbind(1)
    grown, across, down = by_n3.to(theta_n3.dtype).unbind(1)
    side = 2 * ANCHOR * scale
    return torch.stack(
        [scale * grown.clamp(-4, 4).exp(), x + across * side / root, y + down * side * root], 1
    )

"""Where the next search region goes: the target's centre and size, and the region's scale.

The size that counts is one number, the scale: pixels of the frame for one of the patch. The
target's aspect is that of the first frame.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from spectrack.networks.target_model import FILTER_SIZE
from spectrack.structures import Box
from spectrack.tracking.patches import (
    PairYX,
    Patch,
    crop_centre,
    limit_scale,
    pair,
    plan_patch,
)

HISTORY, LONGEST = 60, 30
"""A lost target's scale is a mean over this many past scales at most, of the last so many."""


def centre_of(box: Box) -> PairYX:
    """Centre of a box, (y, x), where pixel i has its centre at i."""
    return pair((box.y + (box.h - 1) / 2, box.x + (box.w - 1) / 2))


def box_about(pos_yx: PairYX, size_hw: PairYX) -> Box:
    """The box that :func:`centre_of` came from."""
    (cy, cx), (h, w) = (map(float, v) for v in (pos_yx, size_hw))
    return Box(cx - (w - 1) / 2, cy - (h - 1) / 2, w, h)


def scale_of(size_hw: PairYX, search: float, patch_hw: tuple[int, int]) -> float:
    """Scale at which a search region holds a target.

    Args:
        size_hw: Of the target in pixels.
        search: Side of the region in sides of the target.
        patch_hw: Size of the region as the network sees it.
    """
    area = size_hw[0] * size_hw[1] * np.float32(search) ** 2
    return float(np.sqrt(area) / np.sqrt(np.float32(math.prod(patch_hw))))


class Placement:
    """Centre, size and scale of a target that is followed.

    Args:
        box: Of the target in the first frame.
        search: Side of the search region in sides of the target.
        patch_hw: Size of the region as the network sees it.
        limits: The scale changes by these factors a frame at most, the smaller one first.
    """

    def __init__(
        self, box: Box, search: float, patch_hw: tuple[int, int], limits: tuple[float, float]
    ) -> None:
        self.pos_yx, self.size_hw = centre_of(box), pair((box.h, box.w))
        self.scale = scale_of(self.size_hw, search, patch_hw)
        self.base_hw: PairYX = self.size_hw / np.float32(self.scale)
        self._limits, self._patch_hw = limits, patch_hw
        self._scales: deque[float] = deque([self.scale], maxlen=HISTORY)
        self._lost = 0

    def follow(self, pos_yx: PairYX | None, size_hw: PairYX | None) -> None:
        """Go where the target is.

        Args:
            pos_yx: Its centre; where it was if either is left out.
            size_hw: Its size.
        """
        if pos_yx is not None and size_hw is not None:
            self.pos_yx, self.size_hw = pos_yx, size_hw
        ratio = (self.size_hw[0] * self.size_hw[1]) / (self.base_hw[0] * self.base_hw[1])
        self.scale = limit_scale(float(np.sqrt(ratio)), self.scale, *self._limits)
        self.size_hw = self.base_hw * np.float32(self.scale)
        self._scales.append(self.scale)
        self._lost = 0

    def wait(self) -> None:
        """The target is lost: stay, and look at a scale it had before it grew smaller."""
        self._lost += 1
        last = self._scales[-1]
        kept = [scale for scale in self._scales if scale >= last]
        count = max(2, min(LONGEST, self._lost))
        self.scale = float(np.mean(kept[-count:]))

    def region(self, size_wh: tuple[int, int], cells_hw: tuple[int, int]) -> Patch:
        """The search region of a frame.

        Args:
            size_wh: Width and height of the frame.
            cells_hw: Size of the network's feature map of it.
        """
        centre = crop_centre(self.pos_yx, self.scale, self._patch_hw, cells_hw, FILTER_SIZE)
        sample = pair(self._patch_hw) * np.float32(self.scale)
        return plan_patch(centre, sample, self._patch_hw, size_wh[::-1], "inside_major")

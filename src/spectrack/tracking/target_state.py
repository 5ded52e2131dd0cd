"""Centre, size and scale of a target that a discriminative tracker follows, within their limits.

The size of the search region is one number, the scale: pixels of the frame for one of the patch.
"""

from __future__ import annotations

import numpy as np

from spectrack.structures import Box
from spectrack.tracking.patches import PairYX, pair
from spectrack.tracking.search_region import box_about, centre_of, scale_of

LEAST_SIDE = 10
"""A target whose size goes by the scale alone is never taken to be smaller, in pixels."""

BEYOND = 0.3
"""Share of its size by which a target's centre may leave the frame."""


class TargetState:
    """Where a target is and how large.

    Args:
        pos_yx: Its centre in the frame, where pixel i has its centre at i.
        size_hw: Its size in pixels of the frame.
        scale: Pixels of the frame for one of the patch.
        frame_hw: Size of the frame.

    Attributes:
        pos_yx: As above, now.
        size_hw: As above, now.
        scale: As above, now.
        base_hw: Its size in pixels of the patch, in the first frame; the aspect that is kept where
            only the scale is known.
    """

    def __init__(
        self, pos_yx: PairYX, size_hw: PairYX, scale: float, frame_hw: tuple[int, int]
    ) -> None:
        self.pos_yx, self.size_hw, self.scale = pos_yx, size_hw, scale
        self.base_hw: PairYX = size_hw / np.float32(scale)
        self._frame = pair(frame_hw)

    @classmethod
    def about(
        cls, box: Box, search: float, patch_hw: tuple[int, int], frame_hw: tuple[int, int]
    ) -> TargetState:
        """From the box of the first frame.

        Args:
            box: Of the target.
            search: Side of the search region in sides of the target.
            patch_hw: Size of the region as the network sees it.
            frame_hw: Size of the frame.
        """
        size = pair((box.h, box.w))
        return cls(centre_of(box), size, scale_of(size, search, patch_hw), frame_hw)

    @property
    def box(self) -> Box:
        """The target's box in the frame."""
        return box_about(self.pos_yx, self.size_hw)

    def move(self, pos_yx: PairYX) -> None:
        """Go to a centre that was found, kept near the frame."""
        reach = np.float32(BEYOND) * self.size_hw
        self.pos_yx = np.maximum(np.minimum(pos_yx, self._frame + reach), -reach)

    def rescale(self, scale: float) -> None:
        """Take over a scale, within what the target may be; the size is the first one's with it."""
        least = (LEAST_SIDE / self.base_hw).max()
        most = (self._frame / self.base_hw).min()
        self.scale = float(max(min(np.float32(scale), most), least))
        self.size_hw = self.base_hw * np.float32(self.scale)

    def fit(self, pos_yx: PairYX, size_hw: PairYX) -> None:
        """Take over a centre and a size that were measured; the scale follows the area."""
        self.pos_yx, self.size_hw = pair(pos_yx), pair(size_hw)
        ratio = (self.size_hw[0] * self.size_hw[1]) / (self.base_hw[0] * self.base_hw[1])
        self.scale = float(np.sqrt(ratio))

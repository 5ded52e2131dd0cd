"""How far a guide is believed: by how well it holds together along the flow, beside the mask.

What follows the motion of a video from frame to frame is more likely to be the object than what
wavers. So a guide that is steadier than the mask takes more of its place, one that is less steady
none. On DAVIS training sequences this tells guides that are better than a mask from worse ones
where neither the agreement of both nor how sure the guide is does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.flow.estimators import warp

Plane = NDArray[np.float32]

BAND = 0.02
"""A guide whose overlap from frame to frame is larger by this has all of its share, and one whose
overlap is smaller by this has none."""

LASTING = 20
"""Frames over which overlaps are averaged."""


class GuideTrust:
    """The share of a guide, frame by frame.

    Args:
        share: The most it may be.
    """

    def __init__(self, share: float) -> None:
        self._most = share
        self.reset()

    def reset(self) -> None:
        """Forget the video."""
        self._last: tuple[Plane, Plane] | None = None
        self._steadier, self._frames = 0.0, 0

    def __call__(self, soft_hw: Plane, guide_hw: Plane, backward_hw2: Plane | None) -> float:
        """The share in the next frame.

        Args:
            soft_hw: Its mask, float32 (H, W); of the size of the one before. It is copied.
            guide_hw: The guide, float32 (H, W); it is copied, too.
            backward_hw2: Flow to the frame before; None where there is none: half the share at
                first, and after a cut what it was.
        """
        now = soft_hw, guide_hw
        if self._last is None:
            self._last = soft_hw.copy(), guide_hw.copy()
        else:
            if backward_hw2 is not None:
                pairs = zip(self._last, now, strict=True)
                mask, guide = (overlap(warp(a, backward_hw2), b) for a, b in pairs)
                self._frames = min(self._frames + 1, LASTING)
                self._steadier += (guide - mask - self._steadier) / self._frames
            for kept, new in zip(self._last, now, strict=True):
                np.copyto(kept, new)  # the caller may write over its own
        return self._most * min(max(0.5 + self._steadier / (2 * BAND), 0.0), 1.0)


def overlap(first_hw: Plane, second_hw: Plane) -> float:
    """IoU of two soft masks cut at one half; 1 where both are empty."""
    first, second = first_hw >= 0.5, second_hw >= 0.5
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 1.0

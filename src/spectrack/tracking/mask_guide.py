"""What the network of masks in boxes sees of an object whose mask is given: a guide for the filter.

It looks into the box of each mask, and is shown the mask, so that it follows the object that the
mask is on. What it sees ends where the object does rather than where its colours do. Masks that
are known to be right are remembered, or the first one that it agrees with, and later frames are
seen with them in mind.
"""

from __future__ import annotations

import numpy as np

from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.tracking.looks import Hint
from spectrack.tracking.mask_in_box import BoxSegmenter, shared_mask_in_box

SMALLEST = 3
"""Sides of a box in pixels below which there is nothing to see: the mask itself is the guide."""

AGREED = 0.7
"""IoU with what is seen from which on a mask is worth remembering."""

SURE = 0.05
"""What is as near to 0 or 1 as that is taken for it: the filter has work wherever a map varies."""


class MaskGuide:
    """Looks at one object, frame by frame, in the order of the video."""

    def __init__(self) -> None:
        self._segmenter = BoxSegmenter(shared_mask_in_box())
        self._remembers = self._knows = False

    def __call__(self, frame_hwc: FrameHWC, soft_hw: SoftHW, known: bool = False) -> SoftHW:
        """What is seen in the box of a mask.

        Args:
            frame_hwc: uint8 RGB (H, W, 3).
            soft_hw: The mask, (H, W) in [0, 1].
            known: Whether the mask is right.

        Returns:
            float32 (H, W) in [0, 1]; the mask itself where it is empty or too small to look at.
        """
        hard = soft_hw >= 0.5
        box = Box.from_mask(hard)
        if box is None or min(box.w, box.h) < SMALLEST:
            return soft_hw
        hint = Hint(box, np.rint(soft_hw * np.float32(255)).astype(np.uint8))
        seen = self._seen(frame_hwc, hint)
        if known and self._knows:
            self._segmenter.remember(soft_hw)
        elif known or (not self._remembers and jaccard(seen >= 0.5, hard) >= AGREED):
            self._segmenter.start(frame_hwc, soft_hw)
            self._remembers, self._knows = True, known
            seen = self._seen(frame_hwc, hint)
        return seen

    def _seen(self, frame_hwc: FrameHWC, hint: Hint) -> SoftHW:
        (seen,) = self._segmenter.segment(frame_hwc, [hint])
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        return np.clip((seen.in_frame(size_wh) - SURE) / np.float32(1 - 2 * SURE), 0, 1)

"""What Siamese trackers with one template and raw pixels have in common as trackers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.tracking.base import Tracker
from spectrack.tracking.siamese import Following


class SiameseTracker(Tracker):
    """A tracker that goes by :class:`~spectrack.tracking.siamese.Following`.

    It goes on from a corrected mask by its tight box; the template stays that of the first frame.

    Attributes:
        following: Where the target is, once there was a first frame.
    """

    carries_masks: ClassVar[bool] = True
    following: Following
    _device: torch.device

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Look about the mask's box in the next frame."""
        del frame_hwc
        tight = Box.from_mask(soft_hw >= 0.5)
        if tight is not None:
            self.following.move(tight)

    def _pixels(self, crop_hwc: FrameHWC, order: str = "bgr") -> Tensor:
        """A crop as the network takes it, float32 (1, 3, n, n), 0 to 255.

        Args:
            crop_hwc: uint8 RGB.
            order: Of the channels: ``bgr``, as the line of SiamRPN learned them, or ``rgb``.
        """
        if order == "bgr":
            crop_hwc = crop_hwc[..., ::-1]
        pixels = torch.from_numpy(np.ascontiguousarray(crop_hwc)).to(self._device)
        # (H, W, C) seen as (1, C, H, W) is channels last already
        return pixels.permute(2, 0, 1)[None].float()

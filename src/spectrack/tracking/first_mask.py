"""The mask of the first frame, where only a box was given."""

from __future__ import annotations

import numpy as np
import torch

from spectrack.networks.folding import for_inference
from spectrack.networks.sta import STA
from spectrack.structures import FrameHWC, SoftHW, Target
from spectrack.tracking.first_frame import box_in_patch
from spectrack.tracking.mask_in_box import ShippedFirstMask
from spectrack.tracking.patches import pair, plan_patch
from spectrack.tracking.search_region import centre_of, scale_of
from spectrack.tracking.soft_window import paste
from spectrack.weights.networks import load_network

SEARCH = 4.0
"""Side of what STA sees, in sides of the box."""


class FirstMask:
    """Makes the mask to start from.

    Args:
        sta: Weights of STA; empty for the networks that come with spectrack.
        network: To be used instead of these weights.
        patch_hw: Size of the patches STA sees.
        device: Where it runs.
    """

    def __init__(
        self, sta: str, network: STA | None, patch_hw: tuple[int, int], device: torch.device
    ) -> None:
        if network is None and sta:
            network = load_network(sta, STA).network
        self._sta = None if network is None else for_inference(network).to(device)
        self._patch_hw, self._device = patch_hw, device
        self._ours: ShippedFirstMask | None = None

    def __call__(self, frame_hwc: FrameHWC, target: Target) -> SoftHW:
        """The mask given, or the one found in the box: float32 (H, W) of 0 and 1, not empty."""
        if target.mask is not None and target.mask.any():
            return target.mask.astype(np.float32)
        found = self._by_sta(frame_hwc, target) if self._sta is not None else None
        if found is None or not found.any():
            found = self._by_ours(frame_hwc, target)
        return found

    def _by_sta(self, frame_hwc: FrameHWC, target: Target) -> SoftHW:
        """STA's mask within the box (RTS, section 3.6; Zhao et al., 2021)."""
        assert self._sta is not None
        pos, size = centre_of(target.box), pair((target.box.h, target.box.w))
        sample = pair(self._patch_hw) * np.float32(scale_of(size, SEARCH, self._patch_hw))
        frame_hw = (frame_hwc.shape[0], frame_hwc.shape[1])
        patch = plan_patch(pos, sample, self._patch_hw, frame_hw, "replicate")
        box = box_in_patch(pos, size, patch.pos_yx, patch.scale, self._patch_hw)
        boxes = torch.tensor([box], device=self._device)
        # the published program shows STA the picture as it is: RGB, no mean subtracted
        masks = self._sta(patch.cut(frame_hwc, self._device), boxes)
        window = paste(masks.final[0, 0], patch).only_in(target.box, -100.0)
        return (window.fill(-100.0) > 0).astype(np.float32)

    def _by_ours(self, frame_hwc: FrameHWC, target: Target) -> SoftHW:
        if self._ours is None:
            self._ours = ShippedFirstMask()
        return (self._ours(frame_hwc, target.box) >= 0.5).astype(np.float32)

"""LWL online: segmentation alone, learned on the run; started from a mask or from a box.

The segmentation branch of RTS without the instance branch: there is no notion of being lost, every
frame is learned from, and the search region follows the mask. Bhat et al., ECCV 2020.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.resnet import LAYERS
from spectrack.networks.sta import STA
from spectrack.structures import FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.lwl.network import LWL
from spectrack.trackers.lwl.settings import PUBLISHED, LWLSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.tracking.few_shot import (
    SegmentationBranch,
    backbone_layers,
    decode,
    first_sample,
    for_tracking,
)
from spectrack.tracking.few_shot_settings import complete
from spectrack.tracking.first_mask import FirstMask
from spectrack.tracking.memory import SampleWeights
from spectrack.tracking.merging import GIVEN
from spectrack.tracking.patches import Patch
from spectrack.tracking.search_region import Placement, box_about
from spectrack.tracking.soft_window import Measures, SoftWindow, paste
from spectrack.weights.networks import given_or_loaded


class LWLTracker(Tracker):
    """Follows a target by LWL; see the module's text.

    Args:
        settings: See :class:`LWLSettings`.
        network: To be used instead of the weights that the settings name.
        sta: The same for the network that makes the first mask in a box.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = LWLSettings
    reads_boxes = True
    """Its boxes come from the moments of its masks, not from their edges."""

    def __init__(
        self,
        settings: LWLSettings | None = None,
        network: LWL | None = None,
        sta: STA | None = None,
    ) -> None:
        s = settings or LWLSettings()
        self._device = pick_device(s.device)
        usual = "lwl_boxinit" if s.start == "box" else "lwl_stage2"
        loaded = given_or_loaded(network, s.weights or usual, LWL)
        s = complete(s, {**PUBLISHED, **loaded.shown})
        super().__init__(s)
        if s.start == "box" and loaded.network.box_label_encoder is None:
            raise InputError("start is 'box' but the weights have no box encoder; give lwl_boxinit")
        self._network = for_tracking(loaded.network, self._device, s.half)
        self._patch_hw = (s.height, s.width)
        self._first_mask = FirstMask(s.sta, sta, self._patch_hw, self._device)

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        s, network = self.settings, self._network
        if s.start == "box":
            soft_hw = self._mask_of_box(frame_hwc, target)
        else:
            soft_hw = self._first_mask(frame_hwc, target)
        self._number = 1
        self.placement = Placement(target.box, s.search, self._patch_hw, (s.slowest, s.fastest))
        mask = SoftWindow.of_frame(soft_hw, self._device)
        image, label = first_sample(frame_hwc, mask, self.placement, self._patch_hw)
        layer3 = backbone_layers(network, image, ("layer3",))["layer3"]
        weights = SampleWeights(s.memory, s.rate, s.share, protected=1, equal_first=s.equal)
        features = network.target_features(layer3.float())
        self.segmentation = SegmentationBranch(
            network, weights, s.memory, features, label, s.first_steps
        )
        # the published program places the first region by logits of the mask that was given, whose
        # sum is negative unless the mask fills half of the frame
        self._measures: Measures = SoftWindow.of_frame(
            (soft_hw - np.float32(0.5)) * np.float32(GIVEN), self._device
        ).measure()
        self._last: tuple[SoftWindow, Patch, Tensor] | None = None
        return Prediction(target.box, soft_hw, 1.0)

    def _mask_of_box(self, frame_hwc: FrameHWC, target: Target) -> SoftHW:
        """The network's own first mask, of the whole frame."""
        network, size_hw = self._network, (frame_hwc.shape[0], frame_hwc.shape[1])
        rgb = torch.from_numpy(np.ascontiguousarray(frame_hwc)).to(self._device)
        layers = backbone_layers(network, rgb.permute(2, 0, 1)[None].float(), LAYERS)
        features = network.target_features(layers["layer3"].float())
        box = torch.tensor([list(target.box)], device=self._device)
        logits = decode(network, network.encode_box(features, box, size_hw), layers, size_hw)
        soft: SoftHW = logits.sigmoid().cpu().numpy()
        return soft

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        self._number += 1
        self._learn()
        self._place()
        network = self._network
        patch = self.placement.region(self.size_wh, self.segmentation.cells_hw)
        layers = backbone_layers(network, patch.cut(frame_hwc, self._device), LAYERS)
        features = network.target_features(layers["layer3"].float())
        logits = decode(network, self.segmentation.encode(features), layers, self._patch_hw)
        soft = paste(logits, patch).sigmoid()
        self._last = soft, patch, features
        measures = self._measures = soft.measure(0.5)
        mask = soft.fill()
        side_hw = measures.size_hw(self.settings.deviations)
        if measures.pos_yx is None or side_hw is None or measures.box is None:
            return Prediction(None, mask, 0.0, found=False)
        score = soft.mean_above(0.5, measures.box)
        return Prediction(box_about(measures.pos_yx, side_hw), mask, score)

    def _learn(self) -> None:
        if self._last is None:
            return
        soft, patch, features = self._last
        self.segmentation.remember(features, soft.cut(patch))
        if (self._number - 1) % self.settings.every == 0:
            self.segmentation.learn(self.settings.steps)

    def _place(self) -> None:
        seen = self._measures
        there = seen.total >= self.settings.area
        self.placement.follow(
            seen.pos_yx if there else None,
            seen.size_hw(self.settings.deviations) if there else None,
        )

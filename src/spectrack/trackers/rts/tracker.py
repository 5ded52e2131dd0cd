"""RTS online: a segmentation branch that gives the mask, an instance branch that knows its target.

Each frame: what the last one taught goes into the segmentation memory (unless something failed);
the search region goes to the mask's centre of mass, or where the instance branch saw the target, or
stays and grows back while it is lost; the network answers with a mask and a score map; the instance
branch learns from where the target was. Paul et al., ECCV 2022, section 3.6 and appendix B.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spectrack.networks.resnet import LAYERS
from spectrack.networks.sta import STA
from spectrack.structures import Box, FrameHWC, Prediction, Target
from spectrack.trackers.rts.instance import InstanceBranch
from spectrack.trackers.rts.network import RTS
from spectrack.trackers.rts.settings import RTSSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.tracking.few_shot import (
    SegmentationBranch,
    backbone_layers,
    decode,
    first_sample,
    for_tracking,
)
from spectrack.tracking.first_mask import FirstMask
from spectrack.tracking.localisation import find_peak
from spectrack.tracking.memory import SampleWeights
from spectrack.tracking.patches import Patch
from spectrack.tracking.search_region import Placement
from spectrack.tracking.soft_window import Measures, SoftWindow, paste
from spectrack.weights.networks import given_or_loaded


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the last frame gave.

    Attributes:
        soft: Probabilities.
        measures: Of them.
        lost: No pixel is the target's.
        small: Too few are.
        patch: The search region; None for the first frame, which is remembered from the start.
        features_nchw: F of it.
    """

    soft: SoftWindow
    measures: Measures
    lost: bool
    small: bool
    patch: Patch | None = None
    features_nchw: Tensor | None = None


class RTSTracker(Tracker):
    """Follows a target by RTS; see the module's text.

    Args:
        settings: See :class:`RTSSettings`.
        network: To be used instead of the weights that the settings name.
        sta: The same for the network that makes the first mask in a box.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = RTSSettings
    reads_boxes = True
    """Its boxes are the instance branch's where the mask is lost."""

    def __init__(
        self,
        settings: RTSSettings | None = None,
        network: RTS | None = None,
        sta: STA | None = None,
    ) -> None:
        s = settings or RTSSettings()
        self._device = pick_device(s.device)
        loaded = given_or_loaded(network, s.weights, RTS)
        s = s.complete(loaded.shown)
        super().__init__(s)
        self._network = for_tracking(loaded.network, self._device, s.half)
        self._patch_hw = (s.height, s.width)
        self._first_mask = FirstMask(s.sta, sta, self._patch_hw, self._device)

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        s, network = self.settings, self._network
        soft_hw = self._first_mask(frame_hwc, target)
        mask = SoftWindow.of_frame(soft_hw, self._device)
        self._number = 1
        self.placement = Placement(target.box, s.search, self._patch_hw, (s.slowest, s.fastest))
        image, label = first_sample(frame_hwc, mask, self.placement, self._patch_hw)
        layer3 = backbone_layers(network, image, ("layer3",))["layer3"]
        self.segmentation = SegmentationBranch(
            network,
            SampleWeights(
                s.memory,
                s.rate,
                floor=s.share,
                protected=1,
                keep_first=s.paper,
                replace="oldest" if s.paper else "lightest",
            ),
            s.memory,
            network.target_features(layer3.float()),
            label,
            s.first_steps,
        )
        self.instance: InstanceBranch | None = None
        if s.instance:
            self.instance = InstanceBranch(network, s, frame_hwc, self.placement, self._device)
        measures = mask.measure(0.5)
        small = not s.paper and measures.pixels <= s.area
        self._seen = Seen(mask, measures, small, small)
        return Prediction(target.box, soft_hw, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        self._number += 1
        self._remember()
        self._place()
        patch = self.placement.region(self.size_wh, self.segmentation.cells_hw)
        network, instance = self._network, self.instance
        scores = None
        layers = backbone_layers(network, patch.cut(frame_hwc, self._device), LAYERS)
        layer3 = layers["layer3"].float()
        features = network.target_features(layer3)
        if instance is not None:
            coarse = network.instance_features(layer3)
            scores = instance.scores(coarse)
        shown = scores if self.settings.conditioning else None
        encoding = network.condition(self.segmentation.encode(features), shown)
        logits = decode(network, encoding, layers, self._patch_hw)
        seen = self._judge(paste(logits, patch).sigmoid(), patch, features)
        self._seen = seen
        peak = None
        if instance is not None and scores is not None:
            peak = find_peak(scores[0].cpu().numpy())
            box = None if seen.lost or seen.small else seen.measures.box
            instance.update(self._number, peak, patch, coarse, box)
        box, found = self._answer(seen)
        score = 0.0
        if found and peak is not None:
            score = min(max(peak.score, 0.0), 1.0)
        elif found and seen.measures.box is not None:
            score = seen.soft.mean_above(0.5, seen.measures.box)
        return Prediction(box, seen.soft.fill(), score, found)

    def _remember(self) -> None:
        """Learn from the last frame, unless something failed in it."""
        s, seen = self.settings, self._seen
        if seen.patch is None or seen.features_nchw is None:
            return
        forced = not s.paper and self._number < s.early
        if not forced and (seen.lost or self._instance_lost):
            return
        learns = s.learns(self._number)
        if learns or not s.paper:
            self.segmentation.remember(seen.features_nchw, seen.soft.cut(seen.patch))
        if learns:
            self.segmentation.learn(s.steps)

    @property
    def _instance_lost(self) -> bool:
        return self.instance is not None and not self.instance.found

    def _place(self) -> None:
        """Decide where to look."""
        seen, instance, measures = self._seen, self.instance, self._seen.measures
        if self._instance_lost:
            self.placement.wait()
        elif not (seen.lost or seen.small):
            self.placement.follow(measures.pos_yx, measures.size_hw(self.settings.deviations))
        elif instance is not None and self.settings.fallback:
            self.placement.follow(instance.state.pos_yx, instance.state.size_hw)
        else:
            self.placement.wait()

    def _judge(self, soft: SoftWindow, patch: Patch, features_nchw: Tensor) -> Seen:
        measures = soft.measure(0.5)
        small = not self.settings.paper and measures.total <= self.settings.area
        return Seen(soft, measures, measures.box is None, small, patch, features_nchw)

    def _answer(self, seen: Seen) -> tuple[Box | None, bool]:
        """The box, and whether the target is in sight."""
        s, instance = self.settings, self.instance
        if not (seen.lost or seen.small):
            return seen.measures.box, True
        if instance is None or not s.fallback:
            return seen.measures.box, not seen.lost
        if instance.found or not s.paper:
            return instance.box, instance.found
        return None, False

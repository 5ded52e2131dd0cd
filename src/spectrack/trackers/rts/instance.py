"""The instance branch online: where the target is, by a filter on coarse features.

It says whether the target is there at all, and where, when the mask is lost (RTS, sections 3.3
and 3.6). Its state is the target's centre and size as this branch knows them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spectrack.structures import Box, FrameHWC
from spectrack.trackers.rts.network import RTS
from spectrack.trackers.rts.settings import FIRST_SAMPLES, RTSSettings
from spectrack.tracking.few_shot import backbone_layers
from spectrack.tracking.first_frame import blur, box_in_patch, gaussian_label, mirror
from spectrack.tracking.localisation import Peak
from spectrack.tracking.memory import SampleMemory, SampleWeights
from spectrack.tracking.patches import PairYX, Patch, pair, plan_patch
from spectrack.tracking.search_region import Placement, centre_of
from spectrack.tracking.target_state import TargetState

BLURS = ((3.0, 1.0), (1.0, 3.0), (2.0, 2.0))
"""Standard deviations of the blurred variations of the first frame, down and across."""


class InstanceBranch:
    """Finds the target in score maps, and learns from where it was.

    Args:
        network: Its instance part is used.
        settings: See :class:`RTSSettings`.
        frame_hwc: The first frame.
        placement: Made from the target's box in it.
        device: Where the network is.
    """

    def __init__(
        self,
        network: RTS,
        settings: RTSSettings,
        frame_hwc: FrameHWC,
        placement: Placement,
        device: torch.device,
    ) -> None:
        self._network, self._settings = network, settings
        patch_hw = self._patch_hw = (settings.height, settings.width)
        frame_hw = (frame_hwc.shape[0], frame_hwc.shape[1])
        self.state = TargetState(placement.pos_yx, placement.size_hw, placement.scale, frame_hw)
        self.found = True
        scale, middle = placement.scale, np.round(placement.pos_yx)
        plan = plan_patch(
            middle, np.float32(scale) * pair(patch_hw), patch_hw, frame_hw, "replicate"
        )
        patch = plan.cut(frame_hwc, device)
        blurred = [blur(patch, sigma) for sigma in BLURS]
        layer3 = backbone_layers(network, torch.cat([patch, mirror(patch), *blurred]), ("layer3",))[
            "layer3"
        ]
        features = network.instance_features(layer3.float())
        self._feature_hw = (features.shape[2], features.shape[3])
        box = box_in_patch(placement.pos_yx, placement.size_hw, middle, scale, patch_hw)
        self.boxes_xywh = torch.tensor([box] * len(features), device=device)
        start = network.first_instance_filter(features, self.boxes_xywh)
        self._kernel = start.shape[-1]
        cell = pair(self._feature_hw) / pair(patch_hw) * placement.base_hw
        self.sigma = float(np.sqrt(cell[0] * cell[1])) * settings.label
        labels = self._label(middle, scale, device).expand(len(features), -1, -1)
        self.filter_ckk = network.learn_instance(
            start, features, labels, None, settings.instance_first_steps
        )
        weights = SampleWeights(
            settings.instance_memory,
            settings.instance_rate,
            protected=FIRST_SAMPLES,
            keep_first=settings.paper,
            replace="oldest" if settings.paper else "lightest",
        )
        first = {"features": features, "labels": labels}
        self.memory = SampleMemory(weights, settings.instance_memory, first)

    def scores(self, features_nchw: Tensor) -> Tensor:
        """Score map of a patch's features, (1, h, w)."""
        return self._network.instance_scores(self.filter_ckk, features_nchw)

    def update(
        self,
        number: int,
        peak: Peak,
        patch: Patch,
        features_nchw: Tensor,
        seen: Box | None,
    ) -> None:
        """Take in what a frame says.

        Args:
            number: Of the frame, the first is 1.
            peak: Of the score map.
            patch: The frame's.
            features_nchw: (1, C, h, w).
            seen: Box of the mask, where that is not lost.
        """
        s = self._settings
        self.found = peak.score >= s.presence
        if seen is not None:
            self.state.fit(centre_of(seen), pair((seen.h, seen.w)))
        elif self.found:
            self._go_to(peak, patch)
        if not self.found:
            return
        if s.learns(number) or not s.paper:
            label = self._label(patch.pos_yx, patch.scale, features_nchw.device)
            self.memory.add(features=features_nchw, labels=label[None])
        if s.learns(number):
            memory = self.memory
            self.filter_ckk = self._network.learn_instance(
                self.filter_ckk,
                memory["features"],
                memory["labels"],
                memory.weights_n("features"),
                s.instance_steps,
            )

    @property
    def box(self) -> Box:
        """The target as this branch knows it."""
        return self.state.box

    def _go_to(self, peak: Peak, patch: Patch) -> None:
        cells = pair(self._feature_hw)
        map_hw = cells + (1 - self._kernel % 2)
        moved = pair((peak.row, peak.col)) - (map_hw - 1) / 2
        moved = moved * (pair(self._patch_hw) / cells) * np.float32(patch.scale)
        self.state.move(pair(patch.pos_yx + moved))
        self.state.rescale(patch.scale)

    def _label(self, patch_pos_yx: PairYX, scale: float, device: torch.device) -> Tensor:
        cells = pair(self._feature_hw) / (np.float32(scale) * pair(self._patch_hw))
        y, x = cells * (self.state.pos_yx - patch_pos_yx) + np.float32(0.5)
        centre = (float(y), float(x))
        return gaussian_label(centre, self.sigma, self._feature_hw, self._kernel, device)

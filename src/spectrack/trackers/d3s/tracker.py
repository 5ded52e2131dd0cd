"""D3S online: a filter says where the target is, a network segments it there, its mask moves it.

Lukezic et al., CVPR 2020, section 3.4. The mask of the first frame stays what the network compares
with; only the filter learns on.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.networks.resnet import ResNet
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW, Target
from spectrack.trackers.d3s.backbones import filter_backbone, without_classes
from spectrack.trackers.d3s.crop import Corners, Crop, filled, grown
from spectrack.trackers.d3s.filter import DiscriminativeFilter
from spectrack.trackers.d3s.network import D3S, Backbone, central_distance
from spectrack.trackers.d3s.settings import D3SSettings
from spectrack.trackers.d3s.state import (
    LOST,
    Seen,
    State,
    area_preserving,
    believe,
    doubt_of,
    reported_box,
    segmented,
)
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.tracking.localisation import Flag
from spectrack.tracking.patches import pair
from spectrack.weights.networks import load_network

GIVEN = 0.1
"""A mask that is given counts where its crop is above."""


class D3STracker(Tracker):
    """Follows a target by D3S; see the module's text.

    The score is the filter's highest one, which was taught to be 1 on the target and 0 elsewhere;
    it tells nothing of the mask. The target counts as found where a mask was reported for it or the
    filter's score was believed; a box is given in any case.

    Args:
        settings: See :class:`D3SSettings`.
        network: To be used instead of the weights that the settings name.
        backbone: The same for what the filter reads: a ResNet, or the network for its own one.

    Attributes:
        state: The target as it is believed to be.
        corners: Of the box reported last, float64 (4, 2), x and y of middles of pixels; None where
            no mask was reported.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = D3SSettings
    carries_masks = True
    reads_boxes = True
    """Boxes without a mask are the filter's, and rotated ones more than a mask's edges."""
    corners: Corners | None = None

    def __init__(
        self,
        settings: D3SSettings | None = None,
        network: D3S | None = None,
        backbone: ResNet | D3S | None = None,
    ) -> None:
        super().__init__(settings)
        s: D3SSettings = self.settings
        self._device = pick_device(s.device)
        if network is None:
            network = load_network(s.weights, D3S).network
        if backbone is None:
            backbone = filter_backbone(s.filter_weights, network)
        self._side = network.side
        self._network = without_classes(for_inference(network)).to(self._device)
        self._backbone: Backbone
        if isinstance(backbone, D3S):
            self._backbone = self._network.feature_extractor
        else:
            self._backbone = without_classes(for_inference(backbone)).to(self._device)
        if s.half and self._device.type == "cuda":
            self._network.half()
            self._backbone.half()
        self._distance = central_distance(self._side, self._device)
        self._given: Corners | None = None

    def init_corners(self, frame_hwc: FrameHWC, corners_42: Corners) -> Prediction:
        """Start on a rotated box.

        Args:
            frame_hwc: uint8 RGB.
            corners_42: Of the box in their order, x and y in pixels, (4, 2).

        Returns:
            As :meth:`init`; the box is the upright one of the same centre and area.

        Raises:
            InputError: If they are not four finite corners around an area, or as :meth:`init`.
        """
        corners = np.asarray(corners_42, np.float64)
        if corners.shape != (4, 2) or not np.isfinite(corners).all():
            raise InputError(
                f"corners of shape {corners.shape} were given; give four of finite x and y"
            )
        box = area_preserving(corners)
        self._given = corners
        try:
            return self.init(frame_hwc, Target(box))
        finally:
            self._given = None

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        s, (cx, cy) = self.settings, target.box.center
        # a box that hardly touches the frame is taken for the part in it
        if not (0 <= cx < self.size_wh[0] and 0 <= cy < self.size_wh[1]):
            cx, cy = (target.box.clip(self.size_wh) or target.box).center
        mask = target.mask if target.mask is not None and target.mask.any() else None
        self.rules = s.rules(mask is not None)
        self._whole = s.whole(mask is not None)
        self._number, self.corners = 1, None
        state = State.start(pair((cy, cx)), pair((target.box.h, target.box.w)), self.rules)
        crop = Crop.about(state.pos_yx, state.size_hw, self._side)
        layers = self._extract(crop, frame_hwc)
        at16 = layers[3]
        predictor = self._network.segm_predictor
        if mask is not None:
            learned = crop.cut_mask(mask) > GIVEN
            area = float(mask.sum() if s.frame_area else learned.sum())
            first: SoftHW = mask.astype(np.float32)
        else:
            box = self._box_mask(target.box)
            proxy = crop.cut_mask(box) > GIVEN
            template = predictor.template(at16, self._maps(proxy))
            soft = self._soft(predictor(layers, template, self._distance))
            near = grown(proxy, state.size_hw, crop)
            learned = (soft > self.rules.threshold) & near
            if not learned.any():  # the network sees nothing there
                learned, soft = proxy, proxy.astype(np.float32)
            area = float(learned.sum())
            first = crop.paste(np.where(near, soft, np.float32(0)), self.size_wh)
            if not (first >= 0.5).any():
                first = box.astype(np.float32)
        self._template = predictor.template(at16, self._maps(learned))
        self.state = replace(state, areas=(area,))
        self.filter = DiscriminativeFilter(self._backbone, s, frame_hwc, self.state, self._device)
        return Prediction(target.box, first, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        s = self.settings
        self._number += 1
        look = self.filter.look(frame_hwc, self.state)
        score = look.sighting.score
        doubt = doubt_of(self.state, self._number, score)
        believed = doubt < s.believed
        if believed:
            self.state = believe(self.state, look.place_yx, score, self.size_wh[::-1])
        if look.sighting.flag is Flag.NOT_FOUND:
            doubt, believed = LOST, False
        width, height = self.size_wh
        place = np.minimum(np.maximum(look.place_yx, 0), pair((height - 1, width - 1)))
        crop = Crop.about(place, self.state.size_hw, self._side)
        seen = Seen(self.state, None, None)
        if doubt < s.segmented or self._whole:
            layers = self._extract(crop, frame_hwc)
            logits = self._network.segm_predictor(layers, self._template, self._distance)
            seen = segmented(self._soft(logits), crop, self.state, doubt, self.rules)
        self.state, self.corners = seen.state, seen.corners
        if seen.corners is None:
            self.state = replace(self.state, pos_yx=place)
            box = self.state.box
        else:
            box = reported_box(seen.corners, s.rotated)
        self.filter.learn(self._number, look, self.state, believed)
        mask = np.zeros((height, width), np.float32)
        if seen.soft_ss is not None:
            mask = crop.paste(seen.soft_ss, self.size_wh)
        found = seen.corners is not None or believed
        return Prediction(box, mask, min(max(score, 0.0), 1.0), found)

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Look about the mask's box in the next frame; what was learned stays."""
        del frame_hwc
        tight = Box.from_mask(soft_hw >= 0.5)
        if tight is None:
            return
        (cx, cy), base = tight.center, float(self.state.base_hw.prod())
        scale = math.sqrt(tight.area / base)
        size = self.state.base_hw * np.float32(scale)
        self.state = replace(self.state, pos_yx=pair((cy, cx)), size_hw=size, scale=scale)

    def _box_mask(self, box: Box) -> HardHW:
        """The box as a mask of the frame: of the corners given where they were; never empty."""
        x, y, w, h = box
        corners = self._given
        if corners is None:
            right, bottom = x + w - 1, y + h - 1
            corners = np.array([(x, y), (right, y), (right, bottom), (x, bottom)])
        mask = filled(corners, self.size_wh)
        return mask if mask.any() else box.fill(self.size_wh)

    def _extract(self, crop: Crop, frame_hwc: FrameHWC) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Layers of a crop."""
        pixels = torch.from_numpy(crop.cut(frame_hwc)).to(self._device)
        kind = next(self._network.parameters()).dtype
        # (H, W, C) seen as (1, C, H, W) is channels last already
        images = self._network.normalise(pixels.permute(2, 0, 1)[None])
        return self._network.extract(images.to(kind))

    def _maps(self, mask_ss: HardHW) -> Tensor:
        return torch.from_numpy(mask_ss.astype(np.float32)).to(self._device)[None, None]

    def _soft(self, logits_n2hw: Tensor) -> SoftHW:
        """Probabilities of the target, float32 (side, side)."""
        soft: SoftHW = logits_n2hw.float().softmax(1)[0, 0].cpu().numpy()
        return soft

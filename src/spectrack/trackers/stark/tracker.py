"""STARK online: one look at the search region a frame, with no window and no penalty.

Yan et al., Learning Spatio-Temporal Transformer for Visual Tracking, ICCV 2021, section 3. Two
templates are kept as tokens: that of the first frame, and (STARK-ST) one of a later frame, which is
replaced every so many frames where the score of the frame is high.
"""

from __future__ import annotations

import torch

from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.stark.crop import (
    SEARCH_FACTOR,
    TEMPLATE_FACTOR,
    Crop,
    clipped,
    crop_about,
    given,
    in_frame,
)
from spectrack.trackers.stark.network import SEARCH_SIDE, STARK, TEMPLATE_SIDE, Tokens
from spectrack.trackers.stark.settings import STARKSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.weights.networks import load_network


class STARKTracker(Tracker):
    """Follows a target's box by STARK; see the module's text.

    The score of STARK-ST is the network's own probability that the target is in the search region;
    it decides about the template and never about whether the target is found. STARK-S has no score
    head: its score is 1 always and says nothing.

    Args:
        settings: See :class:`STARKSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used, or are of another variant than said.
    """

    Settings = STARKSettings
    carries_masks = True

    def __init__(self, settings: STARKSettings | None = None, network: STARK | None = None) -> None:
        super().__init__(settings)
        s: STARKSettings = self.settings
        self._device = pick_device(s.device)
        if network is None:
            network = load_network(s.named_weights, STARK).network
        if network.variant not in ("", s.variant):
            raise InputError(
                f"the weights are of STARK's variant {network.variant}, not {s.variant}; "
                f"use tracker stark-{network.variant}"
            )
        if (network.cls_head is None) != (s.variant == "s50"):
            has = "no score head" if network.cls_head is None else "a score head"
            raise InputError(
                f"variant is {s.variant} but the network has {has}; STARK-ST has one, STARK-S none"
            )
        self._network = for_inference(network).to(self._device)

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        self.box = given(target.box, self.size_wh)
        first = self._template(frame_hwc)
        self.templates = [first] if self._network.cls_head is None else [first, first]
        self._number = 0
        return Prediction(target.box, None, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        self._number += 1
        search = self._cut(frame_hwc, SEARCH_FACTOR, SEARCH_SIDE)
        answer = self._network.locate(self.templates, self._tokens(search))
        corners = answer.corners[0].tolist()
        self.box = clipped(in_frame(corners, self.box, search.scale), self.size_wh)
        if answer.logits is None:
            return Prediction(self.box, None, 1.0)
        score = float(answer.logits[0].sigmoid())
        due = self._number % self.settings.frames_between == 0
        if due and score > self.settings.confidence:
            self.templates[1] = self._template(frame_hwc)
        return Prediction(self.box, None, score)

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Look about the mask's box in the next frame; the templates stay."""
        del frame_hwc
        tight = Box.from_mask(soft_hw >= 0.5)
        if tight is not None:
            self.box = given(tight, self.size_wh)

    def _template(self, frame_hwc: FrameHWC) -> Tokens:
        """Tokens of a template about the box."""
        return self._tokens(self._cut(frame_hwc, TEMPLATE_FACTOR, TEMPLATE_SIDE))

    def _cut(self, frame_hwc: FrameHWC, factor: float, side: int) -> Crop:
        """A crop about the box."""
        return crop_about(frame_hwc, self.box, factor, side)

    def _tokens(self, crop: Crop) -> Tokens:
        pixels = torch.from_numpy(crop.pixels_hwc).to(self._device)
        outside = torch.from_numpy(crop.outside_hw).to(self._device)
        # (H, W, C) seen as (1, C, H, W) is channels last already
        return self._network.encode(pixels.permute(2, 0, 1)[None].float(), outside[None])

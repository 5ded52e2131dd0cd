"""FEAR online: one template from the first frame, one look at the search window a frame.

Borsuk et al., FEAR: Fast, Efficient, Accurate and Robust Visual Tracker, ECCV 2022, without the
dynamic template of section 3.2: the published weights come without it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spectrack.networks.folding import for_inference
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.threads import on_one_processor
from spectrack.trackers.fear.choice import Choice, choose
from spectrack.trackers.fear.confidence import NUMBERS
from spectrack.trackers.fear.crop import (
    SEARCH_OFFSET,
    TEMPLATE_OFFSET,
    IntBox,
    clamped,
    context_of,
    mean_colour,
)
from spectrack.trackers.fear.graphs import OnnxFEAR
from spectrack.trackers.fear.network import FEAR, SEARCH_SIDE, TEMPLATE_SIDE
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.tracking.overlap_score import expected_overlap
from spectrack.tracking.windows import cut
from spectrack.weights.networks import load_network


class FEARTracker(Tracker):
    """Follows a target's box by FEAR-XS; see the module's text.

    The score is an estimate of the overlap with the true box, see
    :mod:`spectrack.trackers.fear.confidence`. What was mistaken for the target is not noticed, so
    there is no notion of being lost.

    Args:
        settings: See :class:`FEARSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = FEARSettings
    carries_masks = True
    side_by_side = True

    def __init__(self, settings: FEARSettings | None = None, network: FEAR | None = None) -> None:
        super().__init__(settings)
        onnx = self.settings.runtime == "onnx"
        self._device = pick_device("cpu" if onnx else self.settings.device)
        if network is None:
            network = load_network(self.settings.weights, FEAR).network
        self._network: FEAR | OnnxFEAR = (
            OnnxFEAR(network) if onnx else for_inference(network).to(self._device)
        )

    @on_one_processor
    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        x, y, w, h = target.box
        self._box = clamped((x, y, w, h), self.size_wh)
        self._colour = mean_colour(frame_hwc)
        context = context_of(self._box, TEMPLATE_OFFSET)
        self._template = self._network.encode(self._cut(frame_hwc, context, TEMPLATE_SIDE))
        return Prediction(target.box)

    @on_one_processor
    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        choice = self.look(frame_hwc, self._box)
        self._box = clamped(choice.rounded(), self.size_wh)
        network = self.settings.score == "network"
        score = choice.score if network else expected_overlap(choice.signals, NUMBERS)
        return Prediction(Box(*self._box), score=score)

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Look about the mask's box in the next frame; the template stays that of the first."""
        del frame_hwc
        tight = Box.from_mask(soft_hw >= 0.5)
        if tight is not None:
            x, y, w, h = tight
            self._box = clamped((x, y, w, h), self.size_wh)

    @torch.inference_mode()
    def look(self, frame_hwc: FrameHWC, last: IntBox) -> Choice:
        """Where the target of the first frame is, seen from where it was last."""
        context = context_of(last, SEARCH_OFFSET)
        search = self._network.encode(self._cut(frame_hwc, context, SEARCH_SIDE))
        logits, distances = self._network.compare(self._template, search)
        maps = torch.cat([logits.sigmoid(), distances], 1)[0].cpu().numpy()  # one trip from a GPU
        return choose(maps[0], maps[1:], (last[2], last[3]), context, self.settings)

    def _cut(self, frame_hwc: FrameHWC, context: IntBox, side: int) -> Tensor:
        crop = torch.from_numpy(cut(frame_hwc, context, side, self._colour))
        # the transposed view keeps its channels last in memory
        return crop.to(self._device).permute(2, 0, 1)[None].float()

"""SiamFC as a tracker: crops, the network, and the peak of the best scale."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spectrack.networks.folding import for_inference
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.siamfc.following import ScaleFollowing
from spectrack.trackers.siamfc.network import SiamFC
from spectrack.trackers.siamfc.settings import SiamFCSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.weights.networks import load_network


class SiamFCTracker(Tracker):
    """Follows a target by SiamFC; answers with boxes of the first one's shape.

    The score is the logistic function of the response at the place that was chosen, which is what
    the network's loss was about. It tells how like the template that place is, also where it is
    another thing, and nothing is ever judged out of sight; do not read it as a probability.

    Args:
        settings: See :class:`SiamFCSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = SiamFCSettings
    carries_masks = True

    def __init__(
        self, settings: SiamFCSettings | None = None, network: SiamFC | None = None
    ) -> None:
        super().__init__(settings)
        self._device = pick_device(self.settings.device)
        if network is None:
            network = load_network(self.settings.weights, SiamFC).network
        self._network = for_inference(network).to(self._device)

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        self.following = ScaleFollowing(frame_hwc, target.box, self.settings)
        self._template = self._maps(self.following.cut_template(frame_hwc)[None])
        return Prediction(target.box, None, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        searches = self._maps(self.following.cut_searches(frame_hwc))
        responses = self._network.answer(self._template, searches)[:, 0]
        box, response = self.following.follow(responses.cpu().numpy())
        return Prediction(box, None, float(1 / (1 + np.exp(-np.clip(response, -50, 50)))))

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Look about the mask's box in the next frame; the template stays that of the first."""
        del frame_hwc
        tight = Box.from_mask(soft_hw >= 0.5)
        if tight is not None:
            self.following.move(tight)

    def _maps(self, crops_nhwc: np.ndarray) -> Tensor:
        """Maps of crops, (N, C, n, n)."""
        pixels = torch.from_numpy(np.ascontiguousarray(crops_nhwc)).to(self._device)
        return self._network.extract(pixels.permute(0, 3, 1, 2).float())

"""SiamRPN online: crops about the last place, the network, and the best of all anchors."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import Box, FrameHWC, Prediction, Target
from spectrack.trackers.siamrpn.network import SiamRPN
from spectrack.trackers.siamrpn.settings import SiamRPNSettings, rules_of
from spectrack.tracking.devices import pick_device
from spectrack.tracking.long_term import LongTermFollowing, LostRules
from spectrack.tracking.region_proposals import TEMPLATE, AnchorProposals
from spectrack.tracking.siamese import Following
from spectrack.tracking.siamese_tracker import SiameseTracker
from spectrack.weights.networks import load_network

LOST_SEARCH = 831
"""Side of the search region, in pixels, while the long-term form has lost the target."""


class SiamRPNTracker(SiameseTracker):
    """Follows a target by SiamRPN or SiamRPN++; answers with boxes.

    The score is the network's own for the anchor chosen. It tells how like the target that is,
    also where it is another thing, and is near 1 almost always; do not read it as a probability.
    Only the long-term preset ever judges the target out of sight.

    Args:
        settings: See :class:`SiamRPNSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used, or the weights are of the other backbone.
    """

    Settings = SiamRPNSettings

    def __init__(
        self, settings: SiamRPNSettings | None = None, network: SiamRPN | None = None
    ) -> None:
        super().__init__(settings)
        s: SiamRPNSettings = self.settings
        self._device = pick_device(s.device)
        if network is None:
            network = load_network(s.named_weights, SiamRPN).network
        if network.backbone_name != s.backbone:
            other = "siamrpn" if network.backbone_name == "alexnet" else "siamrpn++"
            raise InputError(
                f"weights {s.named_weights} are of {network.backbone_name}, not {s.backbone}; "
                f"use tracker {other}"
            )
        self._rules = rules_of(s, network.usual)
        self._seen = AnchorProposals(network.search, network.base)
        long_term = s.preset == "lt" or (s.preset == "auto" and network.usual == "lt")
        self._unseen = AnchorProposals(LOST_SEARCH, network.base) if long_term else None
        self._network = for_inference(network).to(self._device)

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        self.following = self._start(frame_hwc, target.box)
        self._template = self._maps(self.following.cut_template(frame_hwc))
        return Prediction(target.box, None, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        following = self.following
        proposals = self._seen
        if self._unseen is not None and self._lost:
            proposals = self._unseen
        searches = self._maps(following.cut_search(frame_hwc))
        found = proposals.candidates(*self._network.answer(self._template, searches))
        box, score = following.follow(found)
        score = min(max(score, 0.0), 1.0)
        return Prediction(None, None, score, False) if self._lost else Prediction(box, None, score)

    @property
    def _lost(self) -> bool:
        return isinstance(self.following, LongTermFollowing) and self.following.lost

    def _start(self, frame_hwc: FrameHWC, box: Box) -> Following:
        search, window_n = self._network.search, self._seen.window_n
        if self._unseen is None:
            return Following(frame_hwc, box, self._rules, window_n, TEMPLATE, search)
        s: SiamRPNSettings = self.settings
        lost = LostRules(s.low, s.high, LOST_SEARCH, self._unseen.window_n)
        return LongTermFollowing(frame_hwc, box, self._rules, window_n, TEMPLATE, search, lost)

    def _maps(self, crop_hwc: FrameHWC) -> list[Tensor]:
        """Maps of a crop, level by level."""
        return self._network.extract(self._pixels(crop_hwc))

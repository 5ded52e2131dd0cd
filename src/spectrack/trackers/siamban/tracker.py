"""SiamBAN online: crops about the last place, the network, and the best of its boxes.

Chen et al., CVPR 2020, section 3.5: as SiamRPN++ has it, with a box at every cell in place of
anchors.
"""

from __future__ import annotations

import torch

from spectrack.networks.folding import for_inference
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.trackers.siamban.network import CELLS, SEARCH, STRIDE, TEMPLATE, SiamBAN
from spectrack.trackers.siamban.settings import SiamBANSettings
from spectrack.tracking.devices import pick_device
from spectrack.tracking.siamese import Candidates, Following, cosine_window
from spectrack.tracking.siamese_tracker import SiameseTracker
from spectrack.weights.networks import load_network


class SiamBANTracker(SiameseTracker):
    """Follows a target by SiamBAN; answers with boxes.

    The score is the network's own for the cell chosen, without penalty and window. It says how
    much the place looks like a target of the training, is near 1 on other things than the target,
    too, and nothing is ever judged out of sight; do not read it as a probability.

    Args:
        settings: See :class:`SiamBANSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = SiamBANSettings

    def __init__(
        self, settings: SiamBANSettings | None = None, network: SiamBAN | None = None
    ) -> None:
        super().__init__(settings)
        s: SiamBANSettings = self.settings
        self._device = pick_device(s.device)
        if network is None:
            network = load_network(s.weights, SiamBAN).network
        self._network = for_inference(network).to(self._device)
        self._window_n = cosine_window(CELLS).ravel()

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        rules = self.settings.rules
        self.following = Following(frame_hwc, target.box, rules, self._window_n, TEMPLATE, SEARCH)
        template = self._pixels(self.following.cut_template(frame_hwc))
        self._templates = self._network.extract(template)
        return Prediction(target.box, None, 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        search = self._pixels(self.following.cut_search(frame_hwc))
        logits, sides = self._network.answer(self._templates, self._network.extract(search))
        score_nn = logits.softmax(1)[0, 1].cpu().numpy()
        found = Candidates.of_sides(score_nn, sides[0].cpu().numpy(), STRIDE)
        box, score = self.following.follow(found)
        return Prediction(box, None, min(max(score, 0.0), 1.0))

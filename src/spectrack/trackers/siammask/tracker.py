"""SiamMask online: SiamRPN's step for the place, and the mask of the best cell.

Wang et al., CVPR 2019, section 3.3. The next search region follows the box of the anchor, never the
mask.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from spectrack.networks.folding import for_inference
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.siammask.network import BASE, SEARCH, SiamMask
from spectrack.trackers.siammask.paste import (
    Corners,
    Square,
    levelled,
    rotated_box,
    rotated_rectangle,
    tight_box,
)
from spectrack.trackers.siammask.settings import SiamMaskSettings
from spectrack.tracking.devices import pick_device
from spectrack.tracking.region_proposals import TEMPLATE, AnchorProposals
from spectrack.tracking.siamese import Following
from spectrack.tracking.siamese_tracker import SiameseTracker
from spectrack.weights.networks import load_network


class SiamMaskTracker(SiameseTracker):
    """Follows a target by SiamMask; answers with masks, and boxes of them.

    The score is the network's own for the anchor chosen, without penalty and window. It tells
    nothing of the mask, is near 1 on other things than the target, too, and nothing is ever judged
    out of sight; do not read it as a probability.

    Where only a box is given, the mask of the first frame is what the network sees in that box.

    Args:
        settings: See :class:`SiamMaskSettings`.
        network: To be used instead of the weights that the settings name.

    Attributes:
        corners: With ``box=rotated``, of the rotated rectangle of the last frame, float32 (4, 2),
            x and y of middles of pixels; None where its mask was too small for one.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = SiamMaskSettings
    corners: Corners | None = None

    def __init__(
        self, settings: SiamMaskSettings | None = None, network: SiamMask | None = None
    ) -> None:
        super().__init__(settings)
        s: SiamMaskSettings = self.settings
        self._device = pick_device(s.device)
        if network is None:
            network = load_network(s.weights, SiamMask).network
        if not network.refines:  # coarse masks have rules and a threshold of their own
            self.settings = replace(s, refined=False)
        self._network = for_inference(network).to(self._device)
        self._proposals = AnchorProposals(SEARCH, BASE)
        self.reads_boxes = s.box == "axis"
        self.box_of_mask = {"tight": tight_box, "rotated": rotated_box, "axis": None}[s.box]

    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        window_n, rules = self._proposals.window_n, self.settings.rules
        self.following = Following(frame_hwc, target.box, rules, window_n, TEMPLATE, SEARCH)
        template = self._pixels(self.following.cut_template(frame_hwc))
        self._template = self._network.extract(template)
        self.corners = None
        return Prediction(target.box, self._first_mask(frame_hwc, target), 1.0)

    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        followed, score, soft = self.look(frame_hwc)
        level = levelled(soft, self.settings.level)
        if self.settings.box == "rotated":
            self.corners = rotated_rectangle(level >= 0.5)
        box = (self.box_of_mask(level) if self.box_of_mask else None) or followed
        return Prediction(box, level, min(max(score, 0.0), 1.0))

    @torch.inference_mode()
    def look(self, frame_hwc: FrameHWC) -> tuple[Box, float, SoftHW]:
        """Go to the target in a frame.

        Returns:
            Its box by anchors, the score of that, and the probabilities of the mask as the network
            has them, float32 (H, W).
        """
        place = self.following.place
        search = self._network.extract(self._pixels(self.following.cut_search(frame_hwc)))
        answers = self._network.answer(self._template, search)
        box, score = self.following.follow(self._proposals.candidates(*answers))
        _, row, column = self._proposals.position(self.following.best)
        cell = row, column
        logits = self._network.mask(self._template, search, cell, self.settings.refined)
        soft_nn = logits.sigmoid()[0].float().cpu().numpy()
        square = Square.of_cell((place.cx, place.cy), self.following.side, cell)
        return box, score, square.paste(soft_nn, self.size_wh)

    def _first_mask(self, frame_hwc: FrameHWC, target: Target) -> SoftHW:
        """The mask given, or what the network sees in the box; all of it where it sees nothing."""
        if target.mask is not None and target.mask.any():
            return target.mask.astype(np.float32)
        place = self.following.place
        _, _, soft = self.look(frame_hwc)
        self.following.place = place  # the box given is right
        inside = target.box.fill((frame_hwc.shape[1], frame_hwc.shape[0]))
        found: SoftHW = levelled(soft, self.settings.level) * inside
        return found if (found >= 0.5).any() else inside.astype(np.float32)

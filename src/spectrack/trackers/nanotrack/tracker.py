"""NanoTrack online: crops about the last place, the network, and the best candidate."""

from __future__ import annotations

import cv2
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.threads import on_one_processor
from spectrack.trackers.nanotrack.confidence import NUMBERS, signals
from spectrack.trackers.nanotrack.graphs import OnnxNanoTrack
from spectrack.trackers.nanotrack.network import SEARCH, STRIDE, TEMPLATE, NanoTrack
from spectrack.trackers.nanotrack.opencv import OpenCVFollowing, root_window
from spectrack.trackers.nanotrack.settings import NanoTrackSettings, rules_of
from spectrack.tracking.devices import pick_device
from spectrack.tracking.overlap_score import expected_overlap
from spectrack.tracking.siamese import Candidates, Following, cosine_window
from spectrack.tracking.siamese_tracker import SiameseTracker
from spectrack.weights.networks import load_network


class NanoTracker(SiameseTracker):
    """Follows a target by NanoTrack; answers with boxes.

    The score is an estimate of the overlap with the true box, see
    :mod:`spectrack.trackers.nanotrack.confidence`. What was mistaken for the target is seldom
    noticed, so there is no notion of being lost.

    Args:
        settings: See :class:`NanoTrackSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used, or are of another version than said.
    """

    Settings = NanoTrackSettings
    side_by_side = True

    def __init__(
        self, settings: NanoTrackSettings | None = None, network: NanoTrack | None = None
    ) -> None:
        super().__init__(settings)
        s: NanoTrackSettings = self.settings
        onnx = s.runtime == "onnx"
        self._device = pick_device("cpu" if onnx else s.device)
        if network is None:
            network = load_network(s.named_weights, NanoTrack).network
        version = network.version
        if s.version not in ("auto", version):
            raise InputError(
                f"version is {s.version!r} but the weights are of {version}; leave version out"
            )
        if s.opencv and version == "v3":
            raise InputError("OpenCV's TrackerNano has no version 3; give weights of v1 or v2")
        self._network: NanoTrack | OnnxNanoTrack = (
            OnnxNanoTrack(network) if onnx else for_inference(network).to(self._device)
        )
        self._rules = rules_of(s, version)
        window = root_window if s.opencv else cosine_window
        self._estimates = s.score == "overlap" and not s.opencv
        self._window_n = window(network.cells).ravel()
        self._crops = {side: _empty_crop(side).to(self._device) for side in (TEMPLATE, SEARCH)}

    @on_one_processor
    @torch.inference_mode()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        kind = OpenCVFollowing if self.settings.opencv else Following
        self.following = kind(frame_hwc, target.box, self._rules, self._window_n, TEMPLATE, SEARCH)
        self._template = self._maps(self.following.cut_template(frame_hwc))
        self._kernels = self._network.remember(self._template)
        return Prediction(target.box, None, 1.0)

    @on_one_processor
    @torch.inference_mode()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        search = self._maps(self.following.cut_search(frame_hwc))
        logits, sides = self._network.compare(self._kernels, search)
        score_nn = logits.softmax(1)[0, 1].cpu().numpy()
        found = Candidates.of_sides(score_nn, sides[0].cpu().numpy(), STRIDE)
        box, score = self.following.follow(found)
        if self._estimates:
            score = self._estimate(found, search)
        return Prediction(box, None, min(max(score, 0.0), 1.0))

    def _estimate(self, found: Candidates, search: Tensor) -> float:
        """Overlap to be expected of the box just followed, of all those in a search region."""
        del search  # its maps tell no more, see the study
        return expected_overlap(signals(found, self.following.choice), NUMBERS)

    def _maps(self, crop_hwc: FrameHWC) -> Tensor:
        """Maps of a crop, (1, C, n, n)."""
        bgr = self.settings.order == "bgr"
        seen = cv2.cvtColor(crop_hwc, cv2.COLOR_RGB2BGR) if bgr else crop_hwc
        pixels_nchw = self._crops[len(seen)]
        pixels_nchw.copy_(torch.from_numpy(seen).permute(2, 0, 1)[None])
        return self._network.extract(pixels_nchw)


def _empty_crop(side: int) -> Tensor:
    """Memory for a crop, float32 (1, 3, side, side), channels last; used for every frame again."""
    return torch.empty(1, 3, side, side).to(memory_format=torch.channels_last)

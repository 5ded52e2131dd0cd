"""MDNet online: candidates about the last place, classified by layers that learn the target.

Nam and Han, Learning Multi-Domain Convolutional Neural Networks for Visual Tracking, CVPR 2016,
section 3; numbers are those of the published program.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from spectrack.networks.folding import for_inference
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.mdnet.learning import FeatureMemory, OnlineLearning, TargetClassifier
from spectrack.trackers.mdnet.network import MDNet
from spectrack.trackers.mdnet.patches import BoxesN4, Picture
from spectrack.trackers.mdnet.regression import BoxRegressor, usable
from spectrack.trackers.mdnet.samplers import (
    BACKGROUND,
    CANDIDATES,
    EVERYWHERE,
    FIRST_BACKGROUND,
    IS_TARGET,
    NEAR,
    NEGATIVES,
    POSITIVES,
    REGRESSED,
    REGRESSION,
    row_of,
)
from spectrack.trackers.mdnet.settings import MDNetSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.devices import pick_device
from spectrack.weights.networks import load_network

BEST = 5
"""The answer is the mean of so many candidates."""
WIDER, WIDEST = 1.1, 1.5
"""The search grows by this factor in every frame in which the target is lost, up to this shift."""
BATCH = 64
"""Patches that go through the convolutions together; more are no faster and take more memory."""


class MDNetTracker(Tracker):
    """Follows a target by MDNet; answers with boxes.

    The score is the logistic function of the target's score, which is above 0.5 where the tracker
    takes the target for found. It is no probability, and a box is given either way.

    Args:
        settings: See :class:`MDNetSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = MDNetSettings
    carries_masks = True

    def __init__(self, settings: MDNetSettings | None = None, network: MDNet | None = None) -> None:
        super().__init__(settings)
        self._device = pick_device(self.settings.device)
        if network is None:
            network = load_network(self.settings.weights, MDNet).network
        self._network = for_inference(network).to(self._device)

    @torch.no_grad()
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        s: MDNetSettings = self.settings
        chance = torch.Generator().manual_seed(s.seed)
        self._rng = np.random.default_rng(s.seed)
        self._box, self._shift, self._number = target.box, CANDIDATES.shift, 0
        self._classifier = TargetClassifier(self._network, chance)
        self._updates = OnlineLearning(self._classifier, s.rate, self._rng, chance)
        self._positives, self._negatives = FeatureMemory(s.long), FeatureMemory(s.short)

        picture, half = Picture(frame_hwc, self._device), s.first_negatives // 2
        near, everywhere = (
            sampler.draw_within(self._box, self.size_wh, count, FIRST_BACKGROUND, self._rng)
            for sampler, count in ((NEAR, half), (EVERYWHERE, s.first_negatives - half))
        )
        on = self._on_target(s.first_positives)
        positives, negatives = self._features(picture, on, np.concatenate([near, everywhere]))
        first = OnlineLearning(self._classifier, s.first_rate, self._rng, chance)
        first.learn(positives, negatives, s.first_steps)
        self._regressor = self._learn_regressor(picture)
        self._positives.add(positives)
        around = NEGATIVES.draw_within(
            self._box, self.size_wh, s.negatives, FIRST_BACKGROUND, self._rng
        )
        self._negatives.add(*self._features(picture, around))
        return Prediction(target.box, None, 1.0)

    @torch.no_grad()
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        s: MDNetSettings = self.settings
        picture = Picture(frame_hwc, self._device)
        sampler = replace(CANDIDATES, shift=self._shift)
        boxes = sampler.draw(self._box, self.size_wh, s.candidates, self._rng)
        (features,) = self._features(picture, boxes)
        scores, best = self._classifier.target_scores(features).topk(min(BEST, len(boxes)))
        rows, score = boxes[best.cpu().numpy()], scores.mean()
        found = bool(score > 0)
        self._box = answer = _mean(rows)
        self._shift = CANDIDATES.shift if found else min(WIDER * self._shift, WIDEST)
        if found:
            if self._regressor is not None:
                answer = _mean(self._regressor(features[best], rows, self.size_wh))
            self._remember(picture)
        self._learn(found)
        return Prediction(answer, None, float(score.sigmoid()))

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Look about the mask's box in the next frame; what was learned stays."""
        del frame_hwc
        self._box = Box.from_mask(soft_hw >= 0.5) or self._box

    def _remember(self, picture: Picture) -> None:
        """Samples of a frame in which the target was found."""
        count = self.settings.negatives
        around = NEGATIVES.draw_within(self._box, self.size_wh, count, BACKGROUND, self._rng)
        on = self._on_target(self.settings.positives)
        positives, negatives = self._features(picture, on, around)
        self._positives.add(positives)
        self._negatives.add(negatives)

    def _learn(self, found: bool) -> None:
        """From the last frames where the target is lost, from all now and then (section 3.3)."""
        self._number += 1
        if found and self._number % self.settings.every:
            return
        positives = self._positives.last(None if found else self.settings.short)
        self._updates.learn(positives, self._negatives.last(), self.settings.steps)

    def _learn_regressor(self, picture: Picture) -> BoxRegressor | None:
        """None where it is not asked for, or no box about the target is fit to learn from."""
        count, box = self.settings.regressed, self._box
        drawn = REGRESSION.draw_within(box, self.size_wh, count, REGRESSED, self._rng)
        boxes = drawn[usable(drawn, box)]
        if not len(boxes):
            return None
        (features,) = self._features(picture, boxes)
        return BoxRegressor(features, boxes, box)

    def _on_target(self, count: int) -> BoxesN4:
        """Boxes on the target; its own where none are drawn, as is so with very small ones."""
        drawn = POSITIVES.draw_within(self._box, self.size_wh, count, IS_TARGET, self._rng)
        return drawn if len(drawn) else row_of(self._box)

    def _features(self, picture: Picture, *groups: BoxesN4) -> list[Tensor]:
        """Features of groups of boxes, (N, C) each, in one pass."""
        boxes = np.concatenate(groups)
        starts = range(0, max(len(boxes), 1), BATCH)
        parts = [self._network.features(picture.cut(boxes[n : n + BATCH])) for n in starts]
        ends = np.cumsum([0, *map(len, groups)]).tolist()
        features = torch.cat(parts)
        return [features[start:end] for start, end in pairwise(ends)]


def _mean(boxes_n4: np.ndarray) -> Box:
    return Box(*boxes_n4.mean(0, dtype=np.float64).tolist())

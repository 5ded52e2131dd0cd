"""A filter that follows its target: DiMP's classifier at work, a frame at a time (DiMP, section 4).

It learns from variations of the first frame, then from frames in which the target was found, of
which it remembers so many; older ones fade. It learns anew now and then, and at once where a
distractor was told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from spectrack.networks.dimp_classifier import DiMPClassifier
from spectrack.tracking.localisation import Flag, ScoreMap, Sighting, Thresholds, localise
from spectrack.tracking.memory import SampleMemory, SampleWeights
from spectrack.tracking.online_parts import Layers, OnlineClassifier, View
from spectrack.tracking.target_state import TargetState
from spectrack.tracking.variations import FirstSamples, Variations, without_maps

Scores = Literal["raw", "softmax", "exp"]
"""What thresholds are held against: scores as they are, their softmax over the map (PrDiMP), or
their exponentials."""


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """How the filter learns; values are DiMP's.

    Args:
        scores: See :data:`Scores`.
        thresholds: What decides about peaks.
        memory: Samples remembered.
        rate: Weight of a new one.
        hard_rate: Weight of a hard negative.
        share: Weight that the first frame's samples keep together.
        every: Learn in every so many-th frame.
        first_steps: Steps in the first frame,
        steps: in every so many-th one,
        hard_steps: and at a hard negative.
    """

    scores: Scores = "raw"
    thresholds: Thresholds = field(default_factory=Thresholds)
    memory: int = 50
    rate: float = 0.01
    hard_rate: float = 0.02
    share: float = 0.25
    every: int = 20
    first_steps: int = 10
    steps: int = 2
    hard_steps: int = 1


class OnlineFilter(OnlineClassifier):
    """See the module's text.

    Args:
        network: In evaluation mode, on its device.
        settings: See :class:`FilterSettings`.
        variations: Of the first frame; those of features are made here.

    Attributes:
        filters: (1, 1, C, K, K), as learned last.
        memory: Features and boxes of the samples.
    """

    filters: Tensor
    memory: SampleMemory

    def __init__(
        self, network: DiMPClassifier, settings: FilterSettings, variations: Variations
    ) -> None:
        self._network, self._settings, self._variations = network, settings, variations

    def start(
        self, layers: Layers, samples: FirstSamples, view: View, chance: np.random.Generator
    ) -> None:
        """Learn from the first frame; forget what was before."""
        s = self._settings
        seen = self._network.features(layers["layer3"])
        copies = without_maps(seen[:1], self._variations, chance)
        boxes = samples.boxes(view.last_box)
        first = {
            "features": torch.cat((seen, copies)),
            "boxes": torch.cat((boxes, boxes[:1].expand(len(copies), -1))),
        }
        count = len(first["boxes"])
        weights = SampleWeights(s.memory, s.rate, floor=s.share, protected=count)
        self.memory = SampleMemory(weights, s.memory, first)
        self.filters = self._network.learn(
            first["features"][:, None], first["boxes"][:, None], iterations=s.first_steps
        ).filters

    def score_maps(self, layers: Layers) -> Tensor:
        """Scores of the patches of a frame, as they are, (M, h + 1, w + 1)."""
        self._seen = self._network.features(layers["layer3"])
        return self._network.scores(self.filters, self._seen[:, None])[:, 0]

    def locate(self, layers: Layers, views: Sequence[View]) -> Sighting:
        """Where the target is, in the patch that has the highest score."""
        s = self._settings
        maps = prepared_scores(self.score_maps(layers), s.scores)
        which = int(maps.flatten(1).amax(1).argmax()) if len(maps) > 1 else 0
        view = views[which]
        cells = (self._seen.shape[2], self._seen.shape[3])
        scores = ScoreMap.of_filter(maps[which], view.patch_hw, cells)
        return localise(scores, view.target_hw, view.last_yx, s.thresholds, which)

    def learn(self, number: int, sighting: Sighting, view: View, state: TargetState) -> None:
        """Remember a frame in which the target was found, and learn where it is time to."""
        s = self._settings
        if not sighting.flag.teaches:
            return
        hard = sighting.flag is Flag.HARD_NEGATIVE
        box = view.box(state.pos_yx, state.size_hw)
        self.memory.add(
            s.hard_rate if hard else s.rate,
            features=self._seen[sighting.which : sighting.which + 1],
            boxes=torch.tensor([box], device=self._seen.device),
        )
        if hard:
            self._improve(s.hard_steps)
        elif (number - 1) % s.every == 0:
            self._improve(s.steps)

    def _improve(self, steps: int) -> None:
        if steps == 0:
            return
        memory = self.memory
        self.filters = self._network.learn(
            memory["features"][:, None],
            memory["boxes"][:, None],
            memory.weights_n("features"),
            self.filters,
            steps,
        ).filters


def prepared_scores(maps_mhw: Tensor, kind: Scores) -> Tensor:
    """What thresholds are held against, from scores; see :data:`Scores`."""
    if kind == "softmax":
        return maps_mhw.flatten(1).softmax(1).view_as(maps_mhw)
    return maps_mhw.exp() if kind == "exp" else maps_mhw

"""ATOM's classifier online: learned from the first frame, drawn finely, learned on.

Danelljan et al., CVPR 2019, sections 3.2, 3.3 and 4: projection and filter are learned together
from variations of the first frame; then the projection stays, samples are kept projected, and the
filter alone is improved, at once where a distractor was seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spectrack.networks.dcf import InstanceL2Norm
from spectrack.networks.gauss_newton import Samples, learn_both, learn_filter, same_scores
from spectrack.trackers.atom.settings import FIRST, KERNEL, LABEL, ATOMSettings
from spectrack.tracking.first_frame import gaussian_label
from spectrack.tracking.localisation import Flag, ScoreMap, Sighting, localise
from spectrack.tracking.memory import SampleMemory, SampleWeights
from spectrack.tracking.online_parts import Layers, OnlineClassifier, View
from spectrack.tracking.patches import PairYX, pair
from spectrack.tracking.score_upsampling import upsample_scores
from spectrack.tracking.target_state import TargetState
from spectrack.tracking.variations import FirstSamples, without_maps

ODD = 1
"""Labels have the features' size: for :func:`gaussian_label` a filter of odd side gives such."""


class ATOMClassifier(OnlineClassifier):
    """The two-layer classifier of one target.

    Args:
        settings: Complete, see :meth:`ATOMSettings.complete`.
    """

    def __init__(self, settings: ATOMSettings) -> None:
        self._settings = settings
        self._limits = settings.thresholds
        self._normalise = InstanceL2Norm(1.0)

    def start(
        self, layers: Layers, samples: FirstSamples, view: View, chance: np.random.Generator
    ) -> None:
        """See :class:`OnlineClassifier`."""
        s = self._settings
        features = self._normalise(layers["layer3"])
        self._cells_hw = (features.shape[2], features.shape[3])
        cell = self._cells(view.target_hw, view.patch_hw)
        self._sigma = LABEL * float(np.sqrt(cell[0] * cell[1]))
        labels = torch.stack(
            [self._label(view.last_yx + pair(shift), view, features) for shift in samples.shifts_yx]
        )
        features = torch.cat((features, without_maps(features[:1], FIRST, chance)))
        labels = torch.cat((labels, labels[:1].expand(FIRST.dropouts, -1, -1)))
        weights = labels.new_full((len(labels),), 1 / len(labels))
        learned = learn_both(
            Samples(features, labels, weights),
            self._draw(chance, (s.maps, KERNEL, KERNEL), 1 / (s.maps * KERNEL**2), features),
            self._draw(chance, (s.maps, features.shape[1]), features.shape[1] ** -0.5, features),
            s.filter_strength,
            s.projection_strength,
            s.first_iterations,
            s.first_steps,
        )
        self.filter_mkk, self.projection_mc = learned.filter_mkk, learned.projection_mc
        first = {"features": self._project(features), "labels": labels}
        share = SampleWeights(s.memory, s.rate or 0.0, floor=s.share or 0.0, protected=len(labels))
        self.memory = SampleMemory(share, s.memory, first)

    def locate(self, layers: Layers, views: Sequence[View]) -> Sighting:
        """See :class:`OnlineClassifier`; scores are those before the activation."""
        self._seen = self._project(self._normalise(layers["layer3"]))
        found = []
        for which, (view, scores) in enumerate(
            zip(views, same_scores(self._seen, self.filter_mkk), strict=True)
        ):
            fine = upsample_scores(scores, view.patch_hw, KERNEL)
            if self._settings.window:
                fine = fine * _hann(view.patch_hw[0], fine)[:, None] * _hann(
                    view.patch_hw[1], fine
                )  # fmt: skip
            middle = pair([size // 2 for size in view.patch_hw])
            drawn = ScoreMap(fine.cpu().numpy(), pair((1, 1)), middle)
            # where the target was counts from the middle of the patch, whatever the rounding
            found.append(localise(drawn, view.target_hw, pair((0, 0)), self._limits, which))
        return max(found, key=lambda sighting: sighting.score)

    def learn(self, number: int, sighting: Sighting, view: View, state: TargetState) -> None:
        """See :class:`OnlineClassifier`."""
        s, hard = self._settings, sighting.flag is Flag.HARD_NEGATIVE
        if sighting.flag.teaches:
            place = (state.pos_yx - view.pos_yx) / np.float32(view.scale)
            features = self._seen[sighting.which : sighting.which + 1]
            self.memory.add(
                s.hard_rate if hard else None,
                features=features,
                labels=self._label(place, view, features)[None],
            )
        if hard:
            self._improve(s.hard_steps)
        elif (number - 1) % s.every == 0:
            self._improve(s.steps)

    def _improve(self, steps: int) -> None:
        memory = self.memory
        samples = Samples(memory["features"], memory["labels"], memory.weights_n("features"))
        learned = learn_filter(
            samples, self.filter_mkk, self.projection_mc, self._settings.filter_strength, steps
        )
        self.filter_mkk = learned.filter_mkk

    def _project(self, features_nchw: Tensor) -> Tensor:
        return torch.einsum("mc,nchw->nmhw", self.projection_mc, features_nchw)

    def _cells(self, yx: PairYX, patch_hw: tuple[int, int]) -> PairYX:
        """Pixels of the patch as cells."""
        cells: PairYX = yx * pair(self._cells_hw) / pair(patch_hw)
        return cells

    def _label(self, place_yx: PairYX, view: View, like: Tensor) -> Tensor:
        """Scores (h, w) for a target at a place, told from the middle in pixels of the patch."""
        y, x = self._cells(place_yx, view.patch_hw) + np.float32(0.5)
        return gaussian_label((float(y), float(x)), self._sigma, self._cells_hw, ODD, like.device)

    @staticmethod
    def _draw(
        chance: np.random.Generator, shape: tuple[int, ...], spread: float, like: Tensor
    ) -> Tensor:
        return torch.from_numpy(spread * chance.standard_normal(shape)).to(like)


def _hann(size: int, like: Tensor) -> Tensor:
    """A Hann window with its peak at size // 2, over 0 everywhere."""
    at = torch.arange(size, device=like.device, dtype=like.dtype) - size // 2
    return 0.5 + 0.5 * (2 * torch.pi * at / (size + 2)).cos()

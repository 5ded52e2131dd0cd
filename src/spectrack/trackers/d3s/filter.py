"""GEM: the filter that knows its target from all that surrounds it (D3S, section 3.2).

It is ATOM's: a projection to few maps and a small filter on deep features, both learned in the
first frame from variations of it, the filter again and again after. Its features are those of
ImageNet's network, not of the segmentation network's backbone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spectrack.networks.gauss_newton import Samples, learn_both, learn_filter, same_scores
from spectrack.structures import FrameHWC
from spectrack.trackers.d3s.network import Backbone
from spectrack.trackers.d3s.peaks import KERNEL, located
from spectrack.trackers.d3s.settings import VARIATIONS, D3SSettings
from spectrack.trackers.d3s.state import State
from spectrack.tracking.first_frame import gaussian_label
from spectrack.tracking.localisation import Flag, Sighting
from spectrack.tracking.memory import SampleMemory, SampleWeights
from spectrack.tracking.patches import PairYX, pair, plan_patch
from spectrack.tracking.variations import first_samples

MAPS, STRIDE = 64, 16
"""Maps behind the projection, and pixels of a patch for a cell of its maps."""
LABEL = 0.25
"""Standard deviation of the label in sides of the target."""
TINY = 1e-10
BATCH = 9
"""Patches of the first frame that go through the backbone together."""


@torch.inference_mode()
def filter_features(backbone: Backbone, patches_nchw: Tensor) -> Tensor:
    """What the filter reads: maps at stride 16, their mean square over all of a patch 1.

    Args:
        backbone: In evaluation mode, folded or not, in single or half precision.
        patches_nchw: RGB, 0 to 255, (N, 3, H, W).

    Returns:
        float32 (N, C, H / 16, W / 16).
    """
    kind = next(backbone.parameters()).dtype
    images = backbone.normalise(patches_nchw).to(kind)
    maps: Tensor = backbone(images, ("layer3",))["layer3"].float()
    return maps / (maps.square().mean((1, 2, 3), keepdim=True) + TINY).sqrt()


def principal_maps(features_nchw: Tensor, count: int) -> Tensor:
    """The directions along which features vary most, (count, C).

    Args:
        features_nchw: Of all samples.
        count: How many; at most C.
    """
    flat = features_nchw.permute(1, 0, 2, 3).flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    _, vectors = torch.linalg.eigh(centred @ centred.mT / flat.shape[1])
    return vectors.flip(1)[:, :count].mT.contiguous()


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A frame as the filter saw it.

    Args:
        maps_nchw: Projected features, (1, 64, h, w).
        pos_yx: Place in the frame that is the middle of the patch.
        scale: Pixels of the frame for one of the patch.
        sighting: Where the target is, from the middle of the patch in its pixels.
    """

    maps_nchw: Tensor
    pos_yx: PairYX
    scale: float
    sighting: Sighting

    @property
    def place_yx(self) -> PairYX:
        """Where the target is in the frame."""
        place: PairYX = self.pos_yx + self.sighting.moved_yx * np.float32(self.scale)
        return place


class DiscriminativeFilter:
    """The filter of one target.

    Args:
        backbone: What it reads features with, on its device.
        settings: See :class:`~spectrack.trackers.d3s.settings.D3SSettings`.
        frame_hwc: The first frame.
        state: Of the target in it.
        device: Where the backbone is.
    """

    def __init__(
        self,
        backbone: Backbone,
        settings: D3SSettings,
        frame_hwc: FrameHWC,
        state: State,
        device: torch.device,
    ) -> None:
        self._backbone, self._settings, self._device = backbone, settings, device
        s, patch_hw = settings, (settings.patch, settings.patch)
        self._cells = s.patch // STRIDE
        self._sigma = LABEL / STRIDE * math.sqrt(float(state.base_hw.prod()))
        middle = np.round(state.pos_yx)
        samples = first_samples(
            frame_hwc,
            middle,
            state.scale,
            patch_hw,
            VARIATIONS,
            np.random.default_rng(0),  # nothing is left to chance
            device,
            exact=True,
        )
        features = torch.cat(
            [filter_features(backbone, part) for part in samples.patches_nchw.split(BATCH)]
        )
        off = (state.pos_yx - middle) / np.float32(state.scale)
        labels = torch.stack([self._label(off + pair(shift)) for shift in samples.shifts_yx])
        maps = min(MAPS, features.shape[1])
        weights = SampleWeights(s.memory, s.rate, protected=len(labels))
        learned = learn_both(
            Samples(features, labels, torch.full_like(labels[:, 0, 0], 1 / len(labels))),
            features.new_zeros(maps, KERNEL, KERNEL),
            principal_maps(features, maps),
            s.filter_strength,
            s.projection_strength,
            s.first_rounds,
            s.first_steps,
        )
        self._filter, self._projection = learned.filter_mkk, learned.projection_mc
        first = {"maps": self._project(features), "labels": labels}
        self.memory = SampleMemory(weights, s.memory, first)

    def look(self, frame_hwc: FrameHWC, state: State) -> Look:
        """Where the target is in a frame."""
        middle, side = np.round(state.pos_yx), self._settings.patch
        plan = plan_patch(
            middle,
            np.float32(state.scale) * pair((side, side)),
            (side, side),
            (frame_hwc.shape[0], frame_hwc.shape[1]),
            "replicate",
            exact=True,
        )
        maps = self._project(filter_features(self._backbone, plan.cut(frame_hwc, self._device)))
        scores = same_scores(maps, self._filter)[0]
        target_hw = state.size_hw / np.float32(state.scale)
        sighting = located(scores, side, target_hw, self._settings.thresholds)
        return Look(maps, middle, state.scale, sighting)

    def learn(self, number: int, look: Look, state: State, believed: bool) -> None:
        """Take in what a frame taught.

        Args:
            number: Of the frame, the first is 1.
            look: Of it.
            state: After it.
            believed: Whether it is remembered.
        """
        s = self._settings
        hard = look.sighting.flag is Flag.HARD_NEGATIVE
        if believed:
            off = (state.pos_yx - look.pos_yx) / np.float32(look.scale)
            rate = s.hard_rate if hard else None
            self.memory.add(rate, maps=look.maps_nchw, labels=self._label(off)[None])
        if hard or (number - 1) % s.every == 0:
            memory = self.memory
            samples = Samples(memory["maps"], memory["labels"], memory.weights_n("maps"))
            self._filter = learn_filter(
                samples, self._filter, self._projection, s.filter_strength, s.steps
            ).filter_mkk

    def _project(self, features_nchw: Tensor) -> Tensor:
        projection = self._projection[:, :, None, None]
        return torch.nn.functional.conv2d(features_nchw, projection)

    def _label(self, off_yx: PairYX) -> Tensor:
        """Scores that a patch should have, for a target so far off its middle."""
        y, x = (float(v) / STRIDE + 0.5 for v in off_yx)
        cells_hw = (self._cells, self._cells)
        # a kernel of odd side: the filter's maps are as large as the features
        return gaussian_label((y, x), self._sigma, cells_hw, 1, self._device)

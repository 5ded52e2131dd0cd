"""KYS at work: DiMP's filter says what looks like the target, the predictor where it can be.

Bhat et al., ECCV 2020. Between frames it keeps the last one's features and a state for each of its
cells, both moved so that the target lies on the grid as it will in the next region.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.networks.cost_volume import cost_volume
from spectrack.networks.dimp_learners import STRIDE
from spectrack.trackers.kys.alignment import recentring, shifted, to_cells, to_corners
from spectrack.trackers.kys.network import KYS
from spectrack.trackers.kys.settings import KYSSettings
from spectrack.tracking.first_frame import gaussian_label
from spectrack.tracking.localisation import Flag, Sighting, find_peak
from spectrack.tracking.online_filter import FilterSettings, OnlineFilter
from spectrack.tracking.online_parts import Layers, View
from spectrack.tracking.patches import PairYX, pair
from spectrack.tracking.target_state import TargetState
from spectrack.tracking.variations import DIMP_VARIATIONS, FirstSamples

PATCH = 3
"""Side of the patches that a cost volume compares, in cells."""


class KYSClassifier(OnlineFilter):
    """DiMP's filter, and what is known of every cell.

    Args:
        network: In evaluation mode, on its device.
        settings: With numbers in place of what goes with the weights.

    Attributes:
        known: Layer 3 of the last frame, (1, C, h, w), as moved.
        state: Of its cells, (1, STATE, h, w), as moved.
    """

    known: Tensor
    state: Tensor
    _unmoved: tuple[Tensor, Tensor]
    """Both as they were seen, in the patch of"""
    _view: View
    """this view."""

    def __init__(self, network: KYS, settings: KYSSettings) -> None:
        s = settings
        learning = FilterSettings(
            memory=s.memory,
            rate=s.rate,
            share=s.share,
            every=s.every,
            first_steps=s.first_steps,
            steps=s.steps,
        )
        super().__init__(network.dimp_classifier, learning, DIMP_VARIATIONS)
        self._kys, self._predictor = settings, network.responses

    def start(
        self, layers: Layers, samples: FirstSamples, view: View, chance: np.random.Generator
    ) -> None:
        """Learn from the first frame; forget what was before."""
        super().start(layers, samples, view, chance)
        maps = layers["layer3"][:1]
        cells_hw = (maps.shape[2], maps.shape[3])
        _, search, label_width = self._kys.frame
        sigma = label_width / search * float(np.sqrt(cells_hw[0] * cells_hw[1]))
        y, x = view.last_yx / STRIDE + np.float32(0.5)
        kernel = self.filters.shape[-1]
        label = gaussian_label((float(y), float(x)), sigma, cells_hw, kernel, maps.device)
        self.known, self.state = maps, self._predictor.first_state(to_cells(label[None, None]))
        self._unmoved, self._view = (self.known, self.state), view
        share = self._kys.window / search
        self._window = clipped_window(cells_hw, share, maps) if share else None

    def locate(self, layers: Layers, views: Sequence[View]) -> Sighting:
        """Where the target is, by what it looks like and where things went."""
        s, maps = self._kys, layers["layer3"]
        appearance = self.score_maps(layers)[:, None]
        volume = cost_volume(maps, self.known, s.reach, PATCH)
        if s.volume == "mean":
            volume = volume / (maps.shape[1] * PATCH**2)
        response = self._predictor(volume, to_cells(appearance), self.state, s.appearance)
        self.known, self.state = self._unmoved = maps, response.state
        scores = to_corners(response.score)
        if self._window is not None:
            scores = scores * self._window
        both = torch.cat((scores.relu(), appearance[..., :-1, :-1]), 1)[0].cpu().numpy()
        return sight(both[0], both[1], s.absent)

    def learn(self, number: int, sighting: Sighting, view: View, state: TargetState) -> None:
        """Remember and learn as DiMP does; put what is known where the next frame looks for it."""
        super().learn(number, sighting, view, state)
        self._view = view
        self.follow(state)

    def follow(self, state: TargetState) -> None:
        """Put what is known, from where it was seen, where the next frame looks for it."""
        offset = (state.pos_yx - self._view.pos_yx) / np.float32(self._view.scale * STRIDE)
        known, cells = self._unmoved
        height, width = known.shape[-2:]
        y, x = (
            recentring(float(off), size, self._kys.central)
            for off, size in zip(offset, (height, width), strict=True)
        )
        if (y, x) != (0.0, 0.0):
            step = (2 * x / width, 2 * y / height)
            known, cells = shifted(known, step), shifted(cells, step)
        self.known, self.state = known, cells


def sight(
    scores_hw: NDArray[np.float32], appearance_hw: NDArray[np.float32], absent: float
) -> Sighting:
    """Choose the target's place.

    The scores decide; where appearance alone has its peak in a neighbouring cell, that one is
    taken, as it is sharper.

    Args:
        scores_hw: float32 (h, w), on the grid of the appearance scores.
        appearance_hw: float32 (h, w), without their last row and column.
        absent: A highest score below this is no target.

    Returns:
        No frame is uncertain here, and none a hard negative: states tell targets apart.
    """
    best, alike = find_peak(scores_hw), find_peak(appearance_hw)
    flag = Flag.NOT_FOUND if best.score < absent else Flag.NORMAL
    apart = max(abs(best.row - alike.row), abs(best.col - alike.col))
    place = alike if apart == 1 else best
    middle = [size // 2 for size in scores_hw.shape]
    moved: PairYX = (pair((place.row, place.col)) - pair(middle)) * np.float32(STRIDE)
    return Sighting(flag, best.score, moved)


def clipped_window(size_hw: tuple[int, int], share: float, like: Tensor) -> Tensor:
    """The middle of a raised cosine over ``share`` times the map, (h, w).

    Outside it, where it is smaller than the map, its last value goes on.
    """
    lines = []
    for size in size_hw:
        whole = int(size * share)
        whole += (size - whole) % 2
        at = torch.arange(size, device=like.device) + 1 + (whole - size) // 2
        at = at.clamp(1, whole).to(like.dtype)
        lines.append(0.5 - 0.5 * torch.cos(2 * torch.pi * at / (whole + 1)))
    return lines[0][:, None] * lines[1]

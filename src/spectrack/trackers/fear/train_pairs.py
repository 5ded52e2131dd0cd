"""What FEAR learns from: crops as the tracker cuts them, the search crop off in place and size.

As in the published training, except that the search crop is cut at once: there the frame is cut
and resized to twice the side first, and a window of that is resized again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC
from spectrack.trackers.fear.crop import (
    SMALLEST_SIDE,
    TEMPLATE_OFFSET,
    clamped,
    context_of,
    mean_colour,
)
from spectrack.trackers.fear.network import SEARCH_SIDE, TEMPLATE_SIDE
from spectrack.trackers.fear.train_labels import cells_about, cells_on, distances_to
from spectrack.tracking.windows import cut
from spectrack.training.data.augmentation import brighter, cross_blur, grey
from spectrack.training.data.clips import View
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_pairs import Pair

BARS = np.arange(3, 16, 2)
"""Lengths of a blur."""


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """How far search crops are off, and how pictures change; the published values but for pictures.

    Args:
        least: A window of twice the search crop's sides has this offset at least, in sides of the
            box on every side of it,
        most: and this one at most.
        scale: Largest change of either side of the crop, as a share.
        shift: Largest shift along either axis, in pixels of a crop that is not scaled.
        grey: Chance that both pictures lose their colours.
        bright: Largest change of brightness, as a share, in one of two pairs.
        blur: Chance that a picture is blurred.
    """

    least: float = 2.5
    most: float = 5.5
    scale: float = 0.35
    shift: float = 48.0
    grey: float = 0.05
    bright: float = 0.3
    blur: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most:
            raise InputError(
                f"least and most are {self.least}, {self.most}; give 0 < least <= most"
            )


class PairSamples:
    """Makes samples of pairs, for :class:`~spectrack.training.data.siamese_pairs.SiamesePairs`.

    A sample is a dictionary: ``template`` float32 (3, 128, 128) and ``search`` float32
    (3, 256, 256), RGB, 0 to 255; ``on`` and ``about`` bool (16, 16) and ``sides`` float32
    (4, 16, 16), see :mod:`spectrack.trackers.fear.train_labels`.

    Args:
        settings: See :class:`PairSettings`.
    """

    def __init__(self, settings: PairSettings | None = None) -> None:
        self._settings = settings or PairSettings()

    def __call__(self, pair: Pair, rng: np.random.Generator) -> Sample:
        """A sample."""
        s = self._settings
        colour = mean_colour(pair.template.frame_hwc)
        frame_wh = pair.template.frame_hwc.shape[1], pair.template.frame_hwc.shape[0]
        x, y, w, h = pair.template.box
        context = context_of(clamped((x, y, w, h), frame_wh), TEMPLATE_OFFSET)
        template = cut(pair.template.frame_hwc, context, TEMPLATE_SIDE, colour)
        search, box = search_crop(pair.search, s, colour, rng)
        gain = 1 + s.bright * rng.uniform(-1, 1) if rng.random() < 0.5 else 1.0
        pale = rng.random() < s.grey
        pictures = [self._changed(one, gain, pale, rng) for one in (template, search)]
        sides = distances_to(box)
        on, about = cells_on(sides), cells_about(box)
        return {
            "template": pictures[0],
            "search": pictures[1],
            "on": torch.from_numpy(on & pair.same),
            "about": torch.from_numpy(about & pair.same),
            "sides": torch.from_numpy(sides),
        }

    def _changed(
        self, picture: FrameHWC, gain: float, pale: bool, rng: np.random.Generator
    ) -> Tensor:
        picture = brighter(grey(picture) if pale else picture, gain)
        whole: NDArray[np.float32] = picture.astype(np.float32)
        if rng.random() < self._settings.blur:
            whole = cross_blur(whole, int(rng.choice(BARS)), float(rng.random()))
        return torch.from_numpy(np.ascontiguousarray(whole.transpose(2, 0, 1)))


def search_crop(
    view: View,
    settings: PairSettings,
    colour: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[FrameHWC, Box]:
    """A search crop that is off, and where the box is in it.

    Args:
        view: With the true box.
        settings: How far.
        colour: Of pixels outside of the frame.
        rng: Where chance comes from.

    Returns:
        uint8 (256, 256, 3), and the box in its pixels.
    """
    box = view.box
    share = (1 + 2 * rng.uniform(settings.least, settings.most)) / 2  # window of a plain crop
    sides = np.array([box.w, box.h]) * share
    middle = np.array(box.center) + sides * settings.shift * rng.uniform(-1, 1, 2) / SEARCH_SIDE
    sides *= 1 + settings.scale * rng.uniform(-1, 1, 2)
    w, h = (max(round(float(side)), SMALLEST_SIDE) for side in sides)
    x, y = round(float(middle[0]) - w / 2), round(float(middle[1]) - h / 2)
    height, width = view.frame_hwc.shape[:2]
    # a crop beside the frame would show nothing
    x, y = min(max(x, 1 - w), width - 1), min(max(y, 1 - h), height - 1)
    picture = cut(view.frame_hwc, (x, y, w, h), SEARCH_SIDE, colour)
    a, b = SEARCH_SIDE / w, SEARCH_SIDE / h
    return picture, Box((box.x - x) * a, (box.y - y) * b, box.w * a, box.h * b)

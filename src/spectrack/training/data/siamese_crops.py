"""Samples of pairs for the line of SiamRPN: crops as trackers cut them, about a place that is off.

How far it is off, blur and casts of colour are those of SiamRPN++'s training (Li et al., CVPR 2019,
section 3.1), which its followers took over. What the network should answer is the tracker's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.structures import Box, HardHW
from spectrack.tracking.siamese import context_side, crop, crop_start
from spectrack.training.data.augmentation import colour_cast, cross_blur
from spectrack.training.data.clips import View
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_pairs import Pair

TEMPLATE = 127
"""Side of the template in pixels."""
BARS = np.arange(5, 46, 2)
"""Lengths of a blur."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """How far crops are off, and how their pictures change; the published values of SiamRPN++.

    Args:
        template_shift: Largest shift of the template, in its pixels,
        template_scale: and largest change of its side, as a share.
        search_shift: Of the search region.
        search_scale: Of the search region.
        blur: Chance that the search region is blurred.
        cast: Chance that the colours of both are changed.
    """

    template_shift: float = 4.0
    template_scale: float = 0.05
    search_shift: float = 64.0
    search_scale: float = 0.18
    blur: float = 0.2
    cast: float = 1.0


@dataclass(frozen=True, eq=False)
class Seen:
    """A search region to learn from.

    Args:
        box: Of what is in it, in its pixels.
        mask_hw: Of the same, bool.
        same: Whether that is the target.
    """

    box: Box
    mask_hw: HardHW
    same: bool


Answers = Callable[[Seen, np.random.Generator], Sample]
"""What a network should answer for a search region, by name, and which of it counts."""


class PairSamples:
    """Makes samples of pairs, for :class:`~spectrack.training.data.siamese_pairs.SiamesePairs`.

    A sample is a dictionary: ``template`` float32 (3, 127, 127) and ``search`` float32 (3, S, S),
    RGB, 0 to 255 or a little beyond; and what the network should answer.

    Args:
        search: S, side of a search region.
        answers: See :data:`Answers`.
        settings: See :class:`PairSettings`.
    """

    def __init__(self, search: int, answers: Answers, settings: PairSettings | None = None) -> None:
        self._search, self._answers = search, answers
        self._settings = settings or PairSettings()

    def __call__(self, pair: Pair, rng: np.random.Generator) -> Sample:
        """A sample."""
        s = self._settings
        red, green, blue = (int(v) for v in cv2.mean(pair.template.frame_hwc)[:3])
        mean = red, green, blue
        template = cut(pair.template, TEMPLATE, s.template_shift, s.template_scale, mean, rng)
        search = cut(pair.search, self._search, s.search_shift, s.search_scale, mean, rng)
        pictures = [template.picture_hwc, search.picture_hwc]
        if rng.random() < s.cast:
            pictures = [colour_cast(one, rng) for one in pictures]
        if rng.random() < s.blur:
            pictures[1] = cross_blur(pictures[1], int(rng.choice(BARS)), float(rng.random()))
        seen = Seen(search.box, search.mask_hw, pair.same)
        images = {"template": chw(pictures[0]), "search": chw(pictures[1])}
        return images | self._answers(seen, rng)


def chw(picture_hwc: Floats) -> Tensor:
    """(H, W, 3) -> (3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(picture_hwc.transpose(2, 0, 1)))


@dataclass(frozen=True, eq=False)
class Cut:
    """A crop, and where in the frame it is from.

    Args:
        picture_hwc: float32 (out, out, 3).
        box: As the tracker would read it off: the place that is off is the crop's middle pixel,
            wherever whole numbers have put that.
        view: What it was cut of.
        start: Of the square in the frame,
        side: and its side there.
    """

    picture_hwc: Floats
    box: Box
    view: View
    start: tuple[int, int]
    side: int

    @property
    def mask_hw(self) -> HardHW:
        """The view's mask in the crop, bool (out, out); nothing is beyond the frame."""
        grey_hwc = np.repeat(self.view.mask_hw[..., None].astype(np.uint8) * 255, 3, 2)
        cropped = crop(grey_hwc, self.start, self.side, len(self.picture_hwc), (0, 0, 0))
        mask: HardHW = cropped[..., 0] > 127
        return mask


def cut(
    view: View,
    out: int,
    shift: float,
    scale: float,
    colour: tuple[int, int, int],
    rng: np.random.Generator,
) -> Cut:
    """A crop as the tracker cuts it about a place that is off, and where the box is in it.

    Args:
        view: With the true box.
        out: Side of the crop: of the template, or of a search region about it.
        shift: Largest error of the place along either axis, in pixels of the crop.
        scale: Largest error of the side, as a share.
        colour: What comes in from beyond the frame.
        rng: Where chance comes from.
    """
    box = view.box
    side = float(context_side(box.w, box.h)) * (1 + scale * rng.uniform(-1, 1))
    ratio = TEMPLATE / side
    (cx, cy), (dx, dy) = box.center, shift * rng.uniform(-1, 1, 2)
    place = cx - dx / ratio, cy - dy / ratio
    whole = max(round(side * (out / TEMPLATE)), 1)
    start = crop_start(place, whole)
    picture = crop(view.frame_hwc, start, whole, out, colour).astype(np.float32)
    w, h = box.w * ratio, box.h * ratio
    found = Box(out // 2 + dx - w / 2, out // 2 + dy - h / 2, w, h)
    return Cut(picture, found, view, start, whole)

"""What NanoTrack learns from: crops as the tracker cuts them, about a place that is off.

How far it is off, blur and casts of colour are those of SiamRPN++'s training (Li et al., CVPR 2019,
section 3.1), which NanoTrack's took over.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.structures import Box
from spectrack.trackers.nanotrack.network import SEARCH, TEMPLATE
from spectrack.trackers.nanotrack.train_labels import grid_labels, sampled
from spectrack.tracking.siamese import context_side, crop, crop_start
from spectrack.training.data.augmentation import colour_cast, cross_blur
from spectrack.training.data.clips import View
from spectrack.training.data.samples import Sample
from spectrack.training.data.siamese_pairs import Pair

BARS = np.arange(5, 46, 2)
"""Lengths of a blur."""


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """How far crops are off, and how their pictures change; the published values.

    Args:
        template_shift: Largest shift of the template, in its pixels,
        template_scale: and largest change of its side, as a share.
        search_shift: Of the search region.
        search_scale: Of the search region.
        blur: Chance that the search region is blurred.
    """

    template_shift: float = 4.0
    template_scale: float = 0.05
    search_shift: float = 64.0
    search_scale: float = 0.18
    blur: float = 0.2


class PairSamples:
    """Makes samples of pairs, for :class:`~spectrack.training.data.siamese_pairs.SiamesePairs`.

    A sample is a dictionary: ``template`` float32 (3, 127, 127) and ``search`` float32
    (3, 255, 255), RGB, 0 to 255 or a little beyond; ``classes`` int8 (n, n) and ``sides`` float32
    (4, n, n) as :func:`~spectrack.trackers.nanotrack.train_labels.grid_labels` has them.

    Args:
        cells: Side of the network's grid.
        settings: See :class:`PairSettings`.
    """

    def __init__(self, cells: int, settings: PairSettings | None = None) -> None:
        self._cells, self._settings = cells, settings or PairSettings()

    def __call__(self, pair: Pair, rng: np.random.Generator) -> Sample:
        """A sample."""
        s = self._settings
        red, green, blue = (int(v) for v in cv2.mean(pair.template.frame_hwc)[:3])
        mean = red, green, blue
        template, _ = cut(pair.template, TEMPLATE, s.template_shift, s.template_scale, mean, rng)
        search, box = cut(pair.search, SEARCH, s.search_shift, s.search_scale, mean, rng)
        template, search = (colour_cast(one, rng) for one in (template, search))
        if rng.random() < s.blur:
            search = cross_blur(search, int(rng.choice(BARS)), float(rng.random()))
        classes, sides = grid_labels(box, self._cells, pair.same)
        return {
            "template": torch.from_numpy(np.ascontiguousarray(template.transpose(2, 0, 1))),
            "search": torch.from_numpy(np.ascontiguousarray(search.transpose(2, 0, 1))),
            "classes": torch.from_numpy(sampled(classes, rng, pair.same)),
            "sides": torch.from_numpy(sides),
        }


def cut(
    view: View,
    out: int,
    shift: float,
    scale: float,
    colour: tuple[int, int, int],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], Box]:
    """A crop as the tracker cuts it about a place that is off, and where the box is in it.

    Args:
        view: With the true box.
        out: Side of the crop: of the template, or of a search region about it.
        shift: Largest error of the place along either axis, in pixels of the crop.
        scale: Largest error of the side, as a share.
        colour: What comes in from beyond the frame.
        rng: Where chance comes from.

    Returns:
        float32 (out, out, 3), and the box as the tracker would read it off: the place that is off
        is the crop's middle pixel, wherever whole numbers have put that.
    """
    box = view.box
    side = float(context_side(box.w, box.h)) * (1 + scale * rng.uniform(-1, 1))
    ratio = TEMPLATE / side
    (cx, cy), (dx, dy) = box.center, shift * rng.uniform(-1, 1, 2)
    place = cx - dx / ratio, cy - dy / ratio
    whole = max(round(side * (out / TEMPLATE)), 1)
    picture = crop(view.frame_hwc, crop_start(place, whole), whole, out, colour)
    w, h = box.w * ratio, box.h * ratio
    return picture.astype(np.float32), Box(out // 2 + dx - w / 2, out // 2 + dy - h / 2, w, h)

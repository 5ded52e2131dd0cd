"""What the networks see of a hypothesis: its crop, and the target's colours in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box, FrameHWC, HardHW, SoftHW
from spectrack.trackers.sftrack.crop import OUTSIDE, SIDE, Crop
from spectrack.trackers.sftrack.feat2seg import INPUTS
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.explanation import Hypothesis

UNKNOWN = 0.5
"""Colour probability where no mask has been seen yet."""


def colours_of(frame_hwc: FrameHWC, mask_hw: HardHW, first_share: float = 0.5) -> ColourModel:
    """Colours of a target against its surroundings, both as its crop shows them.

    Args:
        frame_hwc: uint8 RGB.
        mask_hw: bool (H, W), not empty.
        first_share: Weight of these colours against those learned later.
    """
    crop = Crop.around(Box.from_mask(mask_hw) or Box(0, 0, 1, 1))
    index = colour_index(crop.cut(frame_hwc, OUTSIDE))
    return ColourModel(index, crop.cut(mask_hw.astype(np.float32)), first_share)


def learn_colours(
    colours: ColourModel, frame_hwc: FrameHWC, mask_hw: HardHW | SoftHW, rate: float
) -> None:
    """Let a later frame into the recent colours; an empty mask teaches nothing.

    Args:
        colours: Changed in place.
        frame_hwc: uint8 RGB.
        mask_hw: bool or float32 in [0, 1], (H, W).
        rate: Its share of the recent colours.
    """
    box = Box.from_mask(mask_hw >= 0.5 if mask_hw.dtype != np.bool_ else mask_hw)
    if box is not None:
        crop = Crop.around(box)
        index = colour_index(crop.cut(frame_hwc, OUTSIDE))
        colours.learn(index, crop.cut(mask_hw.astype(np.float32)), rate)


def carried_mask(hypotheses: Sequence[Hypothesis | None], soft: SoftHW) -> SoftHW:
    """What colours are learned from: masks that inputs carry themselves, where there are some.

    Colours shape the fused mask, so learning them from it would confirm its own mistakes.
    """
    masks = [h.soft_hw for h in hypotheses if h is not None and h.soft_hw is not None]
    if not masks:
        return soft
    if len(masks) == 1:  # the same numbers without two planes of float64
        one: SoftHW = (np.arange(256) / 255).astype(np.float32)[masks[0]]
        return one
    mean: SoftHW = (np.mean(masks, axis=0) / 255).astype(np.float32)
    return mean


def input_maps(
    frame_hwc: FrameHWC, crop: Crop, hypothesis: Hypothesis, colours: ColourModel | None
) -> NDArray[np.uint8]:
    """The five maps of NN_feat2seg, uint8 (5, SIDE, SIDE), 255 for 1.

    Args:
        frame_hwc: uint8 RGB.
        crop: About the hypothesis.
        hypothesis: Its soft mask is shown, or its filled box where it has none.
        colours: Of the target; None before any mask was seen.
    """
    view = crop.cut(frame_hwc, OUTSIDE)
    out = np.empty((INPUTS, SIDE, SIDE), dtype=np.uint8)
    out[:3] = view.transpose(2, 0, 1)
    soft = hypothesis.soft_hw
    out[3] = np.rint(255 * crop.box_map(hypothesis.box)) if soft is None else crop.cut(soft)
    known = UNKNOWN if colours is None else colours.probability_hw(colour_index(view))
    out[4] = np.rint(255 * np.asarray(known))
    return out

"""The mask in the box of the first frame: what the network sees, and what colours say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spectrack.structures import Box, FrameHWC, HardHW, SoftHW
from spectrack.trackers.sftrack.input_maps import colours_of
from spectrack.trackers.sftrack.segmenter import Segmenter
from spectrack.tracking.appearance import ColourModel
from spectrack.tracking.colour import mask_from_box
from spectrack.tracking.explanation import Hypothesis


@dataclass(frozen=True, slots=True, eq=False)
class FirstMask:
    """The mask of the thing in a box, and what it was made of.

    Attributes:
        soft_hw: float32 (H, W) in [0, 1], zero outside the box, at least one pixel of 0.5 or more.
        looks_hw: What the network saw, float32 (H, W) in [0, 1]: the mean of its last two looks,
            or of one crop.
        cut_hw: What another way of looking found, bool (H, W): the graph cut, or another crop.
    """

    soft_hw: SoftHW
    looks_hw: SoftHW
    cut_hw: HardHW


def first_mask(segment: Segmenter, frame_hwc: FrameHWC, box: Box) -> SoftHW:
    """Soft mask of the thing in a box; see :func:`find_in_box`.

    Returns:
        float32 (H, W) in [0, 1], zero outside the box, at least one pixel of 0.5 or more.
    """
    return find_in_box(segment, frame_hwc, box).soft_hw


def find_in_box(segment: Segmenter, frame_hwc: FrameHWC, box: Box) -> FirstMask:
    """Mask of the thing in a box.

    Graph cuts (:func:`~spectrack.tracking.colour.mask_from_box`) and the network that knows no
    colours yet fail on different pictures. Their mean, with the network's second look given the
    first one's colours, gives colours and a mask to start from; two more looks that know them are
    averaged with the graph cut. On the frames it was chosen on (30 DAVIS training sequences) that
    was better than each alone.

    Args:
        segment: The network.
        frame_hwc: uint8 RGB.
        box: Box given; it touches the frame.

    """
    inside = box.fill((frame_hwc.shape[1], frame_hwc.shape[0]))

    def look(soft: SoftHW | None, colours: ColourModel | None) -> SoftHW:
        shown = None if soft is None else np.rint(255 * soft).astype(np.uint8)
        out = np.zeros(frame_hwc.shape[:2], dtype=np.float32)
        found = segment(frame_hwc, [Hypothesis(box, shown)], colours)
        if found is not None:
            out[found.rows, found.cols] = found.soft_chw[0].astype(np.float32) / 255
        return out * inside

    cut: HardHW = mask_from_box(frame_hwc, box)
    known = cut.astype(np.float32)
    start: SoftHW = _mean(look(None, None), look(None, colours_of(frame_hwc, cut)), known)
    hard = start >= 0.5
    colours = colours_of(frame_hwc, hard if hard.any() else cut)
    looks = look(None, colours), look(start, colours)
    soft: SoftHW = _mean(*looks, known)
    return FirstMask(soft if (soft >= 0.5).any() else known, _mean(*looks), cut)


def _mean(*maps_hw: SoftHW) -> SoftHW:
    mean: SoftHW = np.mean(maps_hw, axis=0).astype(np.float32)
    return mean

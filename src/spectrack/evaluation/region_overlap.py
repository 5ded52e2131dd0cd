"""Overlap of an answer with the truth as VOT measures it: regions of any kind, inside the frame."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.exports.polygons import fill
from spectrack.metrics.polygons import clip_to_box, polygon_box_overlap, polygon_overlap
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, HardHW
from spectrack.video.vot_regions import Region, VotMask

Outline = Box | NDArray[np.float64]
"""A box, or the corners of a polygon (N, 2)."""
Truth = Box | NDArray[np.float64] | HardHW | None
"""A box, the corners of a polygon (N, 2), a mask (H, W), or None for an absent object."""


def truth_region(sequence: VideoSequence, index: int) -> Truth:
    """The truth of a frame: its mask, its polygon, or its box, whatever says most; None for none.

    An empty mask is none: the object is not there.
    """
    if index in sequence.ignored:
        return None
    if sequence.read_mask is not None:
        mask = sequence.truth_object(index, sequence.object_ids[0])
        return None if mask is None or not mask.any() else mask
    polygon = None if sequence.read_polygon is None else sequence.read_polygon(index)
    return sequence.truth_box(index) if polygon is None else polygon


def region_overlap(answer: Region, truth: Truth, size_wh: tuple[int, int]) -> float:
    """Intersection over union of what lies inside the frame of both.

    Boxes and polygons are compared exactly, by clipping; the toolkit of VOT draws them first, which
    differs by pixels along edges. Where truth is a mask, a box or polygon answered is drawn; a mask
    answered where truth is none is taken by its box.

    Args:
        answer: A box, the corners of a polygon, a mask, or None where nothing was found.
        truth: See :func:`truth_region`.
        size_wh: Width and height of the frame.

    Returns:
        In [0, 1]; NaN without truth, 0 without an answer.

    Raises:
        InputError: If the answer is a code.
    """
    if truth is None:
        return math.nan
    if answer is None:
        return 0.0
    if isinstance(answer, int):
        raise InputError(f"the code {answer} was given as answer; expected a box, polygon or mask")
    if isinstance(truth, np.ndarray) and truth.dtype == np.bool_:
        drawn = _drawn(answer, size_wh)
        return float(jaccard(drawn, truth)) if drawn.any() else 0.0
    if isinstance(answer, VotMask):
        answer = Box.from_mask(answer.fill(size_wh))
    one, other = _inside(answer, size_wh), _inside(cast(Outline, truth), size_wh)
    if one is None or other is None:
        return 0.0
    if isinstance(one, Box):
        if isinstance(other, Box):
            return one.iou(other)
        return polygon_box_overlap(other, np.array(tuple(one)))
    if isinstance(other, Box):
        return polygon_box_overlap(one, np.array(tuple(other)))
    return polygon_overlap(one, other)


def _drawn(region: Outline | VotMask, size_wh: tuple[int, int]) -> HardHW:
    """The pixels of a region in the frame, (H, W)."""
    return fill([region], size_wh) if isinstance(region, np.ndarray) else region.fill(size_wh)


def _inside(region: Outline | None, size_wh: tuple[int, int]) -> Outline | None:
    """What lies inside the frame; None for nothing of a box."""
    if isinstance(region, np.ndarray):
        return clip_to_box(region, np.array([0, 0, *size_wh]))
    return None if region is None else region.clip(size_wh)

"""Overlap of an answer with the truth as VOT measures it: regions of any kind, inside the frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.metrics.polygons import clip_to_box, polygon_area
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, HardHW
from spectrack.video.vot_regions import Region, VotMask

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
    differs by pixels along edges. A box answered where truth is a mask is filled.

    Args:
        answer: A box, a mask, or None where nothing was found.
        truth: See :func:`truth_region`.
        size_wh: Width and height of the frame.

    Returns:
        In [0, 1]; NaN without truth, 0 without an answer.

    Raises:
        InputError: If the answer is a polygon or a code.
    """
    if truth is None:
        return math.nan
    if answer is None:
        return 0.0
    if not isinstance(answer, Box | VotMask):
        raise InputError(
            f"a region of kind {type(answer).__name__} was given as answer; expected a box or mask"
        )
    if isinstance(truth, np.ndarray) and truth.dtype == np.bool_:
        filled = answer.fill(size_wh)
        return float(jaccard(filled, truth)) if filled.any() else 0.0
    box = answer if isinstance(answer, Box) else Box.from_mask(answer.fill(size_wh))
    box = None if box is None else box.clip(size_wh)
    if box is None:
        return 0.0
    if isinstance(truth, Box):
        inside = truth.clip(size_wh)
        return 0.0 if inside is None else box.iou(inside)
    seen = clip_to_box(truth, np.array([0, 0, *size_wh]))
    both = polygon_area(clip_to_box(seen, np.array(tuple(box))))
    union = polygon_area(seen) + box.area - both
    return min(both / union, 1.0) if union > 0 else 0.0

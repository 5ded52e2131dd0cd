"""Flow only where it is read: between two frames, around the masks in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.flow.estimators import DISFlow, FlowEstimator, FlowHW2, FlowPair
from spectrack.structures import Box, FrameHWC

Area = tuple[slice, slice]

CONTEXT = 48
"""Pixels beyond what is read that flow is given to see."""


def quick_flow() -> FlowEstimator:
    """DIS flow for filtering: the medium preset without smoothing, which the filter does anyway."""
    return DISFlow("medium", smoothing=0, stride=4)


def around(masks_hw: list[NDArray[np.float32]], margin: int) -> Area:
    """Rows and columns within ``margin`` pixels of masks of one shape; empty where all are."""
    either = np.maximum.reduce(masks_hw)
    box = Box.from_mask(either)
    if box is None:
        return slice(0, 0), slice(0, 0)
    grown = Box(box.x - margin, box.y - margin, box.w + 2 * margin, box.h + 2 * margin)
    return grown.slices((either.shape[1], either.shape[0]))


def flow_pair(
    flow: FlowEstimator, first_hwc: FrameHWC, second_hwc: FrameHWC, area: Area | None = None
) -> FlowPair:
    """Both flows between two frames of one size, 0 outside the area (None is the whole frame)."""
    return FlowPair(
        _flow(flow, first_hwc, second_hwc, area), _flow(flow, second_hwc, first_hwc, area)
    )


def _flow(
    flow: FlowEstimator, first_hwc: FrameHWC, second_hwc: FrameHWC, area: Area | None
) -> FlowHW2:
    if area is None:
        return flow(first_hwc, second_hwc)
    out = np.zeros((*first_hwc.shape[:2], 2), dtype=np.float32)
    if out[area].size:
        parts = (np.ascontiguousarray(frame[area]) for frame in (first_hwc, second_hwc))
        out[area] = flow(*parts)
    return out

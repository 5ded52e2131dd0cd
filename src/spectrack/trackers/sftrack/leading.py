"""Which masks of a frame are mixed: the first alone, unless another shows the target better.

A network that remembers the target makes much the same mask in any box that holds it: a mean over
boxes of which one has spread or shrunk is worse than the mask in the best of them. What tells them
apart is seen without the truth: how sure the mask is of itself, whether its colours are the
target's, and whether it has the size that the target has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import FrameHWC
from spectrack.trackers.sftrack.state import TargetState, compare
from spectrack.tracking.appearance import ColourModel
from spectrack.tracking.explanation import Channels
from spectrack.tracking.sharpness import sharpness

LARGER = 1.5
"""A mask of this many times the usual area counts as much as one of the usual one; larger ones
have spread onto something else, and count less."""


def qualities(
    frame_hwc: FrameHWC, channels: Channels, colours: ColourModel, state: TargetState
) -> NDArray[np.float64]:
    """How well each mask shows the target, float64 (C,) in [0, 1]; 0 for inputs without one.

    Args:
        frame_hwc: uint8 RGB.
        channels: The masks.
        colours: Of the target.
        state: What is known of it.
    """
    found = np.zeros(len(channels.present_c))
    part = frame_hwc[channels.rows, channels.cols]
    for k in np.flatnonzero(channels.present_c):
        soft = channels.soft_chw[k].astype(np.float32) / np.float32(255)
        area = float(np.count_nonzero(soft >= 0.5))
        if not area:
            continue
        _, likeness = compare(part, soft, colours)
        ratio = area / max(state.area, 1.0)
        size = min(1.0, ratio, LARGER / ratio)
        found[k] = sharpness(soft) * min(max(likeness, 0.0), 1.0) * np.sqrt(size)
    return found


def leaders(quality_c: NDArray[np.float64], lead: float) -> NDArray[np.bool_]:
    """The masks to mix: the first one's alone if none is better by more than it is allowed to be.

    Args:
        quality_c: Of each mask, see :func:`qualities`.
        lead: The share of the best mask's quality that the first one needs to stand alone; others
            are mixed that have this share, too.

    Returns:
        bool (C,); at least one where any quality is above 0.
    """
    best = float(quality_c.max(initial=0.0))
    good: NDArray[np.bool_] = (quality_c > 0) & (quality_c >= lead * best)
    if len(good) and good[0]:
        good = np.arange(len(good)) == 0
    return good

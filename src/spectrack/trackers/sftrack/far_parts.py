"""Parts of a mask that are something else than the target: those far from its main part."""

from __future__ import annotations

import cv2
import numpy as np

from spectrack.structures import Box, SoftHW

FAR = 0.5
"""Parts further from the main one than this, in its sides, are something else."""


def without_far_parts(soft_hw: SoftHW, last_hw: SoftHW | None = None) -> SoftHW:
    """The mask without parts that lie far from its main one.

    That is the part with most pixels where the target was last, or else the largest: of two things
    that two inputs follow, the one that did not jump.

    Args:
        soft_hw: float32 (H, W) in [0, 1].
        last_hw: The mask of the last frame in which the target was seen.

    Returns:
        The same values; at most 0.3 in those parts.
    """
    hard_hw = soft_hw >= 0.5
    box = Box.from_mask(hard_hw)
    if box is None:
        return soft_hw
    area = box.slices((soft_hw.shape[1], soft_hw.shape[0]))
    hard = np.ascontiguousarray(hard_hw[area]).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    if count <= 2:
        return soft_hw
    x1, y1, w, h, pixels = stats[1:].T.astype(np.float64)
    first = int(pixels.argmax())
    if last_hw is not None:
        stayed = np.bincount(labels[last_hw[area] >= 0.5], minlength=count)[1:]
        first = int(stayed.argmax()) if stayed.any() else first
    reach = FAR * np.sqrt(w[first] * h[first])
    gap_x = np.maximum(x1 - (x1 + w)[first], x1[first] - (x1 + w))
    gap_y = np.maximum(y1 - (y1 + h)[first], y1[first] - (y1 + h))
    far = np.concatenate([[False], np.maximum(gap_x, gap_y) > reach])
    if not far.any():
        return soft_hw
    out = soft_hw.copy()
    out[area][far[labels]] = np.float32(0.3)  # all of these are above one half
    return out

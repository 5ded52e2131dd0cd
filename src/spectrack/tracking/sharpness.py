"""How sure a soft mask is of itself."""

from __future__ import annotations

import numpy as np

from spectrack.structures import SoftHW


def sharpness(soft_hw: SoftHW) -> float:
    """The J that a soft mask promises: were its values the chances of its pixels.

    Args:
        soft_hw: float32 (H, W) in [0, 1].

    Returns:
        The expected overlap of the mask at one half with the target over their expected union,
        in [0, 1]; 0 for an empty mask.
    """
    hard_hw = soft_hw >= 0.5
    area = np.count_nonzero(hard_hw)
    if not area:
        return 0.0
    total = float(soft_hw.sum(dtype=np.float64))
    inside = float(soft_hw[hard_hw].sum(dtype=np.float64))
    return inside / (area + total - inside)

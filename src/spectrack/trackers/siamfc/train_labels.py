"""What SiamFC's responses should be, and how far they are from that.

Bertinetto et al., ECCV workshops 2016, section 2.2: a place of the response map belongs to the
target if it is near the middle, and both kinds count alike in a logistic loss.
"""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

RADIUS = 16
"""Pixels of the search region."""
STRIDE = 8


def response_labels(side: int) -> NDArray[np.float32]:
    """1 at most :data:`RADIUS` pixels from the middle, down and across added up; 0 elsewhere.

    Args:
        side: Of the response map; the middle lies between cells where it is even.

    Returns:
        float32 (side, side).
    """
    away = np.abs(np.arange(side) - (side - 1) / 2)
    near: NDArray[np.float32] = (away[:, None] + away <= RADIUS / STRIDE).astype(np.float32)
    return near


def balanced_loss(responses_n1hw: Tensor, labels_nhw: Tensor) -> Tensor:
    """Logistic loss, in which both kinds have half of the weight each.

    Args:
        responses_n1hw: (N, 1, h, w).
        labels_nhw: (N, h, w): 1 or 0; a kind that is missing in the whole batch leaves its half to
            the other one.
    """
    losses = F.binary_cross_entropy_with_logits(responses_n1hw[:, 0], labels_nhw, reduction="none")
    parts = [losses[labels_nhw == kind] for kind in (1, 0)]
    present = [part.mean() for part in parts if part.numel()]
    return sum(present, responses_n1hw.sum() * 0) / max(len(present), 1)

"""Several objects in one frame: their masks made to agree on who owns each pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrack.errors import InputError

GIVEN = 200.0
"""A mask that is given has logits of plus and minus half of this."""


def given_logits(mask: Tensor) -> Tensor:
    """Logits of a mask that is given: 100 where it is 1, -100 where it is 0."""
    return (mask.float() - 0.5) * GIVEN


def merge_objects(logits_nhw: Tensor) -> tuple[Tensor, Tensor]:
    """Soft aggregation of objects that were segmented one by one (RTS and LWL on many objects).

    The background is what no object claims; a softmax over it and all objects shares each pixel.

    Args:
        logits_nhw: One map an object, float (N, H, W), N >= 1; finite.

    Returns:
        Probabilities, float (N, H, W), which with the background's sum to 1; and the owner of each
        pixel, int64 (H, W): 0 for the background, else one more than the object's index.

    Raises:
        InputError: If the maps are not of shape (N, H, W).
    """
    if logits_nhw.ndim != 3 or not len(logits_nhw):
        raise InputError(
            f"logits of shape {tuple(logits_nhw.shape)} were given; "
            "expected (objects, height, width) with at least one object"
        )
    nobody = torch.sigmoid(-logits_nhw).prod(0).clamp(1e-7, 1 - 1e-7)
    scores = torch.cat([torch.logit(nobody)[None], logits_nhw])
    return torch.softmax(scores, 0)[1:], scores.argmax(0)

"""The joint step of objects that are followed together: no pixel is of two of them.

Where soft masks overlap, :func:`spectrack.tracking.merging.merge_objects` says whose each pixel is;
elsewhere masks stay as they are, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from spectrack.structures import HardHW, Prediction, SoftHW
from spectrack.tracking.merging import merge_objects

FAINT = 1 / 255
"""A mask that says no more of a pixel does not claim it, and is not heard there."""

SUREST = 1e-6
"""How far from 0 and 1 a soft mask is held, so that its logits are finite."""

LOST = np.float32(0.49)
"""What a mask says at most of a pixel that another object owns."""


def share_pixels(predictions: Mapping[int, Prediction]) -> dict[int, Prediction]:
    """The answers for one frame, each pixel left to one object or to none.

    Args:
        predictions: Object id to answer; masks are soft, float32 (H, W) in [0, 1], or bool.

    Returns:
        The same answers where masks do not meet. Else masks say at least 0.5 of the pixels that
        their object owns and less than that of those which another one, or none, does; boxes and
        scores stay.
    """
    # Of equal claims the surer object's is heard, of equally sure ones the later one's.
    surest = sorted(predictions.items(), key=lambda item: item[1].score)[::-1]
    masks = {key: p.mask for key, p in surest if p.found and p.mask is not None}
    if len(masks) < 2:
        return dict(predictions)
    claims = np.zeros(next(iter(masks.values())).shape, dtype=np.uint8)
    for mask in masks.values():
        claims += np.asarray(mask > FAINT, dtype=np.uint8)
    met: HardHW = claims > 1
    if not met.any():
        return dict(predictions)
    soft_np = np.stack([mask[met] for mask in masks.values()]).astype(np.float32)
    owner_p = _owners(np.where(soft_np > FAINT, soft_np, np.float32(0)))
    shared = dict(predictions)
    for number, (key, own_p) in enumerate(zip(masks, soft_np, strict=True), start=1):
        soft: SoftHW = masks[key].astype(np.float32)  # a copy
        kept = np.maximum(own_p, np.float32(0.5))
        soft[met] = np.where(owner_p == number, kept, np.minimum(own_p, LOST))
        shared[key] = replace(predictions[key], mask=soft)
    return shared


def _owners(soft_np: SoftHW) -> np.ndarray:
    """Number of the owner of each pixel, from 1, or 0: (objects, pixels) to (pixels,)."""
    sure = torch.from_numpy(soft_np).double().clamp(SUREST, 1 - SUREST)
    return merge_objects(torch.logit(sure)[:, None])[1][0].numpy()

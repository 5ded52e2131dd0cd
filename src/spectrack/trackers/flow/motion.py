"""Which of two motions a pixel follows: the background's or the target's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.flow.estimators import FlowHW2
from spectrack.structures import SoftHW

_SAMPLES = 3000


def motion_logit_hw(
    flow_hw2: FlowHW2, prior_hw: SoftHW, trust_hw: SoftHW
) -> tuple[SoftHW, tuple[float, float]]:
    """Log odds that a pixel moves with the target.

    An affine motion is fitted, robustly, to the flow of each side; the odds compare how far a
    pixel's flow lies from the two under heavy-tailed (Cauchy) noise of one pixel. Where both sides
    move alike the odds are even, so the cue is silent when it knows nothing.

    Args:
        flow_hw2: Flow of the current view, pixels.
        prior_hw: Soft mask of the target there.
        trust_hw: How far the flow can be trusted, in [0, 1].

    Returns:
        The odds, float32 of shape (H, W), not clipped; and the flow (dx, dy) of the target's own
        motion at its centre.
    """
    height, width = prior_hw.shape
    step = max(1, int(np.sqrt(height * width / _SAMPLES)))
    x = np.arange(width, dtype=np.float32) / width - 0.5
    y = np.arange(height, dtype=np.float32) / height - 0.5
    sampled = (slice(None, None, step), slice(None, None, step))
    over, down = (axis.ravel() for axis in np.meshgrid(x[::step], y[::step]))
    terms = np.stack([np.ones_like(over), over, down], axis=1)

    def distance_hw(side_hw: SoftHW) -> tuple[SoftHW, NDArray[Any]]:
        weight = (side_hw * trust_hw)[sampled].ravel().astype(np.float64) + 1e-9
        affine = _fit(terms, flow_hw2[sampled].reshape(-1, 2), weight)
        squared: SoftHW = np.zeros_like(side_hw)
        for axis, (still, along_x, along_y) in enumerate(affine.T.astype(np.float32)):
            gap = flow_hw2[..., axis] - (still + along_x * x)
            gap -= (along_y * y)[:, None]
            squared += np.square(gap, out=gap)
        return squared, affine

    ground, _ = distance_hw(1 - prior_hw)
    # Pixels that move with the background say little about the target's motion: a mask that
    # takes in too much ground still leads to it.
    target, affine = distance_hw(prior_hw * ground / (1 + ground))
    odds: SoftHW = np.log1p(ground) - np.log1p(target)
    total = float(prior_hw.sum()) + 1e-6
    centre = [1.0, float(prior_hw.sum(axis=0) @ x) / total, float(prior_hw.sum(axis=1) @ y) / total]
    dx, dy = np.asarray(centre) @ affine
    return odds, (float(dx), float(dy))


def _fit(
    terms: NDArray[np.float32], flow: NDArray[np.float32], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Affine motion (3, 2) by three rounds of reweighted least squares."""
    current: NDArray[Any] = weight
    affine: NDArray[np.float64] = np.zeros((3, 2))
    ridge = 1e-6 * np.eye(3)
    for _ in range(3):
        weighted = terms * current[:, None]
        affine = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ flow)
        gap = flow - terms @ affine
        current = weight / (1 + (gap * gap).sum(axis=1))
    return affine

"""Masks as a middling method would give them: parts lost, look-alikes taken in, edges off.

The errors are made up but behave like real ones: they last for some frames, sit where an object is
easily missed (whole parts) or mistaken (background of its colours), and a boundary is off by a few
pixels along stretches, not pixel by pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from spectrack.datasets.synthetic.scene import SyntheticClip


def damaged(
    clip: SyntheticClip, seed: int = 0, lost: float = 1.3, leak: float = 1.2, jitter: float = 2.5
) -> NDArray[np.bool_]:
    """Masks of a clip with errors that are correlated in space and time.

    Args:
        clip: The clip; its masks are the truth.
        seed: Same seed, same errors.
        lost: Parts of the object are lost where a noise field exceeds this, in standard deviations.
        leak: The like for background near the object that has its colours.
        jitter: Standard deviation of the place of the boundary, pixels; it and all other lengths
            are those of a frame of 240 rows and grow with it.

    Returns:
        bool, shape (T, H, W).
    """
    rng = np.random.default_rng(seed)
    shape = clip.masks_thw.shape
    unit = min(clip.size_wh) / 240
    edge, part, near = (_field(rng, shape, t, r * unit) for t, r in ((2, 5), (4, 9), (4, 7)))
    taken = _background_like_it(clip, 40 * unit)
    out = np.empty(shape, dtype=bool)
    for t, mask in enumerate(clip.masks_thw):
        moved = _depth(mask) + jitter * unit * edge[t] > 0
        out[t] = (moved & (part[t] < lost)) | (taken[t] & (near[t] > leak))
    return out


def _field(
    rng: np.random.Generator, shape: tuple[int, ...], frames: float, pixels: float
) -> NDArray[np.float32]:
    """Smooth noise of mean 0 and deviation 1, blurred by so many frames and pixels."""
    white = rng.standard_normal(shape, dtype=np.float32)
    noise = gaussian_filter(white, (frames, pixels, pixels))
    return (noise - noise.mean()) / noise.std()


def _depth(mask_hw: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the boundary in pixels, negative outside."""
    inside, outside = (m.astype(np.uint8) for m in (mask_hw, ~mask_hw))
    return cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(
        outside, cv2.DIST_L2, 5
    )


def _background_like_it(clip: SyntheticClip, within: float) -> NDArray[np.bool_]:
    """Background up to ``within`` pixels off whose colours are commoner in the object."""
    bins = (clip.frames_thwc // 32).astype(np.int64) @ np.array([64, 8, 1])
    inside = np.bincount(bins[clip.masks_thw], minlength=512) / clip.masks_thw.sum()
    outside = np.bincount(bins[~clip.masks_thw], minlength=512) / (~clip.masks_thw).sum()
    alike = (inside > outside)[bins]
    out = np.empty(clip.masks_thw.shape, dtype=bool)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    for t, mask in enumerate(clip.masks_thw):
        spots = cv2.morphologyEx(alike[t].astype(np.uint8), cv2.MORPH_CLOSE, disc) > 0
        depth = _depth(mask)
        out[t] = spots & (depth < 0) & (depth > -within)
    return out

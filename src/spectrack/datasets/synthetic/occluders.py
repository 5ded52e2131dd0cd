"""Bars and polygons that pass in front of things."""

from __future__ import annotations

import cv2
import numpy as np

from spectrack.datasets.synthetic.layers import Pixels
from spectrack.datasets.synthetic.lens import tint

SIDE = 96


def odd_shape(image_hwc: Pixels, rng: np.random.Generator) -> Pixels:
    """A bar or polygon, of one colour or with the texture of a part of an image.

    Args:
        image_hwc: uint8 RGB (H, W, 3) that lends its texture.
        rng: Chooses shape and texture.

    Returns:
        uint8 (SIDE, SIDE, 4), RGB and opacity, clear at the edges.
    """
    middle, opacity = SIDE // 2, np.zeros((SIDE, SIDE), np.uint8)
    if rng.random() < 0.4:
        half = int(rng.integers(5, 20))
        opacity[middle - half : middle + half, 2:-2] = 255
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
        reach = rng.uniform(20, middle - 3, (len(angles), 1))
        corners = middle + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(opacity, [np.rint(corners).astype(np.int32)], (255,))
    if rng.random() < 0.3:
        colours = np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3), np.uint8)
    else:
        height, width = image_hwc.shape[:2]
        h, w = (max(1, int(side * rng.uniform(0.2, 0.5))) for side in (height, width))
        y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        part = image_hwc[y : y + h, x : x + w]
        colours = np.asarray(cv2.resize(part, (SIDE, SIDE)), np.uint8)
    return np.dstack([tint(colours, rng, 0.2), np.asarray(cv2.blur(opacity, (3, 3)), np.uint8)])

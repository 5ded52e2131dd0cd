"""A wooden bridge for the synthetic scene, seen from above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.synthetic.sprites import Pose


@dataclass(frozen=True, eq=False)
class Bridge:
    """A wooden bridge across the whole picture.

    Args:
        half: Half its width, in world pixels.
        unit: World pixels of a scene of 240 rows.
        grain_hw: Tile of noise: its wood.
    """

    half: float
    unit: float
    grain_hw: NDArray[np.float32]

    def draw(self, image: NDArray[np.float32], pose: Pose) -> NDArray[np.bool_]:
        """Paint the bridge, across the angle of the pose, and return its mask, shape (H, W)."""
        height, width = image.shape[:2]
        x, y, angle, scale = pose
        if math.hypot(x - width / 2, y - height / 2) > math.hypot(width, height) + 2 * self.half:
            return np.zeros((height, width), dtype=bool)
        dx = (np.arange(width, dtype=np.float32) - np.float32(x))[None] / np.float32(scale)
        dy = (np.arange(height, dtype=np.float32) - np.float32(y))[:, None] / np.float32(scale)
        cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        across, along = cos * dx + sin * dy, cos * dy - sin * dx
        distance = ((self.half - np.abs(across)) * np.float32(scale)).astype(np.float32)
        plank = along / np.float32(9 * self.unit)
        gap = np.clip(np.abs(plank - np.rint(plank)) * 14, 0.35, 1)
        tone = 0.9 + 0.12 * np.sin(12.9898 * np.rint(plank + 0.5))
        wood = cv2.remap(
            self.grain_hw,
            np.mod(across / np.float32(3 * self.unit), 127).astype(np.float32),
            np.mod(along * np.float32(1.3 / self.unit), 127).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        rail = np.where(distance < 5 * self.unit * scale, 0.7, 1.0)
        light = (gap * tone * rail * (1 + 0.07 * wood))[..., None]
        colour = (np.array([138, 116, 92], np.float32) * light).astype(np.float32)
        image *= (1 - 0.3 * np.clip(1 + distance / (8 * self.unit), 0, 1))[..., None]
        image += np.clip(distance + 0.5, 0, 1)[..., None] * (colour - image)
        return np.asarray(distance >= 0, np.bool_)

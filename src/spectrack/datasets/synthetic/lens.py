"""The faults of a camera: blur, light that is off and flickers, noise, compression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Lens:
    """Chances (0..1) and strengths of faults; zeros turn them off.

    Args:
        blur: Chance of Gaussian blur, of 0.4 to 1.5 pixels.
        light: Standard deviation of contrast, brightness and colour of a clip, as a share.
        flicker: The same from frame to frame.
        noise: Chance of noise, of 1 to 8 grey levels.
        compression: Chance of JPEG compression, of quality 25 to 90.
    """

    blur: float = 0.25
    light: float = 0.12
    flicker: float = 0.015
    noise: float = 0.3
    compression: float = 0.3

    def spoil(
        self, frames: Sequence[NDArray[np.uint8]], rng: np.random.Generator
    ) -> list[NDArray[np.uint8]]:
        """Frames (H, W, 3), uint8 RGB, as such a camera would have seen them."""
        blur = rng.uniform(0.4, 1.5) if rng.random() < self.blur else 0.0
        noise = rng.uniform(1, 8) if rng.random() < self.noise else 0.0
        quality = int(rng.integers(25, 91)) if rng.random() < self.compression else 0
        light = rng.normal(0, self.light, 5)
        spoiled = []
        for frame in frames:
            seen: NDArray[Any] = cv2.GaussianBlur(frame, (0, 0), blur) if blur else frame
            now = light + rng.normal(0, self.flicker, 5)
            if now.any():
                seen = cv2.LUT(seen, _curve(now))
            if noise:
                grains = rng.standard_normal(seen.shape, np.float32) * np.float32(noise)
                seen = cv2.add(seen, grains, dtype=cv2.CV_8U)
            if quality:
                _, code = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, quality])
                seen = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))
            spoiled.append(np.asarray(seen, np.uint8))
        return spoiled


def tint(
    colours_hwc: NDArray[np.uint8], rng: np.random.Generator, strength: float
) -> NDArray[np.uint8]:
    """Colours under another light, of that standard deviation (a share)."""
    return np.asarray(cv2.LUT(colours_hwc, _curve(rng.normal(0, strength, 5))), np.uint8)


def _curve(change: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Table (256, 1, 3) for changes of contrast, brightness and the three colours."""
    grey = np.arange(256)[:, None]
    gains = np.exp(change[0] + change[2:] / 2)
    curve = (grey - 128) * gains + 128 * (1 + change[1]) + 64 * change[2:]
    return np.clip(np.rint(curve), 0, 255).astype(np.uint8)[:, None]

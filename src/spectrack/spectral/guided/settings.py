"""Settings of the links of the guided filter, and the neighbourhoods that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """Which pixels are linked, and how strongly.

    Attributes:
        sharpness: alpha of the colour affinity in flat regions, for Lab / 100; >= 0.
        contrast: Variance of Lab / 100 (summed over channels) in a window of 15 x 15 pixels at
            which alpha is halved: ``alpha_i = sharpness contrast / (contrast + variance_i)``.
            0 gives every pixel the full sharpness.
        radius: Taps on each side in the frame itself, along both axes.
        step: Pixels between taps.
        side_radius: Taps on each side in the neighbouring frames.
        flow_sigma: Tolerance of the forward-backward check, pixels.
        reach: Pixels this far from a boundary of the input may change.
        level: Value that becomes one half in the result. Below one half it counters the shrinking
            of thin parts, whose neighbours are mostly background.

    Raises:
        InputError: If a setting is out of range; the message names it.
    """

    sharpness: float = 4000.0
    contrast: float = 0.005
    radius: int = 2
    step: int = 2
    side_radius: int = 2
    flow_sigma: float = 2.0
    reach: int = 32
    level: float = 0.42

    def __post_init__(self) -> None:
        whole = {"radius": 0, "step": 1, "side_radius": 0, "reach": 1}
        for name, least in whole.items():
            value = getattr(self, name)
            if int(value) != value or value < least:
                raise InputError(f"{name} is {value}; give a whole number of {least} or more")
        for name in ("sharpness", "contrast"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; give a number of 0 or more")
        if not (math.isfinite(self.flow_sigma) and self.flow_sigma > 0):
            raise InputError(f"flow_sigma is {self.flow_sigma}; give a positive number of pixels")
        if not 0 < self.level < 1:
            raise InputError(f"level is {self.level}; give a number between 0 and 1")


class Taps:
    """Neighbourhoods as index offsets into padded, flattened planes.

    Taps lie on a square grid without its corners and weigh exp(-2 |offset|^2 / extent^2), 1 in
    the middle and e^-2 at the end of an axis.

    Args:
        width: Width of the frames.
        settings: The recipe.
    """

    def __init__(self, width: int, settings: LinkSettings) -> None:
        s = settings
        self.pad = max(s.radius, s.side_radius, 1) * s.step
        self.padded_width = width + 2 * self.pad
        self.own, self.own_spatial = self._grid(s.radius, s.step)
        self.side, self.side_spatial = self._grid(s.side_radius, s.step)
        self.count = len(self.own) + 2 * len(self.side)

    def _grid(self, radius: int, step: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        axis = np.arange(-radius, radius + 1)
        dy, dx = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
        spatial = np.exp(-2 * (dy**2 + dx**2) / max(radius, 1) ** 2)
        # The corners weigh e^-4 and cost a fifth of the taps.
        kept = (np.abs(dy) + np.abs(dx) < 2 * radius) | (radius == 0)
        dy, dx, spatial = dy[kept], dx[kept], spatial[kept]
        return ((dy * self.padded_width + dx) * step).astype(np.int32), spatial.astype(np.float32)

"""Settings of the guided filter, and the neighbourhoods that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.guided.byte_rows import ROWS, STEP
from spectrack.spectral.guided.eight_taps import in_eights

STABLE = 1.4
"""Longest stable plain step. W has eigenvalues from about -1/3 (a pixel tied only to its like in
the frames before and after) to 1, so up to 2 / (1 + 1/3) = 1.5 is stable."""


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """Which pixels are linked, and how strongly.

    Attributes:
        sharpness: alpha of the colour affinity in flat regions, for Lab / 100; >= 0.
        contrast: Variance of Lab / 100 (summed over channels) in a window of 15 x 15 pixels at
            which alpha is halved: ``alpha_i = sharpness contrast / (contrast + variance_i)``.
            0 gives every pixel the full sharpness.
        guidance: How strongly a guide, where one is given, keeps pixels apart: with e the
            difference of its values at two pixels, ``guidance e^2 / 4`` is added to
            ``alpha_i |d|^2 / 4`` of their colours; >= 0.
        radius: Taps on each side in the frame itself, along both axes.
        step: Pixels between taps.
        side_radius: Taps on each side in the neighbouring frames.
        flow_sigma: Tolerance of the forward-backward check, pixels.
        reach: Pixels this far from a boundary of the input may change.
        level: Value that becomes one half in the result. Below one half it counters the shrinking
            of thin parts, whose neighbours are mostly background.
        flat: Where all values that a few pixels read differ by no more, a step leaves them alone;
            0 does so only where it changes nothing. On a GPU every pixel is swept.

    Raises:
        InputError: If a setting is out of range; the message names it.
    """

    sharpness: float = 4000.0
    contrast: float = 0.005
    guidance: float = 0.0
    radius: int = 2
    step: int = 2
    side_radius: int = 2
    flow_sigma: float = 2.0
    reach: int = 32
    level: float = 0.42
    flat: float = 0.004

    def __post_init__(self) -> None:
        whole = {"radius": 0, "step": 1, "side_radius": 0, "reach": 1}
        for name, least in whole.items():
            value = getattr(self, name)
            if int(value) != value or value < least:
                raise InputError(f"{name} is {value}; give a whole number of {least} or more")
        for name in ("sharpness", "contrast", "guidance"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; give a number of 0 or more")
        if not (math.isfinite(self.flow_sigma) and self.flow_sigma > 0):
            raise InputError(f"flow_sigma is {self.flow_sigma}; give a positive number of pixels")
        if not 0 < self.level < 1:
            raise InputError(f"level is {self.level}; give a number between 0 and 1")
        if not 0 <= self.flat < 1:
            raise InputError(f"flat is {self.flat}; give a number of at least 0, below 1")


@dataclass(frozen=True, kw_only=True)
class GuidedSettings(LinkSettings):
    """How masks are filtered: the settings of the links, and how far to go.

    Attributes:
        cycles: Steps of each cycle; their sum is the delay of the stream in frames.
        changes: One value a cycle, rising: where the first cycle changes this share of a mask
            (1 - IoU, mean over the frames around), the result is that after the cycle; values in
            between interpolate.
        share: Most of the guide in what is filtered, where one is given, in [0, 1]; see
            :mod:`spectrack.spectral.guided.trust`. Up to one half the given mask alone decides
            where the filter changes nothing.

    Raises:
        InputError: If a setting is out of range; the message names it.
    """

    cycles: tuple[int, ...] = (2, 4, 6)
    changes: tuple[float, ...] = (0.013, 0.025, 0.055)
    share: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(int(n) != n or n < 1 for n in self.cycles):
            raise InputError(f"cycles are {self.cycles}; give whole numbers of 1 or more")
        if not 0 <= self.share <= 1:
            raise InputError(f"share is {self.share}; give a number in [0, 1]")
        rising = all(a < b for a, b in zip(self.changes, self.changes[1:], strict=False))
        if len(self.changes) != len(self.cycles) or not rising:
            raise InputError(
                f"changes are {self.changes} for cycles {self.cycles}; give one a cycle, rising"
            )

    @property
    def iterations(self) -> int:
        """Steps in all."""
        return sum(self.cycles)

    @property
    def lengths(self) -> tuple[float, ...]:
        """Length tau of each step: STABLE / (2 cos^2(pi (2 i + 1) / (4 n + 2))), i < n."""
        return tuple(
            STABLE / (2 * math.cos(math.pi * (2 * i + 1) / (4 * n + 2)) ** 2)
            for n in self.cycles
            for i in range(n)
        )


GUIDED_PRESETS: dict[str, GuidedSettings] = {
    "colour": GuidedSettings(),
    "deep": GuidedSettings(cycles=(4, 6, 10), changes=(0.0, 0.02, 0.06), reach=48),
    "learned": GuidedSettings(guidance=10.0, share=0.5),
}


class Taps:
    """Neighbourhoods as index offsets into padded, flattened planes.

    Taps lie on a square grid without its corners and weigh exp(-2 |offset|^2 / extent^2), 1 in
    the middle and e^-2 at the end of an axis.

    Args:
        width: Width of the frames.
        settings: The recipe.

    Attributes:
        own_eights: Those in the frame itself, as affinities are computed.
        side_eights: Those in each of the frames beside.
        in_rows: Whether they are what :func:`spectrack.spectral.guided.byte_rows.rows_dot_3` reads.
    """

    def __init__(self, width: int, settings: LinkSettings) -> None:
        s = settings
        self.pad = max(s.radius, s.side_radius, 1) * s.step
        self.padded_width = width + 2 * self.pad
        self.own, self.own_spatial = self._grid(s.radius, s.step)
        self.side, self.side_spatial = self._grid(s.side_radius, s.step)
        self.own_eights = in_eights(self.own, self.own_spatial)
        self.side_eights = in_eights(self.side, self.side_spatial)
        self.count = len(self.own) + 2 * len(self.side)
        self.in_rows = s.radius == s.side_radius == len(ROWS) // 2 and s.step == STEP

    def _grid(self, radius: int, step: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        axis = np.arange(-radius, radius + 1)
        dy, dx = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
        spatial = np.exp(-2 * (dy**2 + dx**2) / max(radius, 1) ** 2)
        # The corners weigh e^-4 and cost a fifth of the taps.
        kept = (np.abs(dy) + np.abs(dx) < 2 * radius) | (radius == 0)
        dy, dx, spatial = dy[kept], dx[kept], spatial[kept]
        return ((dy * self.padded_width + dx) * step).astype(np.int32), spatial.astype(np.float32)

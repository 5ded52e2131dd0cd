"""How the compiled kernel goes about a recipe: form, taps, tiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.sfseg.affinity import cosine_series
from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.kernels.forms import cosine_form
from spectrack.spectral.sfseg.kernels.rows import BLOCK
from spectrack.spectral.sfseg.settings import SFSegSettings

Tile = tuple[int, int, int, int]
Array = NDArray[np.float32]

TILE_WIDTH = 432
RING_BYTES = 600_000
"""Leaves room for the other rows in a second cache of 1 MiB."""


class Plan:
    """What the compiled functions are called with, for one recipe and frame size.

    Attributes:
        form: Affinity (see ``forms``).
        planes: Number of planes filtered.
        taps: Half of the taps of each axis, relative to the middle one.
        gain: What S^p is multiplied with to make up for that.
        tiles: Top, bottom, left, right of the tiles.
    """

    def __init__(
        self, settings: SFSegSettings, has_feature: bool, size_hw: tuple[int, int], slots: int
    ) -> None:
        self.settings = settings
        self.slots = (0,) * slots
        self.form: Any = None
        self.planes = 1
        if has_feature and settings.alpha > 0:
            if settings.affinity == "taylor":
                self.form, self.planes = np.float32(settings.alpha), 3
            else:
                self.form = cosine_form(cosine_series(settings.affinity, settings.alpha))
                self.planes = int(settings.affinity[-1])
        halves = [t[len(t) // 2 :] for t in kernel_taps(settings.kernel)]
        # Weights relative to the middle one save a product in each filter; S^p, which enters every
        # link twice, makes up for them.
        self.taps = [tuple(np.float32(v) for v in half / half[0]) for half in halves]
        self.gain = math.sqrt(math.prod(half[0] for half in halves))
        self.tiles = self._tiles(*size_hw)

    def unary(self, soft_hw: Array, out_hw: Array) -> None:
        """``S^p`` of a frame, times ``gain``."""
        floor, p = self.settings.floor, np.float32(self.settings.p)
        np.multiply(soft_hw, np.float32(1 - 2 * floor), out=out_hw)
        out_hw += np.float32(floor)
        np.power(out_hw, p, out=out_hw)
        out_hw *= np.float32(self.gain)

    def tall(self) -> Array:
        """Scratch of one thread: rows of a tile and its halo, filtered along the width."""
        rows = max(self._padded(tile)[0] for tile in self.tiles)
        wide = max(self._padded(tile)[1] for tile in self.tiles)
        return aligned((rows + 2 * (len(self.taps[1]) - 1) + BLOCK) * wide)

    def ring(self, tile: Tile | None = None) -> Array:
        """Ring of frames for one tile, or large enough for any."""
        tiles = self.tiles if tile is None else [tile]
        return aligned(len(self.slots) * max(math.prod(self._padded(t)) for t in tiles))

    def _padded(self, tile: Tile) -> tuple[int, int]:
        top, bottom, left, right = tile
        return -(-(bottom - top) // BLOCK) * BLOCK, self.planes * (-(-(right - left) // 16) * 16)

    def _tiles(self, height: int, width: int) -> list[Tile]:
        across = max(1, round(width / TILE_WIDTH))
        tile_width = -(-width // (16 * across)) * 16
        line = 4 * len(self.slots) * self.planes * tile_width
        most = max(BLOCK, RING_BYTES // line // BLOCK * BLOCK)
        down = -(-height // most)
        tile_height = -(-height // (down * BLOCK)) * BLOCK
        return [
            (top, min(height, top + tile_height), left, min(width, left + tile_width))
            for top in range(0, height, tile_height)
            for left in range(0, width, tile_width)
        ]


def aligned(size: int) -> Array:
    """A zeroed buffer that starts on a cache line."""
    raw = np.zeros(size + 16, dtype=np.float32)
    skip = -raw.ctypes.data // 4 % 16
    return raw[skip : skip + size]

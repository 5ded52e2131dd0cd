"""Where masks are flat: pixels whose neighbours all have their value need no sweep.

Planes are seen in tiles of 8 x 8 pixels, of which the least and the largest value are kept. Active
pixels are swept in runs of a few. A run for which no tile within reach of its taps, here and where
flow points in the frames beside, differs by more than ``flat`` from another one keeps its values.
Far from the edges of a mask that is most of them, above all in the first steps.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from spectrack.spectral.guided.byte_rows import SLACK

TILE = 8
"""Side of a tile, pixels of a padded plane."""
RUN = 16
"""Active pixels that are swept or left together."""
NOWHERE = (1, 0, 1, 0)
"""A rectangle without tiles."""

Ranges = NDArray[np.float32]
"""Least and largest value of each tile, (tile rows, tile columns, 2)."""
Rectangles = NDArray[np.int16]
"""First and last row and first and last column of tiles, for each run: (runs, 4)."""


class SoftPlane:
    """A soft mask with a border, flattened, and the ranges of its tiles.

    Args:
        soft_hw: float32 (H, W) in [0, 1]; its borders are repeated outwards.
        pad: How far, pixels.

    Attributes:
        values: float32 (padded pixels,).
        ranges: See :data:`Ranges`.
    """

    def __init__(self, soft_hw: NDArray[np.float32], pad: int) -> None:
        plane = cv2.copyMakeBorder(soft_hw, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        self.values = with_slack(np.asarray(plane, dtype=np.float32).reshape(-1))
        self._width = plane.shape[1]
        rows, columns = (-(-side // TILE) for side in plane.shape)
        self.ranges: Ranges = np.empty((rows, columns, 2), dtype=np.float32)
        self.measure(np.arange(rows * columns, dtype=np.uint32))

    def copy(self) -> SoftPlane:
        """Another one with the same values."""
        made = SoftPlane.__new__(SoftPlane)
        made.values, made.ranges = with_slack(self.values), self.ranges.copy()
        made._width = self._width
        return made

    def measure(self, tiles: NDArray[np.uint32]) -> None:
        """Look anew how far the values of some tiles, by number, reach."""
        measure(self.values, self._width, tiles, self.ranges)


def with_slack(values_n: NDArray[Any]) -> NDArray[Any]:
    """A copy behind whose end vectors may reach; the room there is not part of it."""
    room = np.zeros(values_n.size + SLACK, dtype=values_n.dtype)
    room[: values_n.size] = values_n
    return room[: values_n.size]


@njit(nogil=True, parallel=True, cache=True)
def measure(
    plane: NDArray[np.float32], width: int, tiles: NDArray[np.uint32], ranges: Ranges
) -> None:
    """Least and largest value of tiles.

    Args:
        plane: Flattened.
        width: Of its rows.
        tiles: Numbers of tiles, row by row.
        ranges: Those of the tiles are filled.
    """
    height, across = plane.shape[0] // width, ranges.shape[1]
    for n in prange(tiles.shape[0]):
        ty, tx = tiles[n] // across, tiles[n] % across
        low, high = np.float32(np.inf), np.float32(-np.inf)
        for y in range(TILE * ty, min(TILE * ty + TILE, height)):
            for x in range(TILE * tx, min(TILE * tx + TILE, width)):
                value = plane[y * width + x]
                low, high = min(low, value), max(high, value)
        ranges[ty, tx, 0], ranges[ty, tx, 1] = low, high


@njit(nogil=True, cache=True)
def tiles_of(places: NDArray[np.uint32], width: int, tiles: NDArray[np.bool_]) -> None:
    """Mark the tiles that places lie in.

    Args:
        places: Indices into a flattened plane.
        width: Of its rows.
        tiles: (tile rows, tile columns), marked.
    """
    for i in range(places.shape[0]):
        tiles[places[i] // width // TILE, places[i] % width // TILE] = True


@njit(nogil=True, parallel=True, cache=True)
def rectangles(
    places: NDArray[np.uint32],
    trust: NDArray[np.float32],
    width: int,
    reach: int,
    out: Rectangles,
) -> None:
    """The tiles that taps around the places of each run may lie in.

    Args:
        places: Indices into a padded, flattened plane, of all active pixels.
        trust: Factors of their weights; where one gives no weight its place does not count.
        width: Of the plane's rows.
        reach: Of the taps along both axes, pixels; the padding is as wide.
        out: To fill; :data:`NOWHERE` for a run without weights.
    """
    for b in prange(out.shape[0]):
        top, bottom, left, right = width * width, -1, width, -1
        for i in range(b * RUN, min(b * RUN + RUN, places.shape[0])):
            if np.float32(255.0) * trust[i] >= np.float32(0.5):
                y, x = int(places[i]) // width, int(places[i]) % width
                top, bottom = min(top, y), max(bottom, y)
                left, right = min(left, x), max(right, x)
        if bottom < 0:
            out[b, 0], out[b, 1], out[b, 2], out[b, 3] = NOWHERE
        else:
            out[b, 0], out[b, 1] = (top - reach) // TILE, (bottom + reach) // TILE
            out[b, 2], out[b, 3] = (left - reach) // TILE, (right + reach) // TILE


@njit(nogil=True, cache=True)
def stays(
    near: tuple[Rectangles, Rectangles, Rectangles],
    ranges: tuple[Ranges, Ranges, Ranges],
    run: int,
    flat: float,
) -> bool:
    """Whether all that a run of active pixels reads differs by no more than ``flat``.

    Args:
        near: Tiles that each run reads in the frame itself, before it and after it.
        ranges: Of the tiles there.
        run: Number of the run.
        flat: Below 0 no run stays.
    """
    if flat < 0:
        return False
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for n in range(3):
        rectangle, there = near[n][run], ranges[n]
        for ty in range(rectangle[0], rectangle[1] + 1):
            for tx in range(rectangle[2], rectangle[3] + 1):
                low = min(low, there[ty, tx, 0])
                high = max(high, there[ty, tx, 1])
    return bool(high - low <= np.float32(flat))

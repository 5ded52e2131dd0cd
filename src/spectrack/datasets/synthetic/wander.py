"""Smooth random affine motion, and smooth random change of shape."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GRID = 4  # points a side of the random displacement field
KEEP = 0.8  # share of a speed that goes on in the next frame
LARGEST = 0.6  # logarithm of the size, and tangent of the shear, stay within


@dataclass(frozen=True)
class Wander:
    """How much something moves from frame to frame (standard deviations).

    Args:
        shift: In shares of its size (of the frame's shorter side, for the camera).
        zoom: Logarithm of the change of size.
        turn: Radians.
        shear: Tangent of the angle.
    """

    shift: float = 0.0
    zoom: float = 0.0
    turn: float = 0.0
    shear: float = 0.0

    def path(
        self, rng: np.random.Generator, frames: int, pivot_xy: NDArray[np.float64], size: float
    ) -> NDArray[np.float64]:
        """Matrices (T, 3, 3) that move points about a pivot; the first is the identity."""
        spread = np.array([self.shift * size, self.shift * size, self.zoom, self.turn, self.shear])
        # Clips differ more than frames do: some are almost still, some fast.
        values = smooth_walk(rng, frames, (5,)) * spread * rng.uniform(0, 1.8)
        values[:, [2, 4]] = np.clip(values[:, [2, 4]], -LARGEST, LARGEST)
        matrices = np.empty((frames, 3, 3))
        for matrix, (x, y, zoom, turn, shear) in zip(matrices, values, strict=True):
            matrix[:] = about(pivot_xy, turn, np.exp(zoom), shear)
            matrix[:2, 2] += (x, y)
        return matrices


def smooth_walk(
    rng: np.random.Generator, frames: int, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Values (T, *shape) that start at 0 and go on with a speed of mean square 1 a frame."""
    speeds = rng.standard_normal((max(frames - 1, 0), *shape))
    for before, now in pairwise(speeds):
        now *= np.sqrt(1 - KEEP**2)
        now += KEEP * before
    return np.concatenate([np.zeros((1, *shape)), np.cumsum(speeds, axis=0)])


def bends(rng: np.random.Generator, frames: int, spread: float) -> NDArray[np.float32] | None:
    """Displacements (T, GRID, GRID, 2) of that spread; most of it stays from frame to frame."""
    if not spread:
        return None
    start = rng.standard_normal((GRID, GRID, 2))
    walk = smooth_walk(rng, frames, (GRID, GRID, 2))
    return np.asarray(spread * np.tanh((start + 0.3 * walk) / 2) * 2, np.float32)


def about(
    pivot_xy: NDArray[np.float64], turn: float, zoom: float = 1.0, shear: float = 0.0
) -> NDArray[np.float64]:
    """The 3x3 matrix of a rotation (radians), zoom and shear that leaves a pivot where it is."""
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.eye(3)
    matrix[:2, :2] = zoom * np.array([[cos, -sin], [sin, cos]]) @ [[1, shear], [0, 1]]
    matrix[:2, 2] = pivot_xy - matrix[:2, :2] @ pivot_xy
    return matrix

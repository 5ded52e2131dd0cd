"""Random boxes about a target, or anywhere in the frame: MDNet's samples.

Nam and Han, CVPR 2016, sections 3.3 and 4.2, with the published program's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrack.metrics.success import overlap_t
from spectrack.structures import Box
from spectrack.trackers.mdnet.patches import BoxesN4

SMALLEST = 10
"""Pixels of a side at least, and by which the frame's are longer."""
FACTOR, LAST_FACTOR = 2, 16
"""More boxes are drawn than are needed, each time so many times more, to find some of an overlap;
with this many it is given up."""
Chance = np.random.Generator


@dataclass(frozen=True, slots=True)
class Sampler:
    """How boxes are drawn.

    Args:
        kind: ``gaussian`` and ``uniform`` are about the target; ``whole`` is a grid over the frame.
        shift: Largest distance of centres along an axis, in mean sides of the target.
        scale: Largest factor of the size.
        aspect: Largest factor of either side besides.
    """

    kind: Literal["gaussian", "uniform", "whole"]
    shift: float = 0.0
    scale: float = 1.0
    aspect: float = 1.0

    def draw(self, box: Box, size_wh: tuple[int, int], count: int, rng: Chance) -> BoxesN4:
        """Boxes.

        Args:
            box: The target.
            size_wh: Of the frame.
            count: How many.
            rng: Where chance comes from.

        Returns:
            float32 (count, 4): x, y, w, h; centres lie in the frame, sides are shorter than its.
        """
        cx, cy = box.center
        made = np.repeat(np.array([[cx, cy, box.w, box.h]], np.float32), count, 0)
        if self.aspect != 1:
            made[:, 2:] *= self.aspect ** (2 * rng.random((count, 2)) - 1)
        if self.kind == "whole":
            made[:, :2] = _grid(made[:, 2:], size_wh, count, rng)
            made[:, 2:] *= self.scale ** (2 * rng.random((count, 1)) - 1)
        else:
            mean_side = np.float32((box.w + box.h) / 2)
            made[:, :2] += self.shift * mean_side * self._unit(rng, (count, 2))
            made[:, 2:] *= self.scale ** self._unit(rng, (count, 1))
        frame = np.array(size_wh)
        made[:, 2:] = np.clip(made[:, 2:], SMALLEST, np.maximum(frame - SMALLEST, 1))
        made[:, :2] = np.clip(made[:, :2], 0, frame)
        made[:, :2] -= made[:, 2:] / 2
        return made

    def draw_within(
        self,
        box: Box,
        size_wh: tuple[int, int],
        count: int,
        overlap: tuple[float, float],
        rng: Chance,
    ) -> BoxesN4:
        """Boxes that overlap the target by so much.

        Args:
            box: The target.
            size_wh: Of the frame.
            count: How many at most; there are fewer where such boxes are rare, maybe none.
            overlap: Least and largest IoU.
            rng: Where chance comes from.
        """
        found: list[BoxesN4] = []
        missing, factor = count, FACTOR
        while missing > 0 and factor < LAST_FACTOR:
            made = self.draw(box, size_wh, missing * factor, rng)
            share = overlaps(made, box)
            found.append(made[(share >= overlap[0]) & (share <= overlap[1])][:missing])
            missing -= len(found[-1])
            factor *= FACTOR
        return np.concatenate(found) if found else np.empty((0, 4), np.float32)

    def _unit(self, rng: Chance, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Numbers in [-1, 1]: even ones, or of deviation 0.5 and clipped."""
        if self.kind == "uniform":
            return 2 * rng.random(shape) - 1
        return np.clip(0.5 * rng.standard_normal(shape), -1, 1)


CANDIDATES = Sampler("gaussian", 0.6, 1.05)
"""Where the target may be in the next frame; the shift grows while it is lost."""
POSITIVES = Sampler("gaussian", 0.1, 1.3)
NEAR = Sampler("uniform", 1.0, 1.6)
"""Half of the first negatives, the other half being :data:`EVERYWHERE`."""
EVERYWHERE = Sampler("whole")
NEGATIVES = Sampler("uniform", 2.0, 1.3)
"""Of every frame that is remembered."""
REGRESSION = Sampler("uniform", 0.3, 1.6, 1.1)
"""What the bounding-box regressor learns from."""

IS_TARGET = (0.7, 1.0)
"""IoU of positives."""
FIRST_BACKGROUND = (0.0, 0.5)
"""IoU of negatives in the first frame,"""
BACKGROUND = (0.0, 0.3)
"""and in later ones, where the box is not as sure."""
REGRESSED = (0.6, 1.0)
"""IoU of boxes that the regressor learns from."""


def overlaps(boxes_n4: BoxesN4, box: Box) -> NDArray[np.float64]:
    """IoU of every box with one, (N,)."""
    if not len(boxes_n4):
        return np.empty(0)
    return overlap_t(boxes_n4, np.repeat([tuple(box)], len(boxes_n4), 0))


def row_of(box: Box) -> BoxesN4:
    """One box as (1, 4)."""
    return np.array([tuple(box)], np.float32)


def _grid(
    sizes_n2: NDArray[Any], size_wh: tuple[int, int], count: int, rng: Chance
) -> NDArray[np.float64]:
    """Centres of boxes: points of an even grid over the frame, in random order, (N, 2)."""
    side = int(2 * np.sqrt(count))
    along = np.linspace(0, 1, side)
    grid = np.stack(np.meshgrid(along, along), -1).reshape(-1, 2)
    points = rng.permutation(grid)[:count]
    half = sizes_n2 / 2
    return half + points * (np.array(size_wh) - half - 1)

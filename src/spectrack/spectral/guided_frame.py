"""One frame inside the guided filter: its active pixels, their links, and two planes a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.kernels.guided import (
    OUTSIDE,
    affinities,
    fill_lab,
    invert_sums,
    link,
    sweep,
)

if TYPE_CHECKING:
    from spectrack.spectral.guided import GuidedSettings

_WINDOW = 15
"""Side of the window of the local colour variance, pixels."""


class Taps:
    """Neighbourhoods as index offsets into padded, flattened planes.

    Taps lie on a square grid without its corners and weigh exp(-2 |offset|^2 / extent^2), 1 in
    the middle and e^-2 at the end of an axis.

    Args:
        width: Width of the frames.
        radius: Taps on each side in the frame itself.
        side_radius: Taps on each side in the neighbouring frames.
        step: Pixels between taps.
    """

    def __init__(self, width: int, radius: int, side_radius: int, step: int) -> None:
        self.pad = max(radius, side_radius, 1) * step
        self.padded_width = width + 2 * self.pad
        self.own, self.own_spatial = self._grid(radius, step)
        self.side, self.side_spatial = self._grid(side_radius, step)
        self.count = len(self.own) + 2 * len(self.side)

    def _grid(self, radius: int, step: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        axis = np.arange(-radius, radius + 1)
        dy, dx = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
        spatial = np.exp(-2 * (dy**2 + dx**2) / max(radius, 1) ** 2)
        # The corners weigh e^-4 and cost a fifth of the taps.
        kept = (np.abs(dy) + np.abs(dx) < 2 * radius) | (radius == 0)
        dy, dx, spatial = dy[kept], dx[kept], spatial[kept]
        return ((dy * self.padded_width + dx) * step).astype(np.int32), spatial.astype(np.float32)


class GuidedFrame:
    """A frame in the window of :class:`spectrack.spectral.guided.GuidedStream`.

    Args:
        frame_hwc: uint8 RGB, (H, W, 3).
        soft_mhw: Soft masks, float32 (maps, H, W) in [0, 1].
        taps: Neighbourhoods.
        settings: The recipe.
    """

    def __init__(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_mhw: NDArray[np.float32],
        taps: Taps,
        settings: GuidedSettings,
    ) -> None:
        self.steps, self.sent = 0, False
        self._taps, self._settings = taps, settings
        self._height, self._width = frame_hwc.shape[:2]
        self._rows, self._cols = active_pixels(soft_mhw, settings.reach)
        pad, count = taps.pad, len(self._rows)
        own = (self._rows + pad) * taps.padded_width + self._cols + pad
        self._own = own.astype(np.uint32)
        self._before = self._after = self._own
        self._lengths = settings.lengths
        self._ends = set(np.cumsum(settings.cycles).tolist())
        self._marks: list[list[NDArray[np.float32]]] = []
        self._areas = [int(np.count_nonzero(soft >= settings.level)) for soft in soft_mhw]
        self._hard = [soft[self._rows, self._cols] >= settings.level for soft in soft_mhw]
        self.change = np.zeros(len(soft_mhw))
        self._planes = [
            (plane, plane.copy())
            for plane in (
                cv2.copyMakeBorder(soft, pad, pad, pad, pad, cv2.BORDER_REPLICATE).ravel()
                for soft in soft_mhw
            )
        ]
        shape = (self._height + 2 * pad, taps.padded_width, 3)
        lab = np.full(shape, OUTSIDE, dtype=np.float32)
        fill_lab(np.ascontiguousarray(frame_hwc), pad, lab)
        self._sharpness = self._local_sharpness(lab[pad:-pad, pad:-pad])
        self._lab = lab.reshape(-1, 3)
        self._weights = np.zeros((count, taps.count), dtype=np.uint8)
        everywhere = np.ones(count, dtype=np.float32)
        self._weigh(self, self._own, everywhere, taps.own, taps.own_spatial, 0)

    def link(
        self,
        other: GuidedFrame,
        flow_hw2: NDArray[np.float32],
        back_hw2: NDArray[np.float32],
        *,
        before: bool,
    ) -> None:
        """Tie the active pixels to the frame before or after.

        Args:
            other: That frame.
            flow_hw2: Flow from this frame to it, (H, W, 2), pixels.
            back_hw2: Flow from it to this one.
            before: Whether it is the frame before.
        """
        taps, sigma = self._taps, self._settings.flow_sigma
        there, trust = np.empty_like(self._own), np.empty(len(self._own), dtype=np.float32)
        link(self._rows, self._cols, flow_hw2, back_hw2, sigma, taps.pad, there, trust)
        first = len(taps.own) + (0 if before else len(taps.side))
        self._weigh(other, there, trust, taps.side, taps.side_spatial, first)
        if before:
            self._before = there
        else:
            self._after = there

    def release(self) -> None:
        """End the linking: give back what only it needs, and sum up the weights."""
        self._inverse = np.empty(len(self._own), dtype=np.float32)
        invert_sums(self._weights, self._inverse)
        del self._lab, self._sharpness, self._rows, self._cols

    @property
    def links(
        self,
    ) -> tuple[
        NDArray[np.uint32],
        NDArray[np.uint32],
        NDArray[np.uint32],
        NDArray[np.uint8],
        NDArray[np.float32],
    ]:
        """Active pixels, their places before and after, weights and inverse sums of weights."""
        return self._own, self._before, self._after, self._weights, self._inverse

    def sweep(self, before: GuidedFrame | None, after: GuidedFrame | None) -> None:
        """Take the next step; both neighbours must hold the values of the present one."""
        old, new = self.steps % 2, (self.steps + 1) % 2
        ends = self.steps + 1 in self._ends
        for m, planes in enumerate(self._planes):
            sweep(
                self._own,
                self._before,
                self._after,
                self._weights,
                self._inverse,
                self._taps.own,
                self._taps.side,
                (before or self)._planes[m][old],
                planes[old],
                (after or self)._planes[m][old],
                self._lengths[self.steps],
                ends,
                planes[new],
            )
        self.steps += 1
        if ends:
            self._marks.append([planes[new][self._own] for planes in self._planes])
            if len(self._marks) == 1:
                self._measure_change()

    def result(self, depths: NDArray[np.float64]) -> NDArray[np.float32]:
        """The finished planes, float32 (maps, H, W), with ``level`` moved to one half.

        x -> a x / (a x + 1 - x), a = (1 - level) / level, keeps 0 and 1.

        Args:
            depths: For each map the cycle whose result to take, from 0; in between they mix.
        """
        self.sent = True
        pad, level = self._taps.pad, self._settings.level
        rise = np.float32((1 - level) / level)
        out = np.empty((len(self._planes), self._height, self._width), dtype=np.float32)
        for m, planes in enumerate(self._planes):
            plane = planes[self.steps % 2]
            if self._marks and depths[m] < len(self._marks) - 1:
                first = int(depths[m])
                low, high = self._marks[first][m], self._marks[first + 1][m]
                plane = plane.copy()
                plane[self._own] = low + np.float32(depths[m] - first) * (high - low)
            padded = plane.reshape(-1, self._taps.padded_width)
            x = padded[pad : pad + self._height, pad : pad + self._width]
            np.divide(rise * x, 1 + (rise - 1) * x, out=out[m])
        self._marks.clear()
        return out

    def _measure_change(self) -> None:
        """Share of each mask that the first cycle changed, 1 - IoU at ``level``."""
        for m, hard in enumerate(self._hard):
            now = self._marks[0][m] >= self._settings.level
            lost, won = np.count_nonzero(hard & ~now), np.count_nonzero(now & ~hard)
            union = self._areas[m] + won
            self.change[m] = (lost + won) / union if union else 0.0

    def _weigh(
        self,
        other: GuidedFrame,
        there: NDArray[np.uint32],
        trust: NDArray[np.float32],
        offsets: NDArray[np.int32],
        spatial: NDArray[np.float32],
        first: int,
    ) -> None:
        out = self._weights[:, first : first + len(offsets)]
        affinities(
            self._lab,
            other._lab,
            self._own,
            there,
            trust,
            self._sharpness,
            offsets,
            spatial,
            out,
        )

    def _local_sharpness(self, lab_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sharpness of each active pixel, lower where colours vary around it (half resolution)."""
        s = self._settings
        if s.contrast == 0:
            return np.full(len(self._rows), s.sharpness, dtype=np.float32)
        size = (max(1, self._width // 2), max(1, self._height // 2))
        half = cv2.resize(lab_hwc, size, interpolation=cv2.INTER_AREA)
        window = (_WINDOW // 2, _WINDOW // 2)
        mean = cv2.boxFilter(half, -1, window)
        variance = (cv2.boxFilter(half * half, -1, window) - mean * mean).sum(axis=2)
        rows = np.minimum(self._rows // 2, size[1] - 1)
        cols = np.minimum(self._cols // 2, size[0] - 1)
        near = np.maximum(variance[rows, cols], 0)
        return (s.sharpness * s.contrast / (s.contrast + near)).astype(np.float32)


def active_pixels(
    soft_mhw: NDArray[np.float32], reach: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows and columns of the pixels within ``reach`` (a square) of where any mask changes."""
    edge: NDArray[Any] = np.zeros(soft_mhw.shape[1:], dtype=np.uint8)
    cross = np.ones((3, 3), dtype=np.uint8)
    for soft in soft_mhw:
        # Changes below 1/255 are no boundary.
        grey = cv2.convertScaleAbs(soft, alpha=255)
        edge = np.maximum(edge, cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, cross))
    near = cv2.dilate(edge, np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8))
    rows, cols = np.nonzero(near)
    return rows.astype(np.int32), cols.astype(np.int32)

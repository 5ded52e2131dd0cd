"""One frame inside the guided filter: its links, and two planes a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.guided.kernels import raise_level
from spectrack.spectral.guided.links import LinkedFrame
from spectrack.spectral.guided.settings import GuidedSettings, Taps
from spectrack.spectral.guided.sweeps import sweep
from spectrack.spectral.guided.tiles import SoftPlane


class GuidedFrame(LinkedFrame):
    """A frame in the window of :class:`spectrack.spectral.guided.stream.GuidedStream`.

    Args:
        frame_hwc: uint8 RGB, (H, W, 3).
        soft_mhw: Soft masks, float32 (maps, H, W) in [0, 1].
        taps: Neighbourhoods.
        settings: The recipe.
        fixed: Whether the masks are known. They stay as they are, to the last bit, and its
            neighbours feel them: Dirichlet conditions of the diffusion.
        guide_hw: See :class:`LinkedFrame`.
    """

    def __init__(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_mhw: NDArray[np.float32],
        taps: Taps,
        settings: GuidedSettings,
        fixed: bool = False,
        guide_hw: NDArray[np.float32] | None = None,
    ) -> None:
        # Without active pixels nothing moves, and colours are still there for the neighbours.
        may_change = np.zeros_like(soft_mhw) if fixed else soft_mhw
        super().__init__(frame_hwc, may_change, taps, settings, guide_hw)
        self.fixed = fixed
        self.steps, self.sent = 0, False
        self._settings = settings
        self._lengths = settings.lengths
        self._ends = set(np.cumsum(settings.cycles).tolist())
        self._marks: list[list[NDArray[np.float32]]] = []
        self._areas = [int(np.count_nonzero(soft >= settings.level)) for soft in soft_mhw]
        self._hard = [soft[self._rows, self._cols] >= settings.level for soft in soft_mhw]
        self.change = np.zeros(len(soft_mhw))
        planes = [SoftPlane(soft, taps.pad) for soft in soft_mhw]
        self._planes = [(plane, plane.copy()) for plane in planes]
        self._tiles = self.tiles()

    def sweep(self, before: GuidedFrame | None, after: GuidedFrame | None) -> None:
        """Take the next step; both neighbours must hold the values of the present one."""
        old, new = self.steps % 2, (self.steps + 1) % 2
        ends = self.steps + 1 in self._ends
        length = self._lengths[self.steps]
        self._move(before or self, after or self, old, new, length, ends)
        self.steps += 1
        if ends:
            self._mark(new)

    def _move(
        self, before: GuidedFrame, after: GuidedFrame, old: int, new: int, length: float, ends: bool
    ) -> None:
        """A step of all masks, from the planes ``old`` to ``new``; cut to [0, 1] if it ``ends``."""
        for m, planes in enumerate(self._planes):
            past, own, following = before._planes[m][old], planes[old], after._planes[m][old]
            sweep(
                *self.links,
                self._taps.own,
                self._taps.side,
                self.near,
                past.values,
                own.values,
                following.values,
                (own.ranges, past.ranges, following.ranges),
                self.ahead,
                length,
                ends,
                self._settings.flat,
                self._taps.in_rows,
                planes[new].values,
            )
            planes[new].measure(self._tiles)

    def _mark(self, new: int) -> None:
        """Keep what a cycle came to; after the first, measure what it changed."""
        self._marks.append([planes[new].values[self._own] for planes in self._planes])
        if len(self._marks) == 1:
            self._measure_change()

    def result(self, depths: NDArray[np.float64]) -> NDArray[np.float32]:
        """The finished planes, float32 (maps, H, W), with ``level`` moved to one half.

        Args:
            depths: For each map the cycle whose result to take, from 0; in between they mix.
        """
        self.sent = True
        pad, level = self._taps.pad, self._settings.level
        rise = np.float32((1 - level) / level)
        out = np.empty((len(self._planes), self._height, self._width), dtype=np.float32)
        for m, planes in enumerate(self._planes):
            plane = planes[self.steps % 2].values
            if self.fixed:
                rows = plane.reshape(-1, self._taps.padded_width)
                out[m] = rows[pad : pad + self._height, pad : pad + self._width]
                continue
            if self._marks and depths[m] < len(self._marks) - 1:
                first = int(depths[m])
                low, high = self._marks[first][m], self._marks[first + 1][m]
                plane = plane.copy()
                plane[self._own] = low + np.float32(depths[m] - first) * (high - low)
            raise_level(plane, pad, rise, out[m])
        self._marks.clear()
        return out

    def _measure_change(self) -> None:
        """Share of each mask that the first cycle changed, 1 - IoU at ``level``."""
        for m, hard in enumerate(self._hard):
            now = self._marks[0][m] >= self._settings.level
            lost, won = np.count_nonzero(hard & ~now), np.count_nonzero(now & ~hard)
            union = self._areas[m] + won
            self.change[m] = (lost + won) / union if union else 0.0

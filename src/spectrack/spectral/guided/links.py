"""The space-time graph of the guided filter: the active pixels of a frame and their links.

Colours are looked up only where links go, in a rectangle that grows as neighbours point outside
it: a small object costs little however large the frame is.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.guided.byte_rows import SLACK
from spectrack.spectral.guided.kernels import (
    OUTSIDE,
    affinities,
    extent,
    fill_lab,
    invert_sums,
    link,
)
from spectrack.spectral.guided.settings import LinkSettings, Taps
from spectrack.spectral.guided.tiles import (
    NOWHERE,
    RUN,
    TILE,
    Rectangles,
    rectangles,
    tiles_of,
)

_WINDOW = 15
"""Side of the window of the local colour variance, pixels."""

Links = tuple[
    NDArray[np.uint32],
    NDArray[np.uint32],
    NDArray[np.uint32],
    NDArray[np.uint8],
    NDArray[np.float32],
]


class LinkedFrame:
    """The active pixels of one frame and their links in it and to the frames beside it.

    Args:
        frame_hwc: uint8 RGB, (H, W, 3).
        soft_mhw: Soft masks that say where pixels may change, float32 (maps, H, W) in [0, 1].
        taps: Neighbourhoods.
        settings: The recipe.
        guide_hw: A map that keeps pixels apart where it differs, as colours do; see
            :attr:`LinkSettings.guidance`.
    """

    def __init__(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_mhw: NDArray[np.float32],
        taps: Taps,
        settings: LinkSettings,
        guide_hw: NDArray[np.float32] | None = None,
    ) -> None:
        self._taps, self._link_settings = taps, settings
        self._height, self._width = frame_hwc.shape[:2]
        self._rows, self._cols = active_pixels(soft_mhw, settings.reach)
        pad, count = taps.pad, len(self._rows)
        own = (self._rows + pad) * taps.padded_width + self._cols + pad
        self._own = own.astype(np.uint32)
        self._before = self._after = self._own
        everywhere = np.ones(count, dtype=np.float32)
        nowhere = np.tile(np.array(NOWHERE, np.int16), (-(-count // RUN), 1))
        self._near_own = self._near(self._own, everywhere)
        self._near_before = self._near_after = nowhere
        self.ahead = False  # whether there are links to the next frame
        self._weights: Any = self._no_weights(count)
        # Colours may be asked for when the next frame comes, and the caller's array be reused.
        self._frame = frame_hwc.copy()
        self._guide: NDArray[np.float32] | None = None
        if guide_hw is not None and settings.guidance > 0:
            self._guide = guide_hw * np.float32(math.sqrt(settings.guidance) / 2)
        self._lab = np.empty((self._height + 2 * pad, taps.padded_width, 4), dtype=np.float32)
        self._covered = (0, 0, 0, 0)  # rows from, to, columns from, to
        if count:
            near = (*_ends(self._rows), *_ends(self._cols))
            self._cover(near, 2 * pad + _WINDOW)
            self._sharpness = self._local_sharpness(near)
            self._weigh(self, self._own, everywhere, 0)

    def link(
        self,
        other: LinkedFrame,
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
        if not len(self._own):
            return
        taps, sigma = self._taps, self._link_settings.flow_sigma
        there, trust = np.empty_like(self._own), np.empty(len(self._own), dtype=np.float32)
        link(self._rows, self._cols, flow_hw2, back_hw2, sigma, taps.pad, there, trust)
        aim = extent(there, trust, taps.padded_width, taps.pad)
        if aim[0] < aim[1]:
            other._cover(aim, taps.pad)
            self._weigh(other, there, trust, self._first(before))
        near = self._near(there, trust)
        if before:
            self._before, self._near_before = there, near
        else:
            self._after, self._near_after, self.ahead = there, near, True

    def unlink_before(self) -> None:
        """Cut the tie to the frame before, and sum up anew."""
        first = self._first(before=True)
        self._weights[:, first : first + len(self._taps.side)] = 0
        self._before = self._own
        self._near_before = np.full_like(self._near_before, NOWHERE)
        self.sum_up()

    def sum_up(self) -> None:
        """Sum up the weights as they are linked now."""
        self._inverse = np.empty(len(self._own), dtype=np.float32)
        invert_sums(self._weights, self._inverse)

    def release(self) -> None:
        """End the linking: give back what only it needs, and sum up the weights."""
        self.sum_up()
        del self._frame, self._guide, self._lab, self._rows, self._cols
        self._sharpness = np.empty(0, dtype=np.float32)

    @property
    def links(self) -> Links:
        """Active pixels, their places before and after, weights and inverse sums of weights."""
        return self._own, self._before, self._after, self._weights, self._inverse

    @property
    def near(self) -> tuple[Rectangles, Rectangles, Rectangles]:
        """Tiles that runs of active pixels read here, in the frame before, in the one after."""
        return self._near_own, self._near_before, self._near_after

    def tiles(self) -> NDArray[np.uint32]:
        """Numbers of the tiles that hold active pixels."""
        padded = self._height + 2 * self._taps.pad, self._taps.padded_width
        marked = np.zeros([-(-side // TILE) for side in padded], dtype=bool)
        tiles_of(self._own, self._taps.padded_width, marked)
        return np.flatnonzero(marked).astype(np.uint32)

    def _near(self, places: NDArray[np.uint32], trust: NDArray[np.float32]) -> Rectangles:
        found: Rectangles = np.empty((-(-len(places) // RUN), 4), dtype=np.int16)
        rectangles(places, trust, self._taps.padded_width, self._taps.pad, found)
        return found

    def _no_weights(self, count: int) -> Any:
        """Room for the weights of ``count`` pixels, all 0."""
        taps = self._taps.count
        room = np.zeros(count * taps + SLACK, dtype=np.uint8)  # vectors may reach behind the end
        return room[: count * taps].reshape(count, taps)

    def _first(self, before: bool) -> int:
        """Column of the first weight of a neighbouring frame."""
        return len(self._taps.own) + (0 if before else len(self._taps.side))

    def _weigh(
        self,
        other: LinkedFrame,
        there: NDArray[np.uint32],
        trust: NDArray[np.float32],
        first: int,
    ) -> None:
        """Weigh the taps about the places that active pixels have in a frame, maybe their own.

        Args:
            other: That frame.
            there: The places.
            trust: In the flow to them.
            first: Column of the first weight.
        """
        taps = self._taps
        own = other is self
        affinities(
            self._lab.reshape(-1),
            other._lab.reshape(-1),
            self._own,
            there,
            trust,
            self._sharpness,
            taps.own_eights if own else taps.side_eights,
            len(taps.own if own else taps.side),
            first,
            self._weights,
        )

    def _cover(self, rectangle: tuple[int, int, int, int], margin: int) -> None:
        """Make sure of the colours in a rectangle (rows, columns) and a margin around it."""
        top, bottom = max(rectangle[0] - margin, 0), min(rectangle[1] + margin, self._height)
        left, right = max(rectangle[2] - margin, 0), min(rectangle[3] + margin, self._width)
        t, b, le, r = self._covered
        if b > t:
            if t <= top and bottom <= b and le <= left and right <= r:
                return
            top, bottom, left, right = min(top, t), max(bottom, b), min(left, le), max(right, r)
        pad = self._taps.pad
        # The rim is read only where it is the border of the frame.
        self._lab[top : bottom + 2 * pad, left : right + 2 * pad] = OUTSIDE
        fill_lab(self._frame, pad, self._lab, (top, bottom), (left, right))
        guide = self._lab[pad + top : pad + bottom, pad + left : pad + right, 3]
        guide[:] = 0 if self._guide is None else self._guide[top:bottom, left:right]
        self._covered = top, bottom, left, right

    def _local_sharpness(self, near: tuple[int, int, int, int]) -> NDArray[np.float32]:
        """Sharpness of each active pixel, lower where colours vary around it (half resolution).

        Args:
            near: Rectangle of the active pixels, covered with a margin of the window.
        """
        s, pad = self._link_settings, self._taps.pad
        if s.contrast == 0:
            return np.full(len(self._rows), s.sharpness, dtype=np.float32)
        # From even pixels to even pixels, so that a rectangle has the halves of the whole frame.
        height, width = max(1, self._height // 2), max(1, self._width // 2)
        margin = _WINDOW // 4 + 1
        top, bottom = max(near[0] // 2 - margin, 0), min(near[1] // 2 + margin, height)
        left, right = max(near[2] // 2 - margin, 0), min(near[3] // 2 + margin, width)
        top, left = min(top, height - 1), min(left, width - 1)
        lab = self._lab[pad:-pad, pad:-pad, :3][2 * top : 2 * bottom, 2 * left : 2 * right]
        half = cv2.resize(lab, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        window = (_WINDOW // 2, _WINDOW // 2)
        mean = cv2.boxFilter(half, -1, window)
        variance = (cv2.boxFilter(half * half, -1, window) - mean * mean).sum(axis=2)
        rows = np.minimum(self._rows // 2, bottom - 1) - top
        cols = np.minimum(self._cols // 2, right - 1) - left
        around = np.maximum(variance[rows, cols], 0)
        return (s.sharpness * s.contrast / (s.contrast + around)).astype(np.float32)


def active_pixels(
    soft_mhw: NDArray[np.float32], reach: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows and columns of the pixels within ``reach`` (a square) of where any mask changes."""
    # Changes below 1/255 are no boundary.
    grey_mhw = [cv2.convertScaleAbs(soft, alpha=255) for soft in soft_mhw]
    uneven: NDArray[Any] = np.zeros(soft_mhw.shape[1:], dtype=np.uint8)
    for grey in grey_mhw:
        uneven |= grey != grey[0, 0]
    left, top, width, height = cv2.boundingRect(uneven)
    if not width:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    top, bottom = max(top - reach - 1, 0), min(top + height + reach + 1, uneven.shape[0])
    left, right = max(left - reach - 1, 0), min(left + width + reach + 1, uneven.shape[1])
    edge: NDArray[Any] = np.zeros((bottom - top, right - left), dtype=np.uint8)
    cross = np.ones((3, 3), dtype=np.uint8)
    for grey in grey_mhw:
        part = grey[top:bottom, left:right]
        np.maximum(edge, cv2.morphologyEx(part, cv2.MORPH_GRADIENT, cross), out=edge)
    near = cv2.dilate(edge, np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8))
    rows, cols = np.nonzero(near)
    return (rows + top).astype(np.int32), (cols + left).astype(np.int32)


def _ends(indices: NDArray[np.int32]) -> tuple[int, int]:
    return int(indices.min()), int(indices.max()) + 1

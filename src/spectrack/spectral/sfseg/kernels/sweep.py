"""One step of power iteration on one tile of the picture, compiled by numba.

A frame of the tile is multiplied, filtered along width and height row by row, and laid into a ring
of as many frames as the kernel is long; the ring, a few hundred kilobytes, stays in the second
cache. Filtering along time and the combination of the planes happen while the result is stored. So
the video crosses the memory bus once a step: read S^p, F and X, write X.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from spectrack.spectral.sfseg.kernels.forms import OPTIONS
from spectrack.spectral.sfseg.kernels.lanes import lane, replace_item, splat
from spectrack.spectral.sfseg.kernels.rows import (
    BLOCK,
    LARGEST,
    along_height,
    enter_row,
    leave_pair,
    leave_row,
)


@njit(**OPTIONS)
def sweep_tile(
    x: Any,
    unary: Any,
    feature: Any,
    out: Any,
    scale: Any,
    offset: Any,
    curve: Any,
    form: Any,
    centre: Any,
    taps_t: Any,
    taps_y: Any,
    taps_x: Any,
    slots: Any,
    planes: int,
    shape: Any,
    kept: Any,
    tile: Any,
    tall: Any,
    ring: Any,
    stats: Any,
) -> None:
    """Filter one tile of all frames.

    Args:
        x: Stored solution, flat float32 (T * H * W).
        unary: ``S^p``, likewise, times the root of the kernel's middle weight.
        feature: F, likewise; any array where the form needs none.
        out: Receives the raw result of frames ``kept[0]`` to ``kept[1] - 1``.
        scale: (T,) float32, see ``Activation``.
        offset: (T,) float32.
        curve: Polynomial of the sigmoid, or None.
        form: Affinity, see ``forms``.
        centre: Mean of the feature.
        taps_t: Half of the temporal taps, the middle first, divided by it; a tuple of float32.
        taps_y: Likewise along the height.
        taps_x: Likewise along the width.
        slots: Tuple of whole numbers, one more than the kernel has frames; only its length counts.
        planes: Number of planes of the form.
        shape: (T, H, W).
        kept: First frame to store, and one after the last.
        tile: Top, bottom, left, right; bottom and right excluded, left a multiple of 16.
        tall: Scratch for the rows filtered along the width.
        ring: Scratch for the frames filtered along width and height.
        stats: (T, 3) float64, receives minimum, maximum, sum of squares of the tile.
    """
    frames, height, width = shape
    top, bottom, left, right = tile
    rows, columns = bottom - top, right - left
    reach_t = len(taps_t) - 1
    pitch = (columns + 15) // 16 * 16
    wide = planes * pitch
    slot_size = (rows + BLOCK - 1) // BLOCK * BLOCK * wide
    tall[:] = 0
    ring[:] = 0
    # Two frames enter, then two leave: their filters along time read nearly the same frames.
    for t in range(0, frames + reach_t, 2):
        for new in range(t, t + 2):
            slot = new % len(slots) * slot_size
            if new >= frames:
                ring[slot : slot + slot_size] = 0
                continue
            _enter_frame(
                x, unary, feature, new * height * width, scale[new], offset[new], curve, form,
                centre, taps_y, taps_x, planes, height, width, tile, tall, ring, slot,
            )  # fmt: skip
        for k in range(len(slots)):
            slots = replace_item(slots, k, (t + 2 + k) % len(slots) * slot_size)
        now = t - reach_t
        least, most = splat(LARGEST), splat(-LARGEST)
        seen = next_seen = (least, most, splat(np.float32(0)))
        this = kept[0] <= now < kept[1]
        following = kept[0] <= now + 1 < kept[1]
        base = (now * height + top) * width + left
        for y in range(rows):
            at, here = y * wide, base + y * width
            if this and following:
                seen, next_seen = leave_pair(
                    ring, slots, at, pitch, taps_t, unary, feature, out, here,
                    here + height * width, columns, form, centre, seen, next_seen,
                )  # fmt: skip
            elif this:
                seen = leave_row(
                    ring, slots[:-1], at, pitch, taps_t, unary, feature, out, here,
                    columns, form, centre, seen,
                )  # fmt: skip
            elif following:
                next_seen = leave_row(
                    ring, slots[1:], at, pitch, taps_t, unary, feature, out,
                    here + height * width, columns, form, centre, next_seen,
                )  # fmt: skip
        if this:
            _reduce(seen, stats, now)
        if following:
            _reduce(next_seen, stats, now + 1)


@njit(**OPTIONS)
def _enter_frame(
    x: Any, unary: Any, feature: Any, base: int, scale: Any, offset: Any, curve: Any, form: Any,
    centre: Any, taps_y: Any, taps_x: Any, planes: int, height: int, width: int, tile: Any,
    tall: Any, ring: Any, slot: int,
) -> None:  # fmt: skip
    """Lay the tile of one frame, filtered along width and height, into the ring."""
    top, bottom, left, right = tile
    reach = len(taps_y) - 1
    pitch = (right - left + 15) // 16 * 16
    wide = planes * pitch
    made = 0
    for done in range(0, bottom - top, BLOCK):
        while made < min(done + BLOCK, bottom - top) + 2 * reach:
            y = top - reach + made
            if 0 <= y < height:
                enter_row(
                    x, unary, feature, base + y * width, left, width, scale, offset, curve, form,
                    centre, taps_x, tall, made * wide, pitch,
                )  # fmt: skip
            made += 1
        along_height(tall, (done + reach) * wide, wide, ring, slot + done * wide, taps_y)


@njit(**OPTIONS)
def _reduce(seen: Any, stats: Any, t: int) -> None:
    smallest, largest, square = lane(seen[0], 0), lane(seen[1], 0), np.float64(lane(seen[2], 0))
    for k in range(1, 16):
        smallest = min(smallest, lane(seen[0], k))
        largest = max(largest, lane(seen[1], k))
        square += lane(seen[2], k)
    stats[t, 0] = smallest
    stats[t, 1] = largest
    stats[t, 2] = square


@njit(**OPTIONS)
def push_tile(
    x: Any, unary: Any, feature: Any, scale: Any, offset: Any, curve: Any, form: Any, centre: Any,
    taps_y: Any, taps_x: Any, planes: int, shape: Any, tile: Any, tall: Any, ring: Any, at: int,
) -> None:  # fmt: skip
    """Lay the tile of a single frame (H * W values) into slot ``at`` of its ring."""
    top, bottom, left, right = tile
    wide = planes * ((right - left + 15) // 16 * 16)
    slot_size = (bottom - top + BLOCK - 1) // BLOCK * BLOCK * wide
    tall[:] = 0
    _enter_frame(
        x, unary, feature, 0, scale, offset, curve, form, centre, taps_y, taps_x, planes,
        shape[0], shape[1], tile, tall, ring, at * slot_size,
    )  # fmt: skip


@njit(**OPTIONS)
def pull_tile(
    unary: Any, feature: Any, out: Any, form: Any, centre: Any, taps_t: Any, slots: Any,
    planes: int, shape: Any, tile: Any, ring: Any, oldest: int, stats: Any, part: int,
) -> None:  # fmt: skip
    """The raw result of the frame in the middle of a ring whose oldest slot is ``oldest``."""
    top, bottom, left, right = tile
    pitch = (right - left + 15) // 16 * 16
    wide = planes * pitch
    slot_size = (bottom - top + BLOCK - 1) // BLOCK * BLOCK * wide
    for k in range(len(slots)):
        slots = replace_item(slots, k, (oldest + k) % len(slots) * slot_size)
    seen = splat(LARGEST), splat(-LARGEST), splat(np.float32(0))
    for y in range(bottom - top):
        seen = leave_row(
            ring, slots, y * wide, pitch, taps_t, unary, feature, out,
            (top + y) * shape[1] + left, right - left, form, centre, seen,
        )  # fmt: skip
    _reduce(seen, stats, part)

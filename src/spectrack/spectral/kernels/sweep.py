"""One step of power iteration on one tile of the picture, all frames, compiled by numba.

A frame of the tile is multiplied, filtered along width and height row by row, and laid into a ring
of as many frames as the kernel is long; the ring, a few hundred kilobytes, stays in the second
cache. Filtering along time and the combination of the planes happen while the result is stored. So
the video crosses the memory bus once a step: read S^p, F and X, write X.

All arrays are flat; rows of the tile are padded to whole vectors, planes lie side by side in a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.cpython.unsafe.tuple import tuple_setitem

from spectrack.spectral.kernels.forms import OPTIONS, enter, leave, squash
from spectrack.spectral.kernels.lanes import (
    keep,
    lane,
    larger,
    load,
    load_part,
    smaller,
    splat,
    store,
    store_part,
)

MARGIN = 16
"""Zeros or neighbours left of a tile's row; at least the reach of the kernel along the width."""
BLOCK = 4
"""Rows filtered along the height at once: neighbours share what they read."""
LARGEST = np.float32(3.4e38)  # in place of infinity, which fast arithmetic must not meet


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
    row: Any,
    tall: Any,
    ring: Any,
    stats: Any,
) -> None:
    """Filter one tile of all frames.

    Args:
        x: Stored solution, flat float32 (T * H * W).
        unary: ``S^p``, likewise.
        feature: F, likewise; any array where the form needs none.
        out: Receives the raw result of frames ``kept[0]`` to ``kept[1] - 1``.
        scale: (T,) float32, see ``Activation``.
        offset: (T,) float32.
        curve: Polynomial of the sigmoid, or None.
        form: Affinity, see ``forms``.
        centre: Mean of the feature.
        taps_t: Half of the temporal taps, the middle first; a tuple of float32.
        taps_y: Likewise along the height.
        taps_x: Likewise along the width.
        slots: Tuple of as many whole numbers as the kernel has frames; only its length counts.
        planes: Number of planes of the form.
        shape: (T, H, W).
        kept: First frame to store, and one after the last.
        tile: Top, bottom, left, right; bottom and right excluded.
        row: Scratch for one padded row of all planes.
        tall: Scratch for the rows filtered along the width.
        ring: Scratch for the frames filtered along width and height.
        stats: (T, 3) float64, receives minimum, maximum, sum of squares of the tile.
    """
    frames, height, width = shape
    top, bottom, left, right = tile
    rows = bottom - top
    reach_t, reach_y, reach_x = len(taps_t) - 1, len(taps_y) - 1, len(taps_x) - 1
    pitch = (right - left + 15) // 16 * 16
    wide = planes * pitch
    blocks = (rows + BLOCK - 1) // BLOCK * BLOCK
    slot_size = blocks * wide
    row_pitch = len(row) // planes
    start = max(0, left - reach_x)
    count = min(width, right + reach_x) - start
    row[:] = 0
    tall[:] = 0
    ring[:] = 0
    for t in range(frames + reach_t):
        slot = t % len(slots) * slot_size
        if t < frames:
            made = 0
            for done in range(0, rows, BLOCK):
                while made < min(done + BLOCK, rows) + 2 * reach_y:
                    y = top - reach_y + made
                    if 0 <= y < height:
                        base = (t * height + y) * width + start
                        place = MARGIN + start - left
                        _enter_row(
                            x, unary, feature, base, count, scale[t], offset[t], curve, form,
                            centre, row, place, row_pitch,
                        )  # fmt: skip
                        _along_width(row, row_pitch, tall, made * wide, pitch, planes, taps_x)
                    made += 1
                _along_height(tall, (done + reach_y) * wide, wide, ring, slot + done * wide, taps_y)
        else:
            ring[slot : slot + slot_size] = 0
        now = t - reach_t
        if kept[0] <= now < kept[1]:
            for k in range(len(slots)):
                slots = tuple_setitem(slots, k, (t + 1 + k) % len(slots) * slot_size)
            low, high, square = splat(LARGEST), splat(-LARGEST), np.float64(0)
            for y in range(rows):
                base = (now * height + top + y) * width + left
                low, high, row_square = _leave_row(
                    ring, slots, y * wide, pitch, taps_t, unary, feature, out, base, right - left,
                    form, centre, low, high,
                )  # fmt: skip
                for k in range(16):
                    square += lane(row_square, k)
            _reduce(low, high, square, stats, now)


@njit(**OPTIONS)
def _reduce(low: Any, high: Any, square: Any, stats: Any, t: int) -> None:
    smallest, largest = lane(low, 0), lane(high, 0)
    for k in range(1, 16):
        smallest = min(smallest, lane(low, k))
        largest = max(largest, lane(high, k))
    stats[t, 0] = smallest
    stats[t, 1] = largest
    stats[t, 2] = square


@njit(**OPTIONS)
def _enter_row(
    x: Any,
    unary: Any,
    feature: Any,
    base: int,
    count: int,
    scale: Any,
    offset: Any,
    curve: Any,
    form: Any,
    centre: Any,
    row: Any,
    place: int,
    row_pitch: int,
) -> None:
    """Activation and products of one row, all planes."""
    whole = count // 16 * 16
    for i in range(0, whole, 16):
        current = squash(load(x, base + i) * scale + offset, curve)
        v = current * load(unary, base + i)
        made = enter(form, v, load(feature, base + i), centre)
        for r in range(len(made)):
            store(row, place + r * row_pitch + i, made[r])
    rest = count - whole
    if rest > 0:
        current = squash(load_part(x, base + whole, rest) * scale + offset, curve)
        v = current * load_part(unary, base + whole, rest)
        made = enter(form, v, load_part(feature, base + whole, rest), centre)
        for r in range(len(made)):
            store_part(row, place + r * row_pitch + whole, made[r], rest)


@njit(**OPTIONS)
def _along_width(
    row: Any, row_pitch: int, tall: Any, at: int, pitch: int, planes: int, taps: Any
) -> None:
    for r in range(planes):
        here = MARGIN + r * row_pitch
        there = at + r * pitch
        for i in range(0, pitch, 16):
            total = taps[0] * load(row, here + i)
            for k in range(1, len(taps)):
                total += taps[k] * (load(row, here + i - k) + load(row, here + i + k))
            store(tall, there + i, total)


@njit(**OPTIONS)
def _along_height(tall: Any, at: int, wide: int, ring: Any, to: int, taps: Any) -> None:
    for i in range(0, wide, 16):
        a = at + i
        b, c, d = a + wide, a + 2 * wide, a + 3 * wide
        total_a, total_b = taps[0] * load(tall, a), taps[0] * load(tall, b)
        total_c, total_d = taps[0] * load(tall, c), taps[0] * load(tall, d)
        for k in range(1, len(taps)):
            o = k * wide
            total_a += taps[k] * (load(tall, a - o) + load(tall, a + o))
            total_b += taps[k] * (load(tall, b - o) + load(tall, b + o))
            total_c += taps[k] * (load(tall, c - o) + load(tall, c + o))
            total_d += taps[k] * (load(tall, d - o) + load(tall, d + o))
        store(ring, to + i, total_a)
        store(ring, to + i + wide, total_b)
        store(ring, to + i + 2 * wide, total_c)
        store(ring, to + i + 3 * wide, total_d)


@njit(**OPTIONS)
def _along_time(ring: Any, slots: Any, at: int, taps: Any) -> Any:
    middle = len(taps) - 1
    total = taps[0] * load(ring, slots[middle] + at)
    for k in range(1, len(taps)):
        total += taps[k] * (load(ring, slots[middle - k] + at) + load(ring, slots[middle + k] + at))
    return total


@njit(**OPTIONS)
def _leave_row(
    ring: Any,
    slots: Any,
    at: int,
    pitch: int,
    taps: Any,
    unary: Any,
    feature: Any,
    out: Any,
    base: int,
    count: int,
    form: Any,
    centre: Any,
    low: Any,
    high: Any,
) -> Any:
    """Filter along time, combine the planes, store the row and follow its statistics."""
    square = splat(np.float32(0))
    whole = count // 16 * 16
    for i in range(0, whole, 16):
        u, f = load(unary, base + i), load(feature, base + i)
        made = enter(form, u, f, centre)
        for r in range(len(made)):
            made = tuple_setitem(made, r, _along_time(ring, slots, at + r * pitch + i, taps))
        value = leave(form, made, u, f, centre)
        store(out, base + i, value)
        low, high = smaller(low, value), larger(high, value)
        square += value * value
    rest = count - whole
    if rest > 0:
        u, f = load_part(unary, base + whole, rest), load_part(feature, base + whole, rest)
        made = enter(form, u, f, centre)
        for r in range(len(made)):
            made = tuple_setitem(made, r, _along_time(ring, slots, at + r * pitch + whole, taps))
        value = keep(leave(form, made, u, f, centre), rest, np.float32(0))
        store_part(out, base + whole, value, rest)
        low = smaller(low, keep(value, rest, LARGEST))
        high = larger(high, keep(value, rest, -LARGEST))
        square += value * value
    return low, high, square

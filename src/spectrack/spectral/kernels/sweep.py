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
    fold_frames,
    fold_neighbours,
    keep,
    lane,
    larger,
    load,
    load_part,
    smaller,
    splat,
    store,
    store_part,
    store_planes,
)

REACH = 16
"""Largest reach of the kernel along the width: its neighbours lie within the next vector."""
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
            slots = tuple_setitem(slots, k, (t + 2 + k) % len(slots) * slot_size)
        now = t - reach_t
        least, most = splat(LARGEST), splat(-LARGEST)
        seen = next_seen = (least, most, splat(np.float32(0)))
        this = kept[0] <= now < kept[1]
        following = kept[0] <= now + 1 < kept[1]
        base = (now * height + top) * width + left
        for y in range(rows):
            at, here = y * wide, base + y * width
            if this and following:
                seen, next_seen = _leave_pair(
                    ring, slots, at, pitch, taps_t, unary, feature, out, here,
                    here + height * width, columns, form, centre, seen, next_seen,
                )  # fmt: skip
            elif this:
                seen = _leave_row(
                    ring, slots[:-1], at, pitch, taps_t, unary, feature, out, here,
                    columns, form, centre, seen,
                )  # fmt: skip
            elif following:
                next_seen = _leave_row(
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
                _enter_row(
                    x, unary, feature, base + y * width, left, width, scale, offset, curve, form,
                    centre, taps_x, tall, made * wide, pitch,
                )  # fmt: skip
            made += 1
        _along_height(tall, (done + reach) * wide, wide, ring, slot + done * wide, taps_y)


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
def _enter_row(
    x: Any,
    unary: Any,
    feature: Any,
    base: int,
    left: int,
    width: int,
    scale: Any,
    offset: Any,
    curve: Any,
    form: Any,
    centre: Any,
    taps: Any,
    tall: Any,
    at: int,
    pitch: int,
) -> None:
    """One row of a tile: activation, products, filter along the width, all planes.

    ``base`` is where the picture's row begins, ``left`` the column where the tile does.
    """
    empty = splat(np.float32(0))
    before = enter(form, empty, empty, centre)
    if left:
        i = base + left - 16
        current = squash(load(x, i) * scale + offset, curve)
        before = enter(form, current * load(unary, i), load(feature, i), centre)
    # The turn at -16 only reads the tile's first vector; each other stores what it read before.
    here = before
    for column in range(-16, pitch, 16):
        i = base + left + column + 16
        rest = width - left - column - 16
        if rest >= 16:
            current = squash(load(x, i) * scale + offset, curve)
            after = enter(form, current * load(unary, i), load(feature, i), centre)
        elif rest > 0:
            current = squash(load_part(x, i, rest) * scale + offset, curve)
            v = current * load_part(unary, i, rest)
            after = enter(form, v, load_part(feature, i, rest), centre)
        else:
            after = enter(form, empty, empty, centre)
        if column >= 0:
            made = fold_neighbours(before, here, after, taps)
            store_planes(tall, at + column, pitch, made)
            before = here
        here = after


@njit(**OPTIONS)
def _along_height(tall: Any, at: int, wide: int, ring: Any, to: int, taps: Any) -> None:
    for i in range(0, wide, 16):
        a = at + i
        b, c, d = a + wide, a + 2 * wide, a + 3 * wide
        total_a, total_b, total_c, total_d = (
            load(tall, a), load(tall, b), load(tall, c), load(tall, d),
        )  # fmt: skip
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
def _result(
    ring: Any, places: Any, at: int, pitch: int, taps: Any, u: Any, f: Any, form: Any, centre: Any
) -> Any:
    """Filter along time and combine the planes of sixteen pixels."""
    planes = fold_frames(ring, places, at, pitch, taps, enter(form, u, f, centre))
    return leave(form, planes, u, f, centre)


@njit(**OPTIONS)
def _leave_row(
    ring: Any,
    places: Any,
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
    seen: Any,
) -> Any:
    """Result of one row: store it and follow its least, its largest and its sum of squares."""
    low, high, square = seen
    for i in range(0, count - 15, 16):
        u, f = load(unary, base + i), load(feature, base + i)
        value = _result(ring, places, at + i, pitch, taps, u, f, form, centre)
        store(out, base + i, value)
        low, high, square = smaller(low, value), larger(high, value), square + value * value
    rest = count % 16
    if rest:
        i = count - rest
        u, f = load_part(unary, base + i, rest), load_part(feature, base + i, rest)
        value = _result(ring, places, at + i, pitch, taps, u, f, form, centre)
        store_part(out, base + i, value, rest)
        low = smaller(low, keep(value, rest, LARGEST))
        high = larger(high, keep(value, rest, -LARGEST))
        value = keep(value, rest, np.float32(0))
        square += value * value
    return low, high, square


@njit(**OPTIONS)
def _leave_pair(
    ring: Any,
    places: Any,
    at: int,
    pitch: int,
    taps: Any,
    unary: Any,
    feature: Any,
    out: Any,
    base: int,
    next_base: int,
    count: int,
    form: Any,
    centre: Any,
    seen: Any,
    next_seen: Any,
) -> Any:
    """As ``_leave_row`` for two successive frames, which share most of what they read."""
    low, high, square = seen
    next_low, next_high, next_square = next_seen
    for i in range(0, count - 15, 16):
        u, f = load(unary, base + i), load(feature, base + i)
        value = _result(ring, places[:-1], at + i, pitch, taps, u, f, form, centre)
        u, f = load(unary, next_base + i), load(feature, next_base + i)
        other = _result(ring, places[1:], at + i, pitch, taps, u, f, form, centre)
        store(out, base + i, value)
        store(out, next_base + i, other)
        low, high, square = smaller(low, value), larger(high, value), square + value * value
        next_low, next_high = smaller(next_low, other), larger(next_high, other)
        next_square += other * other
    rest = count % 16
    if rest:
        i = count - rest
        seen = _leave_row(
            ring, places[:-1], at + i, pitch, taps, unary, feature, out, base + i, rest,
            form, centre, (low, high, square),
        )  # fmt: skip
        next_seen = _leave_row(
            ring, places[1:], at + i, pitch, taps, unary, feature, out, next_base + i,
            rest, form, centre, (next_low, next_high, next_square),
        )  # fmt: skip
        return seen, next_seen
    return (low, high, square), (next_low, next_high, next_square)

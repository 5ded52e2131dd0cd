"""The inner loops of the spectral step, sixteen pixels at a time, compiled by numba.

All arrays are flat. Rows of a tile are padded to whole vectors; the planes of a row lie side by
side, ``pitch`` apart, so that a row of all planes is one long row for the filter along the height.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from spectrack.spectral.sfseg.kernels.forms import OPTIONS, enter, leave, squash
from spectrack.spectral.sfseg.kernels.lanes import (
    fold_frames,
    fold_neighbours,
    keep,
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
def enter_row(
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
def along_height(tall: Any, at: int, wide: int, ring: Any, to: int, taps: Any) -> None:
    """A block of rows, all planes at once, filtered along the height."""
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
def leave_row(
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
def leave_pair(
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
    """As ``leave_row`` for two successive frames, which share most of what they read."""
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
        seen = leave_row(
            ring, places[:-1], at + i, pitch, taps, unary, feature, out, base + i, rest,
            form, centre, (low, high, square),
        )  # fmt: skip
        next_seen = leave_row(
            ring, places[1:], at + i, pitch, taps, unary, feature, out, next_base + i,
            rest, form, centre, (next_low, next_high, next_square),
        )  # fmt: skip
        return seen, next_seen
    return (low, high, square), (next_low, next_high, next_square)


@njit(**OPTIONS)
def activate(source: Any, out: Any, start: int, scale: Any, offset: Any, curve: Any) -> None:
    """``out = squash(scale source + offset)`` for ``out.size`` values from ``start`` on."""
    count = out.size
    for i in range(0, count - 15, 16):
        store(out, i, squash(load(source, start + i) * scale + offset, curve))
    rest = count % 16
    if rest:
        i = count - rest
        value = squash(load_part(source, start + i, rest) * scale + offset, curve)
        store_part(out, i, value, rest)

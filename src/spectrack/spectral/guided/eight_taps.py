"""Affinities of eight taps at a time.

The colours of a pixel lie together, those of its taps apart. A compiler makes scalar code of that;
here the colours of eight taps are turned into one vector a channel, and all eight are weighed
at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 8
"""Taps that are weighed together."""
CHANNELS = 4
"""Values of a pixel: three of colour, and the guide."""

Eights = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Offset of each tap and its factor, filled up to whole eights."""

_FAST = ("fast",)


def in_eights(offsets: NDArray[np.int32], spatial: NDArray[np.float32]) -> Eights:
    """Taps as the compiled code reads them.

    Args:
        offsets: Index offset of each tap, shape (k,).
        spatial: Factor of each, shape (k,).
    """
    rest = -len(offsets) % LANES
    return np.pad(offsets.astype(np.int64), (0, rest)), np.pad(spatial, (0, rest))


def _constant(kind: Any, value: Any) -> Any:
    return ir.Constant(kind, value)


def _eight_affinities(
    typing_context: Any,
    lab: Any,
    here: Any,
    other: Any,
    there: Any,
    offsets: Any,
    first: Any,
    spatial: Any,
    quarter: Any,
    scale: Any,
) -> Any:
    """The types of :data:`eight_affinities`, and what makes its code."""
    given = (lab, here, other, there, offsets, first, spatial, quarter, scale)
    return types.uint64(*given), _weighed


def _weighed(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    data = {
        n: cgutils.create_struct_proxy(signature.args[n])(context, builder, value=arguments[n]).data
        for n in (0, 2, 4, 6)
    }
    here, there, first, quarter, scale = (arguments[n] for n in (1, 3, 5, 7, 8))
    long, word, number = ir.IntType(64), ir.IntType(32), ir.FloatType()
    pixel, eight = ir.VectorType(number, CHANNELS), ir.VectorType(number, LANES)

    def vector(start: Any, place: Any, kind: Any) -> Any:
        return builder.load(
            builder.bitcast(builder.gep(start, [place]), kind.as_pointer()), align=4
        )

    def picked(one: Any, two: Any, lanes: list[int]) -> Any:
        return builder.shuffle_vector(one, two, _constant(ir.VectorType(word, len(lanes)), lanes))

    def everywhere(value: Any) -> Any:
        alone = builder.insert_element(_constant(eight, ir.Undefined), value, _constant(word, 0))
        return picked(alone, alone, [0] * LANES)

    def colours(start: Any, at: Any) -> Any:
        return vector(start, builder.mul(at, _constant(long, CHANNELS)), pixel)

    def tap(number_: int) -> Any:
        place = builder.gep(data[4], [builder.add(first, _constant(long, number_))])
        return colours(data[2], builder.add(there, builder.load(place)))

    # Taps n and n + 4 side by side, then the channels of four such pairs one after another.
    pairs = [picked(tap(n), tap(n + CHANNELS), list(range(LANES))) for n in range(CHANNELS)]
    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    halves = {
        (a, b): (picked(pairs[a], pairs[b], low), picked(pairs[a], pairs[b], high))
        for a, b in ((0, 2), (1, 3))
    }
    channels = [
        picked(halves[0, 2][n // 2], halves[1, 3][n // 2], low if n % 2 == 0 else high)
        for n in range(CHANNELS)
    ]
    own = colours(data[0], here)
    squares = []
    for n, channel in enumerate(channels):
        apart = builder.fsub(channel, picked(own, own, [n] * LANES), flags=_FAST)
        squares.append(builder.fmul(apart, apart, flags=_FAST))
    colour = builder.fadd(
        builder.fadd(squares[0], squares[1], flags=_FAST), squares[2], flags=_FAST
    )
    one = _constant(eight, [1.0] * LANES)
    z = builder.fadd(one, builder.fmul(everywhere(quarter), colour, flags=_FAST), flags=_FAST)
    z = builder.fadd(z, squares[3], flags=_FAST)
    z = builder.fmul(z, z, flags=_FAST)
    z = builder.fmul(z, z, flags=_FAST)
    weight = builder.fmul(everywhere(scale), vector(data[6], first, eight), flags=_FAST)
    weight = builder.fdiv(weight, z, flags=_FAST)
    weight = builder.fadd(weight, _constant(eight, [0.5] * LANES), flags=_FAST)
    whole = builder.fptosi(weight, ir.VectorType(word, LANES))
    return builder.bitcast(builder.trunc(whole, ir.VectorType(ir.IntType(8), LANES)), long)


eight_affinities: Any = intrinsic(_eight_affinities)
"""In compiled code: scale * spatial / (1 + quarter |d|^2 + e^2)^4 of eight taps, rounded, as bytes.

d is the difference of the three colours at a pixel and at a tap, e that of their guides.

Args:
    lab: float32, one-dimensional: :data:`CHANNELS` values of each pixel.
    here: int64; the pixel.
    other: As ``lab``, of the frame that the taps lie in.
    there: int64; the middle of the taps.
    offsets: int64, from there to each tap; eight from ``first`` on.
    first: int64.
    spatial: float32, a factor of each tap, as many.
    quarter: float32.
    scale: float32, at most 255.

Returns:
    uint64: the first tap's byte lowest.
"""


def _put_eight(typing_context: Any, out: Any, at: Any, eight_bytes: Any) -> Any:
    """The types of :data:`put_eight`, and what makes its code."""
    return types.void(out, at, eight_bytes), _stored


def _stored(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    out = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0]).data
    there = builder.bitcast(builder.gep(out, [arguments[1]]), ir.IntType(64).as_pointer())
    builder.store(arguments[2], there, align=1)
    return context.get_dummy_value()


put_eight: Any = intrinsic(_put_eight)
"""In compiled code: eight bytes, the lowest first, into uint8 ``out`` from ``at`` (int64) on."""

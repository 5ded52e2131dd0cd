"""Weighted sums over small neighbourhoods, eight taps at a time.

A compiler makes scalar code of the sum over a pixel's taps, as they lie in rows that are apart.
Here a row is one vector: bytes of weights are widened, and every second value of the plane is
picked out of two loads. Written in the compiler's own language, it becomes what each processor has.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

ROWS, STEP = (3, 5, 5, 5, 3), 2
"""Taps of each row of a neighbourhood, centred, and the pixels from one to the next."""
TAPS = sum(ROWS)
LANES = 8
"""Values of a vector; those behind the taps of a row count nothing."""
SLACK = STEP * LANES
"""Values behind the last of a plane, and bytes behind the last weight, that may be read."""


def _rows_dot(
    typing_context: Any, weights: Any, first: Any, plane: Any, corner: Any, line: Any
) -> Any:
    """The types of :data:`rows_dot`, and what makes its code."""
    return types.float32(weights, first, plane, corner, line), _sum_of_rows


def _sum_of_rows(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    weights, plane = (
        cgutils.create_struct_proxy(signature.args[n])(context, builder, value=arguments[n]).data
        for n in (0, 2)
    )
    first, corner, line = arguments[1], arguments[3], arguments[4]
    long, number = ir.IntType(64), ir.FloatType()
    bytes_8, floats_8 = (ir.VectorType(kind, LANES) for kind in (ir.IntType(8), number))
    index_8 = ir.VectorType(ir.IntType(32), LANES)
    second = ir.Constant(index_8, list(range(0, STEP * LANES, STEP)))
    loose = ("contract", "nsz")

    def loaded(start: Any, place: Any, kind: Any) -> Any:
        there = builder.bitcast(builder.gep(start, [place]), kind.as_pointer())
        return builder.load(there, align=kind.element.width // 8 if kind is bytes_8 else 4)

    total = ir.Constant(floats_8, [0.0] * LANES)
    for row, taps in enumerate(ROWS):
        at = builder.add(first, ir.Constant(long, sum(ROWS[:row])))
        inside = ir.Constant(bytes_8, [255] * taps + [0] * (LANES - taps))
        weight = builder.and_(loaded(weights, at, bytes_8), inside)
        weight = builder.sitofp(builder.zext(weight, index_8), floats_8)
        margin = ir.Constant(long, STEP * (max(ROWS) - taps) // 2)
        x = builder.add(corner, builder.mul(line, ir.Constant(long, row)))
        x = builder.add(x, margin)
        beyond = builder.add(x, ir.Constant(long, LANES))
        values = builder.shuffle_vector(
            loaded(plane, x, floats_8), loaded(plane, beyond, floats_8), second
        )
        total = builder.fadd(total, builder.fmul(weight, values, flags=loose), flags=loose)
    lanes = [
        builder.extract_element(total, ir.Constant(ir.IntType(32), n)) for n in range(max(ROWS))
    ]
    for lane in lanes[1:]:
        lanes[0] = builder.fadd(lanes[0], lane)
    return lanes[0]


rows_dot: Any = intrinsic(_rows_dot)
"""In compiled code: the sum of weights times values over taps in five rows, two pixels apart.

Args:
    weights: uint8, one-dimensional; 21 from ``first`` on, row by row.
    first: int64.
    plane: float32, one-dimensional.
    corner: int64; index of the corner of the square that the rows lie in.
    line: int64; from a row of taps to the next.

Returns:
    float32.
"""

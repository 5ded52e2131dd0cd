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


# A row of three taps and one of five fill a vector: so the first two rows, and the last two.
_FIRST, _MIDDLE, _LAST = (0, 1), 2, (3, 4)

_FLAGS = ("contract", "nsz")


def _rows_dot(planes: int) -> Any:
    """An intrinsic for taps in so many planes; its types, and what makes its code."""

    def typed(typing_context: Any, weights: Any, first: Any, line: Any, near: Any) -> Any:
        return types.float32(weights, first, line, near), code

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        first, line = arguments[1], arguments[2]
        total = ir.Constant(ir.VectorType(ir.FloatType(), LANES), [0.0] * LANES)
        for n in range(planes):
            plane, corner = (builder.extract_value(arguments[3], 2 * n + k) for k in (0, 1))
            start = _data(context, builder, signature.args[3].types[2 * n], plane)
            at = builder.add(first, ir.Constant(ir.IntType(64), n * TAPS))
            total = _add_plane(builder, data, at, start, corner, line, total)
        return _sum_of_lanes(builder, total)

    return typed


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return cgutils.create_struct_proxy(kind)(context, builder, value=array).data


def _add_plane(
    builder: Any, weights: Any, first: Any, plane: Any, corner: Any, line: Any, total: Any
) -> Any:
    """Add the products of a plane's taps to a vector of sums."""
    long, number = ir.IntType(64), ir.FloatType()
    bytes_8, floats_8 = (ir.VectorType(kind, LANES) for kind in (ir.IntType(8), number))
    index_8 = ir.VectorType(ir.IntType(32), LANES)

    def loaded(start: Any, place: Any, kind: Any) -> Any:
        there = builder.bitcast(builder.gep(start, [place]), kind.as_pointer())
        return builder.load(there, align=kind.element.width // 8 if kind is bytes_8 else 4)

    def picked(one: Any, two: Any, lanes: list[int]) -> Any:
        return builder.shuffle_vector(one, two, ir.Constant(index_8, lanes))

    def row(number_: int) -> Any:
        """Taps of a row in the first lanes; what lies in the others does not matter."""
        x = builder.add(corner, builder.mul(line, ir.Constant(long, number_)))
        x = builder.add(x, ir.Constant(long, STEP * (max(ROWS) - ROWS[number_]) // 2))
        near = loaded(plane, x, floats_8)
        if ROWS[number_] * STEP <= LANES:  # all of them lie in one vector
            return picked(near, near, [*range(0, LANES, STEP), *range(0, LANES, STEP)])
        beyond = loaded(plane, builder.add(x, ir.Constant(long, LANES)), floats_8)
        return picked(near, beyond, list(range(0, STEP * LANES, STEP)))

    def joined(pair: tuple[int, int]) -> Any:
        """Taps of two rows, one behind the other."""
        taps = ROWS[pair[0]]
        return picked(row(pair[0]), row(pair[1]), [*range(taps), *range(LANES, 2 * LANES - taps)])

    taps_before = {_FIRST: 0, _MIDDLE: sum(ROWS[:2]), _LAST: sum(ROWS[:3])}
    for which, values in (
        (_FIRST, joined(_FIRST)),
        (_MIDDLE, row(_MIDDLE)),
        (_LAST, joined(_LAST)),
    ):
        at = builder.add(first, ir.Constant(long, taps_before[which]))
        weight = loaded(weights, at, bytes_8)
        if which is _MIDDLE:
            inside = [255] * ROWS[_MIDDLE] + [0] * (LANES - ROWS[_MIDDLE])
            weight = builder.and_(weight, ir.Constant(bytes_8, inside))
        weight = builder.sitofp(builder.zext(weight, index_8), floats_8)
        total = builder.fadd(total, builder.fmul(weight, values, flags=_FLAGS), flags=_FLAGS)
    return total


def _sum_of_lanes(builder: Any, total: Any) -> Any:
    lanes = list(range(LANES))
    index = ir.VectorType(ir.IntType(32), LANES)
    for half in (LANES // 2, LANES // 4, 1):
        other = [lane ^ half for lane in lanes]
        turned = builder.shuffle_vector(total, total, ir.Constant(index, other))
        total = builder.fadd(total, turned)
    return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))


rows_dot_2: Any = intrinsic(_rows_dot(2))
"""In compiled code: the sum of weights times values over the taps in two planes, each in five rows,
two pixels apart.

Args:
    weights: uint8, one-dimensional; from ``first`` on 21 of the first plane, row by row, then 21
        of the next.
    first: int64.
    line: int64; from a row of taps to the next.
    near: A tuple: of each plane its values, float32, one-dimensional, and the index of the corner
        of the square that the rows lie in, int64.

Returns:
    float32.
"""

rows_dot_3: Any = intrinsic(_rows_dot(3))
"""The same over the taps in three planes."""

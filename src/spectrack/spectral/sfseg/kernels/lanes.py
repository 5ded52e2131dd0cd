"""Sixteen float32 values at once, as one value inside numba functions.

Numba leaves vectorisation to the compiler, which gives up on loops that read many rows and write
several: it cannot know that the rows do not overlap. Here the vector is written out instead:
``load`` sixteen neighbours, add and multiply them like numbers, ``store`` them. LLVM turns that
into whatever the processor has (AVX-512, AVX2, NEON); nothing is checked, so indices must be right.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

WIDTH = 16
"""Number of lanes."""

_compiled: Any = intrinsic  # its first argument is numba's own, which a type checker cannot know
replace_item: Any = tuple_setitem
"""``replace_item(items, number, value)``: a copy of a tuple with one item replaced."""

_FAST = ("fast",)
_VECTOR = ir.VectorType(ir.FloatType(), WIDTH)


class Lanes(types.Type):
    """The numba type of sixteen float32 values."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _splat(builder: Any, value: Any) -> Any:
    start = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, _index(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(start, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _index(value: int) -> Any:
    return ir.Constant(ir.IntType(32), value)


def _binary(name: str, symbol: Any) -> None:
    @type_callable(symbol)
    def typing(context: Any) -> Any:
        def typer(left: Any, right: Any) -> Any:
            kinds = {left, right}
            if LANES in kinds and kinds <= {LANES, types.float32}:
                return LANES
            return None

        return typer

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        sides = [
            v if kind == LANES else _splat(builder, v)
            for kind, v in zip(signature.args, values, strict=True)
        ]
        return getattr(builder, name)(*sides, flags=_FAST)

    for kinds in ((LANES, LANES), (LANES, types.float32), (types.float32, LANES)):
        lower_builtin(symbol, *kinds)(lower)


_SYMBOLS = {
    "fadd": (operator.add, operator.iadd),
    "fsub": (operator.sub, operator.isub),
    "fmul": (operator.mul, operator.imul),
}
for _name, _symbols in _SYMBOLS.items():
    for _symbol in _symbols:
        _binary(_name, _symbol)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    place = builder.gep(data, [index])
    return builder.bitcast(place, _VECTOR.as_pointer())


def _mask(builder: Any, count: Any) -> Any:
    wide = ir.VectorType(ir.IntType(32), WIDTH)
    start = builder.insert_element(
        ir.Constant(wide, ir.Undefined), builder.trunc(count, ir.IntType(32)), _index(0)
    )
    zeros = ir.Constant(wide, [0] * WIDTH)
    spread = builder.shuffle_vector(start, ir.Constant(wide, ir.Undefined), zeros)
    return builder.icmp_signed("<", ir.Constant(wide, list(range(WIDTH))), spread)


@_compiled
def load(typing: Any, array: Any, index: Any) -> Any:
    """``array[index : index + 16]`` of a flat float32 array."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], *values)
        return builder.load(place, align=4)

    return LANES(array, types.intp), lower


@_compiled
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """``array[index : index + 16] = value``."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], *values[:2])
        builder.store(values[2], place, align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, LANES), lower


@_compiled
def load_part(typing: Any, array: Any, index: Any, count: Any) -> Any:
    """As ``load``, but only the first ``count`` values are read; the others are 0."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], *values[:2])
        mask = _mask(builder, values[2])
        kind = ir.FunctionType(_VECTOR, [place.type, ir.IntType(32), mask.type, _VECTOR])
        name = f"llvm.masked.load.v{WIDTH}f32.p0"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        zero = ir.Constant(_VECTOR, [0.0] * WIDTH)
        return builder.call(function, [place, _index(4), mask, zero])

    return LANES(array, types.intp, types.intp), lower


@_compiled
def store_part(typing: Any, array: Any, index: Any, value: Any, count: Any) -> Any:
    """As ``store``, but only the first ``count`` values are written."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], *values[:2])
        mask = _mask(builder, values[3])
        kind = ir.FunctionType(ir.VoidType(), [_VECTOR, place.type, ir.IntType(32), mask.type])
        name = f"llvm.masked.store.v{WIDTH}f32.p0"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [values[2], place, _index(4), mask])
        return context.get_dummy_value()

    return types.none(array, types.intp, LANES, types.intp), lower


@_compiled
def keep(typing: Any, value: Any, count: Any, other: Any) -> Any:
    """The first ``count`` lanes of ``value``, the number ``other`` in the rest."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(_mask(builder, values[1]), values[0], _splat(builder, values[2]))

    return LANES(LANES, types.intp, types.float32), lower


@_compiled
def splat(typing: Any, number: Any) -> Any:
    """The same number in all lanes."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _splat(builder, values[0])

    return LANES(types.float32), lower


def _extreme(sign: str) -> Any:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered(sign, *values, flags=_FAST), *values)

    return lower


@_compiled
def smaller(typing: Any, left: Any, right: Any) -> Any:
    """Lane by lane the smaller of two."""
    return LANES(LANES, LANES), _extreme("<")


@_compiled
def larger(typing: Any, left: Any, right: Any) -> Any:
    """Lane by lane the larger of two."""
    return LANES(LANES, LANES), _extreme(">")


@_compiled
def lane(typing: Any, value: Any, number: Any) -> Any:
    """One lane as a float32."""

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.extract_element(values[0], builder.trunc(values[1], ir.IntType(32)))

    return types.float32(LANES, types.intp), lower


@_compiled
def store_planes(typing: Any, array: Any, index: Any, pitch: Any, values: Any) -> Any:
    """Store a tuple of lanes, ``pitch`` apart."""

    def lower(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data, place, step, lanes = given
        for number in range(len(signature.args[3])):
            target = _pointer(context, builder, signature.args[0], data, place)
            builder.store(builder.extract_value(lanes, number), target, align=4)
            place = builder.add(place, step)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, values), lower


@_compiled
def fold_neighbours(typing: Any, left: Any, middle: Any, right: Any, taps: Any) -> Any:
    """The symmetric filter of the 48 values ``left, middle, right``, at the places of the middle.

    All three are tuples of lanes, one for each plane. ``taps`` is half of the filter, its middle
    first, which counts as 1: a tuple of up to 17 float32. Neighbours come from shifting whole
    vectors, which is cheaper than reading memory off its natural borders.
    """

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        def shifted(first: Any, second: Any, by: int) -> Any:
            # Shifted as whole numbers: LLVM has one instruction for that, but not for floats.
            whole = ir.VectorType(ir.IntType(32), WIDTH)
            places = ir.Constant(whole, [by + n for n in range(WIDTH)])
            sides = builder.bitcast(first, whole), builder.bitcast(second, whole)
            return builder.bitcast(builder.shuffle_vector(*sides, places), _VECTOR)

        weights, result = values[3], values[1]
        for number in range(len(signature.args[1])):
            before, here, after = (builder.extract_value(v, number) for v in values[:3])
            pairs = [here]
            for k in range(1, len(signature.args[3])):
                sides = shifted(before, here, WIDTH - k), shifted(here, after, k)
                pairs.append(builder.fadd(*sides, flags=_FAST))
            total = _weighted(builder, pairs, weights)
            result = builder.insert_value(result, total, number)
        return result

    return middle(left, middle, right, taps), lower


@_compiled
def fold_frames(
    typing: Any, array: Any, places: Any, index: Any, pitch: Any, taps: Any, like: Any
) -> Any:
    """The symmetric filter across frames that begin at ``places`` of an array, all planes.

    ``places`` holds ``2 len(taps) - 1`` positions; planes lie ``pitch`` apart; ``like`` is any
    tuple of as many lanes as there are planes; for ``taps`` see above.
    """

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data, starts, inside, step, weights, result = values
        middle = len(signature.args[4]) - 1

        def read(frame: int) -> Any:
            place = builder.add(builder.extract_value(starts, frame), inside)
            target = _pointer(context, builder, signature.args[0], data, place)
            return builder.load(target, align=4)

        for number in range(len(signature.args[5])):
            pairs = [read(middle)]
            for k in range(1, middle + 1):
                pairs.append(builder.fadd(read(middle - k), read(middle + k), flags=_FAST))
            total = _weighted(builder, pairs, weights)
            result = builder.insert_value(result, total, number)
            inside = builder.add(inside, step)
        return result

    return like(array, places, types.intp, types.intp, taps, like), lower


def _weighted(builder: Any, parts: Any, weights: Any) -> Any:
    total = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        weight = _splat(builder, builder.extract_value(weights, number))
        product = builder.fmul(part, weight, flags=_FAST)
        total = builder.fadd(total, product, flags=_FAST)
    return total

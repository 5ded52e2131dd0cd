"""TensorFlow Lite files: their operators and convolutions, with real weights whatever they hold.

Field numbers are those of TensorFlow's schema of version 3 (``schema.fbs``). Weights of 8 bits
stand for (q - zero) * scale, with a scale for every output channel or one for all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spectrack.weights.flatbuffer import DamagedError, Table
from spectrack.weights.quantised import dequantised

IDENTIFIER = b"TFL3"
VERSION = 3
MOST_ENTRIES = 20_000
"""Operators, tensors or buffers a file may have; the published ones have under 200."""
LONGEST = 2**20
"""Entries a shape, or scales of a tensor, may have: far more than any network's channels."""

ADD, CONV, DEPTHWISE = 0, 3, 4
"""Operators of the schema that matter here."""
FLOAT32, INT32, UINT8, INT8 = 0, 2, 3, 9
DTYPES = {FLOAT32: "<f4", INT32: "<i4", UINT8: "u1", INT8: "i1"}
SAME, LINEAR, RELU6 = 0, 0, 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the schema has what is a convolution's.

    Attributes:
        options: Which member of the union of options is its own.
        activation: Field of the options.
        dilation: Fields of the options, down and across.
        axes: From the axes of its weight to ours, (O, I, H, W).
        channels: Axis of its weight that has the output channels.
    """

    options: int
    activation: int
    dilation: tuple[int, int]
    axes: tuple[int, int, int, int]
    channels: int


LAYOUTS = {
    CONV: Layout(1, 3, (5, 4), (0, 3, 1, 2), 0),  # weight (O, H, W, I)
    DEPTHWISE: Layout(2, 4, (6, 5), (3, 0, 1, 2), 3),  # weight (1, H, W, C)
}


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of a file's network; tensors are told by their numbers.

    Attributes:
        code: Which operator of the schema.
        inputs: Numbers of the tensors that go in.
        output: Number of the first tensor that comes out.
        table: As it lies in the file.
    """

    code: int
    inputs: tuple[int, ...]
    output: int
    table: Table


@dataclass(frozen=True, slots=True)
class Convolution:
    """How a convolution goes about its input, without the numbers of its weight.

    Attributes:
        shape: Of its weight, (O, I, H, W); (C, 1, H, W) of a depthwise one.
        groups: 1, or C of a depthwise one.
        stride: Down and across.
        dilation: Down and across.
        padding: ``SAME`` or another of the schema's.
        activation: ``LINEAR``, ``RELU6`` or another of the schema's.
    """

    shape: tuple[int, ...]
    groups: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: int
    activation: int


def is_tflite(head: bytes) -> bool:
    """Whether a file that begins so says that it is one."""
    return head[4:8] == IDENTIFIER


class TfliteGraph:
    """The one network of a file; what is asked for is read from its bytes, and checked.

    Args:
        data: The whole file.

    Raises:
        DamagedError: Here and from all that is asked, where the bytes make no sense.
    """

    def __init__(self, data: bytes) -> None:
        if not is_tflite(data):
            raise DamagedError("it does not begin as one does")
        model = Table.root(data)
        version = model.integer(0, "I")
        if version != VERSION:
            raise DamagedError(f"its schema has version {version} where {VERSION} is known")
        graphs = model.tables(2, MOST_ENTRIES)
        if len(graphs) != 1:
            raise DamagedError(f"it holds {len(graphs)} networks where one was expected")
        self._graph = graphs[0]
        self._codes = model.tables(1, MOST_ENTRIES)
        self._buffers = model.tables(4, MOST_ENTRIES)
        self._tensors = self._graph.tables(0, MOST_ENTRIES)

    @cached_property
    def operators(self) -> list[Operator]:
        """All operators, in the order in which they run."""
        return [self._operator(table) for table in self._graph.tables(3, MOST_ENTRIES)]

    def is_sum(self, operator: Operator) -> bool:
        """Whether it adds two tensors and leaves it at that."""
        options = operator.table.table(4)
        plain = options is None or options.integer(0, "b") == LINEAR
        return operator.code == ADD and len(operator.inputs) == 2 and plain

    def convolution(self, operator: Operator) -> Convolution:
        """What a convolution is, by its options and the shape of its weight."""
        layout, options = LAYOUTS[operator.code], operator.table.table(4)
        if options is None or operator.table.integer(3, "B") != layout.options:
            raise DamagedError("a convolution does not say how it strides")
        held = self._shape(self._input(operator, 1))
        if len(held) != 4 or min(held) < 1 or (operator.code == DEPTHWISE and held[0] != 1):
            raise DamagedError(f"the weight of a convolution has the shape {held}")
        shape = tuple(held[axis] for axis in layout.axes)
        down, across = layout.dilation
        return Convolution(
            shape=shape,
            groups=shape[0] if operator.code == DEPTHWISE else 1,
            stride=(options.integer(2, "i"), options.integer(1, "i")),
            dilation=(options.integer(down, "i", 1), options.integer(across, "i", 1)),
            padding=options.integer(0, "b"),
            activation=options.integer(layout.activation, "b"),
        )

    def weight_and_bias(self, operator: Operator) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of a convolution, float32: (O, I, H, W) and (O,)."""
        layout, held = LAYOUTS[operator.code], self._input(operator, 1)
        if len(self._shape(held)) != 4:
            raise DamagedError("the weight of a convolution has no four axes")
        weight = _real(self._numbers(held).transpose(layout.axes), held, layout.channels)
        held = self._input(operator, 2)
        bias = _real(self._numbers(held), held, 0)
        if bias.shape != weight.shape[:1]:
            raise DamagedError(f"a bias of {bias.size} goes with a weight of {len(weight)} maps")
        return weight, bias

    def _operator(self, table: Table) -> Operator:
        code = self._codes[table.integer(0, "I")]
        inputs, outputs = (table.numbers(field, "<i4", MOST_ENTRIES) for field in (1, 2))
        if not outputs.size:
            raise DamagedError("an operator gives nothing")
        # Old writers fill the first alone; it has no room for the numbers of newer operators.
        number = max(code.integer(0, "b"), code.integer(3, "i"))
        return Operator(number, tuple(inputs[:3].tolist()), int(outputs[0]), table)

    def _input(self, operator: Operator, place: int) -> Table:
        if len(operator.inputs) <= place:
            raise DamagedError("a convolution lacks its weight or bias")
        return self._tensors[operator.inputs[place]]

    def _shape(self, tensor: Table) -> tuple[int, ...]:
        return tuple(tensor.numbers(0, "<i4", LONGEST)[:5].tolist())

    def _numbers(self, tensor: Table) -> np.ndarray:
        """A tensor as it is held, in its own shape and kind; a view of the file."""
        kind, shape = tensor.integer(1, "b"), self._shape(tensor)
        if kind not in DTYPES:
            raise DamagedError(f"a weight is of the kind {kind}, which is not known here")
        dtype = np.dtype(DTYPES[kind])
        held = self._buffers[tensor.integer(2, "I")].numbers(0, "u1", 2**31)
        if min(shape, default=0) < 1 or held.size != math.prod(shape) * dtype.itemsize:
            raise DamagedError(f"a weight of the shape {shape} has {held.size} bytes")
        return held.view(dtype).reshape(shape)


def _real(numbers: np.ndarray, tensor: Table, channels: int) -> np.ndarray:
    """The real numbers that a tensor stands for, float32, as a copy.

    Args:
        numbers: As held, the output channels first.
        tensor: What says how they are quantised.
        channels: Its axis that has the output channels.
    """
    if numbers.dtype == np.float32:
        real = numbers.astype(np.float32)
    else:
        held = tensor.table(4)
        if held is None:
            raise DamagedError("a weight of integers has no scale")
        scale, zero = held.numbers(2, "<f4", LONGEST), held.numbers(3, "<i8", LONGEST)
        if scale.size > 1 and held.integer(6, "i") != channels:
            raise DamagedError("the scales of a weight are along another axis than its maps")
        try:
            real = dequantised(numbers, scale, zero if zero.size else None)
        except ValueError as error:
            raise DamagedError(f"of a weight, {error}") from error
    if not np.isfinite(real).all():
        raise DamagedError("a weight has numbers that are not finite")
    return np.ascontiguousarray(real)

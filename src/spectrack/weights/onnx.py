"""ONNX graphs: the numbers of their convolutions and linear layers, in order, and nothing else.

The files are protocol buffers; field numbers are those of the published format (``ModelProto``,
``GraphProto``, ``NodeProto``, ``TensorProto``, ``AttributeProto`` of onnx.proto). Nothing is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.weights.protobuf import fields, numbers

SUFFIX = ".onnx"
LARGEST = 2**30
"""Bytes a file may have; the published ones have under 2 million."""
DEEPEST = 8
"""Axes a tensor may have."""

_GRAPH = 7
_NODE, _INITIALIZER = 1, 5
_INPUT, _KIND, _ATTRIBUTE = 1, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT = 1, 3
_DIMS, _TYPE, _FLOATS, _NAME, _RAW, _EXTERNAL = 1, 2, 4, 8, 9, 13
_FLOAT32 = 1
WEIGHED = ("Conv", "Gemm")


@dataclass(frozen=True, slots=True, eq=False)
class GraphLayer:
    """A convolution or a linear layer whose weight is in the file.

    Args:
        name: Of the weight, as the file has it: the published name or a number.
        weight: float32 (O, I / groups, kh, kw), or (O, I) of a linear layer.
        bias: float32 (O,); None where there is none.
    """

    name: str
    weight: Tensor
    bias: Tensor | None


def read_onnx(path: Path) -> list[GraphLayer]:
    """The layers of a graph, in its order.

    Args:
        path: A ``.onnx`` file, its weights in itself.

    Raises:
        InputError: If it cannot be read as one, or its graph has no such layers.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise InputError(f"{path} has {size} bytes and {LARGEST} are allowed; give another")
        whole = memoryview(path.read_bytes())
        layers = [
            layer
            for number, graph in fields(whole)
            if number == _GRAPH and isinstance(graph, memoryview)
            for layer in _layers(graph)
        ]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as ONNX ({error}); give a whole file") from error
    if not layers:
        raise InputError(f"{path} holds no layers with weights; give an ONNX graph that has some")
    return layers


def _layers(graph: memoryview) -> Iterator[GraphLayer]:
    parts = [(n, part) for n, part in fields(graph) if isinstance(part, memoryview)]
    stored = {_text(part, _NAME): part for n, part in parts if n == _INITIALIZER}
    read: dict[str, Tensor] = {}  # once each, however many nodes ask for it
    for node in (part for n, part in parts if n == _NODE):
        if _text(node, _KIND) not in WEIGHED:
            continue
        inputs = [bytes(v).decode() for n, v in fields(node) if n == _INPUT and _is_bytes(v)]
        names = [name for name in inputs[1:3] if name in stored]
        if len(inputs) < 2 or inputs[1] not in names:
            continue  # correlated with what another node gives
        if len(names) != len(inputs[1:3]):
            raise ValueError(f"the bias of {inputs[1]} is not in it")
        for name in names:
            if name not in read:
                read[name] = _tensor(name, stored[name])
        weight = read[names[0]]
        if _text(node, _KIND) == "Gemm" and not _integers(node).get("transB", 0):
            weight = weight.t()
        yield GraphLayer(names[0], weight, read[names[1]] if len(names) > 1 else None)


def _tensor(name: str, message: memoryview) -> Tensor:
    """The float32 numbers of an initializer."""
    parts = list(fields(message))
    shape = [number for n, v in parts if n == _DIMS for number in numbers(v)]
    if any(n == _EXTERNAL for n, _ in parts):
        raise ValueError(f"the numbers of {name} are in another file")
    if dict(parts).get(_TYPE) != _FLOAT32:
        raise ValueError(f"the numbers of {name} are of a kind other than float32")
    raw = b"".join(bytes(v) for n, v in parts if n in (_RAW, _FLOATS) and _is_bytes(v))
    # dimensions below zero come as numbers of more than any file has
    if len(shape) > DEEPEST or len(raw) != 4 * math.prod(shape):
        raise ValueError(f"{name} has {len(raw)} bytes for the shape {shape[:DEEPEST]}")
    return torch.from_numpy(np.frombuffer(raw, "<f4").reshape(shape).copy())


def _integers(node: memoryview) -> Mapping[str, int]:
    """The attributes of a node that are whole numbers."""
    found = {}
    for number, attribute in fields(node):
        if number != _ATTRIBUTE or not isinstance(attribute, memoryview):
            continue
        value = dict(fields(attribute)).get(_ATTRIBUTE_INT)
        if isinstance(value, int):
            found[_text(attribute, _ATTRIBUTE_NAME)] = value
    return found


def _text(message: memoryview, wanted: int) -> str:
    """A field that is a text; empty where it is left out."""
    found = (v for n, v in fields(message) if n == wanted and isinstance(v, memoryview))
    return bytes(next(found, b"")).decode()


def _is_bytes(value: int | memoryview) -> bool:
    return isinstance(value, memoryview)

"""CoreML neural networks (.mlmodel): the numbers of their convolutions and scales, nothing else.

The files are protocol buffers; field numbers are those of the published format (``Model``,
``NeuralNetworkLayer``, ``ConvolutionLayerParams``, ``ScaleLayerParams``, ``WeightParams``). Names
of layers are often the counters of a tracer; :func:`renamed` gives them the names of a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.weights.protobuf import fields, numbers

SUFFIX = ".mlmodel"

_NETWORK, _LAYER, _NAME = 500, 1, 1
_CONVOLUTION, _SCALE = 100, 245
_OUT, _IN, _KERNEL = 1, 2, 20
_PARTS = {_CONVOLUTION: {90: "weight", 91: "bias"}, _SCALE: {2: "scale", 3: "bias"}}
_FLOAT32, _FLOAT16 = 1, 2


def read_coreml(path: Path) -> dict[str, Tensor]:
    """The numbers of a network.

    Args:
        path: A ``.mlmodel`` file of the neural network kind.

    Returns:
        ``LAYER.weight`` (O, I / groups, kh, kw), ``LAYER.bias`` (O,) and ``LAYER.scale`` (C,), in
        the order of the graph, float32 or float16 as stored.

    Raises:
        InputError: If it cannot be read as one.
    """
    try:
        with path.open("rb") as file:
            whole = memoryview(file.read())
        layers = [
            layer
            for number, network in fields(whole)
            if number == _NETWORK and isinstance(network, memoryview)
            for kind, layer in fields(network)
            if kind == _LAYER and isinstance(layer, memoryview)
        ]
        tensors = {name: tensor for layer in layers for name, tensor in _tensors(layer)}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as CoreML ({error}); give a whole file") from error
    if not tensors:
        raise InputError(f"{path} holds no convolutions; give a CoreML neural network")
    return tensors


def renamed(tensors: dict[str, Tensor], layers: Sequence[str]) -> dict[str, Tensor]:
    """Tensors under other names of their layers.

    Args:
        tensors: See :func:`read_coreml`.
        layers: Names, in the order of the graph.

    Returns:
        The same tensors; as they were, where there are more or fewer layers than names.
    """
    given = list(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
    if len(given) != len(layers):
        return tensors
    names = dict(zip(given, layers, strict=True))
    parts = ((name.rpartition("."), tensor) for name, tensor in tensors.items())
    return {f"{names[layer]}.{part}": tensor for (layer, _, part), tensor in parts}


def _tensors(layer: memoryview) -> Iterator[tuple[str, Tensor]]:
    parts = list(fields(layer))
    name = next((bytes(v).decode() for n, v in parts if n == _NAME and not isinstance(v, int)), "")
    for kind, value in parts:
        if kind not in _PARTS or isinstance(value, int):
            continue
        told = dict(fields(value))
        shape = (told.get(_OUT, 0), told.get(_IN, 0), *numbers(told.get(_KERNEL, memoryview(b""))))
        for number, part in _PARTS[kind].items():
            stored = told.get(number)
            if isinstance(stored, memoryview):
                values = _values(stored)
                whole = part == "weight"
                yield f"{name}.{part}", torch.from_numpy(values.reshape(shape) if whole else values)


def _values(stored: memoryview) -> np.ndarray:
    for number, value in fields(stored):
        if number in (_FLOAT32, _FLOAT16) and isinstance(value, memoryview):
            kind = "<f4" if number == _FLOAT32 else "<f2"
            return np.frombuffer(value, kind).copy()
    raise ValueError("numbers of a kind other than float32 and float16")

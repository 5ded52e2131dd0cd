"""The backbone of a TensorFlow Lite file: MobileNetV2's weights, under the names of our network.

The convolutions of the file are held against those of
:class:`~spectrack.networks.mobilenet_v2.MobileNetV2`, one by one and in the order in which they
run; what comes after the backbone is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import OUTPUTS, STEM, MobileNetV2, OutputStride, SameConv
from spectrack.weights.flatbuffer import DamagedError
from spectrack.weights.tflite import (
    CONV,
    DEPTHWISE,
    LINEAR,
    RELU6,
    SAME,
    Convolution,
    Operator,
    TfliteGraph,
)

LARGEST = 2**30
"""Bytes a file may have; the published ones have 4 million at most."""
WIDEST = 4.0
"""Times the maps of the paper's network that a backbone may have."""
CONVOLUTIONS = 3 * len(OUTPUTS)
"""Three a block; the first block has two, and the stem is before it."""


class OtherNetworkError(ValueError):
    """A whole file, but of another network; the text is a clause for people."""


def read_tflite(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """Weights of the backbone in a file, and how to make its network.

    Args:
        path: A TensorFlow Lite file: float32, int8 or uint8.

    Returns:
        Name to float32 tensor, and the ``network`` of :mod:`spectrack.weights.described`.

    Raises:
        InputError: If it cannot be read, is damaged, or holds no MobileNetV2.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise InputError(f"{path} has {size} bytes and {LARGEST} are allowed; give another")
        return _backbone(TfliteGraph(path.read_bytes()), size)
    except OtherNetworkError as error:
        raise InputError(
            f"{path} holds no MobileNetV2 ({error}); give a file with one, such as a published "
            "one of spectrack weights list"
        ) from error
    except (OSError, DamagedError) as error:
        raise InputError(
            f"{path} cannot be read as a TensorFlow Lite file ({error}); give a whole one"
        ) from error


def _backbone(graph: TfliteGraph, size: int) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    operators = [o for o in graph.operators if o.code in (CONV, DEPTHWISE)]
    if len(operators) < CONVOLUTIONS:
        raise OtherNetworkError(
            f"it has {len(operators)} convolutions where {CONVOLUTIONS} were expected"
        )
    network, description = _network_of(graph, operators[:CONVOLUTIONS])
    convolutions = {n: m for n, m in network.named_modules() if isinstance(m, SameConv)}
    pairs = dict(zip(convolutions, operators[:CONVOLUTIONS], strict=True))
    for name, operator in pairs.items():
        _compare(name, graph.convolution(operator), convolutions[name])
    _follow(graph, network, pairs)
    # Two tensors may share one buffer, so that a small file could ask for much memory.
    if sum(module.weight.numel() for module in convolutions.values()) > size:
        raise DamagedError("it claims far more numbers than it has")
    tensors = {}
    for name, operator in pairs.items():
        weight, bias = graph.weight_and_bias(operator)
        tensors[f"{name}.weight"] = torch.from_numpy(weight)
        tensors[f"{name}.bias"] = torch.from_numpy(bias)
    return tensors, description


def _network_of(
    graph: TfliteGraph, operators: list[Operator]
) -> tuple[MobileNetV2, Mapping[str, Any]]:
    """The network whose width and strides are the file's, without numbers; and its description."""
    width = graph.convolution(operators[0]).shape[0] / STEM
    if not 0 < width <= WIDEST:
        raise OtherNetworkError(f"its first convolution makes {width * STEM:.0f} maps")
    stride = math.prod(max(graph.convolution(operator).stride) for operator in operators)
    if stride not in (8, 16, 32):
        raise OtherNetworkError("its features have no stride of 8, 16 or 32")
    with torch.device("meta"):
        network = MobileNetV2(width, cast(OutputStride, stride))
    return network, {"kind": "mobilenet_v2", "width": width, "output_stride": stride}


def _compare(name: str, given: Convolution, own: SameConv) -> None:
    """See that a convolution of the file is the network's own."""
    expected = Convolution(
        shape=tuple(own.weight.shape),
        groups=own.groups,
        stride=(own.stride[0], own.stride[1]),
        dilation=(own.dilation[0], own.dilation[1]),
        padding=SAME,
        activation=LINEAR if name.endswith("project") else RELU6,
    )
    for field in Convolution.__slots__:
        found, wanted = getattr(given, field), getattr(expected, field)
        if found != wanted:
            raise OtherNetworkError(f"{name} has the {field} {found} where {wanted} was expected")


def _follow(graph: TfliteGraph, network: MobileNetV2, pairs: Mapping[str, Operator]) -> None:
    """See that each convolution takes what the network gives it, sums of blocks included."""
    sums = {o.output: set(o.inputs) for o in graph.operators if graph.is_sum(o)}
    came = pairs["stem"].output
    for number, block in enumerate(network.blocks):
        current = entered = came
        for part in ("expand", "dw", "project"):
            operator = pairs.get(f"blocks.{number}.{part}")
            if operator is None:
                continue
            if operator.inputs[0] != current:
                raise OtherNetworkError(f"blocks.{number}.{part} takes what another layer gives")
            current = operator.output
        if block.adds:
            wanted = {entered, current}
            current = next((out for out, added in sums.items() if added == wanted), -1)
            if current < 0:
                raise OtherNetworkError(f"blocks.{number} does not add what it took")
        came = current

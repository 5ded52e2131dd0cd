"""Graphs written as ONNX files, and compared with torch where they were made."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from spectrack.errors import InputError
from spectrack.runtimes.graph import USUAL, Graph, parsed
from spectrack.runtimes.session import OnnxGraph, open_graph, require
from spectrack.storage import write_bytes

OPSET = 18
"""Of the files: the first with the operators that folding and cubic enlargement need."""
TOLERANCE = 1e-3
"""Largest difference of a checked graph, in shares of the greatest value that torch gives."""


class _Function(nn.Module):
    """One function of a network as a module of its own."""

    def __init__(self, network: nn.Module, graph: Graph) -> None:
        super().__init__()
        self.network, self.graph = network, graph

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return self.graph.answer(self.network, *tensors)


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written and checked.

    Attributes:
        path: The file.
        graph: What is in it.
        bytes: Its size.
        difference: The largest from torch on random inputs of two sizes, in shares of the
            greatest value that torch gives.
    """

    path: Path
    graph: Graph
    bytes: int
    difference: float


def write_graph(
    path: Path, network: nn.Module, graph: Graph, notes: Mapping[str, str] | None = None
) -> Written:
    """Write a graph to a file of its own, all weights in it, once it is checked.

    Args:
        path: The ``.onnx`` file; one that is there is replaced whole.
        network: What the function is of, on the CPU, in evaluation mode.
        graph: The function.
        notes: What else the file says of itself, see its ``metadata_props``.

    Raises:
        InputError: If the packages are absent, or the file answers otherwise than torch.
    """
    content = _content(network, graph, notes or {})
    difference = _largest_difference(OnnxGraph(content), network, graph)
    if not difference <= TOLERANCE:
        raise InputError(
            f"the graph {graph.name} differs from torch by {difference:.2g} of its greatest value "
            f"and {TOLERANCE:g} is allowed; nothing was written, please report this"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return Written(path, graph, len(content), difference)


def largest_difference(path: Path, network: nn.Module, graph: Graph) -> float:
    """How far a file is from torch on random inputs of all sizes that are checked.

    Returns:
        In shares of the greatest value of each output.
    """
    return _largest_difference(open_graph(path), network, graph)


def _largest_difference(session: OnnxGraph, network: nn.Module, graph: Graph) -> float:
    differences = []
    for seed, sizes in enumerate(graph.checked):
        tensors = graph.example(sizes, seed)
        with torch.inference_mode():
            wanted = graph.answer(network, *tensors)
        differences.append(difference_of(session(*tensors), wanted))
    return max(differences)


def difference_of(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The largest difference, in shares of the greatest value of each tensor; NaN where one is."""
    if [one.shape for one in found] != [one.shape for one in wanted]:
        return float("inf")
    shares = [
        (a - b).abs().max() / b.abs().max().clamp(min=1e-12).float()
        for a, b in zip(found, wanted, strict=True)
    ]
    return float(torch.stack(shares).max())


def _content(network: nn.Module, graph: Graph, notes: Mapping[str, str]) -> bytes:
    require("onnxscript")  # torch needs it, and says so at length
    tensors = graph.example(USUAL if graph.sizes is None else graph.sizes)
    with _quiet(), _NothingInPlace(), torch.no_grad():
        program = torch.onnx.export(
            _Function(network, graph),
            tensors,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=(_dynamic(graph),),
            external_data=False,
            optimize=True,
            verbose=False,
        )
    assert program is not None  # given back because no file was named
    program.model.metadata_props.update(notes)
    program.model.graph.name = graph.name
    # where code lies and what it is called is of no use to others
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    content: bytes = program.model_proto.SerializeToString()
    return content


def _dynamic(graph: Graph) -> tuple[dict[int, Any], ...]:
    """For every input the axes that have any size."""
    letters: dict[str, Any] = {}
    shapes = []
    for one in graph.inputs.values():
        axes: dict[int, Any] = {}
        for place, axis in enumerate(one.axes):
            if isinstance(axis, str):
                factor, letter = parsed(axis)
                least = 1 if letter == "n" else 2
                dim = letters.setdefault(letter, torch.export.Dim(letter, min=least))
                axes[place] = dim if factor == 1 else factor * dim
        shapes.append(axes)
    return tuple(shapes)


class _NothingInPlace(TorchFunctionMode):
    """Activations leave what they are given alone: to trace one that does not takes ten times."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        told = dict(kwargs or {})
        if told.get("inplace"):
            told["inplace"] = False
        return func(*args, **told)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says to its own authors."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)

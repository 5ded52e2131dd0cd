"""A network whose functions are run by ONNX Runtime, for trackers that are told so.

The graphs are made of the network that is there, the first time, and kept in the cache under a
hash of its numbers; what is found there is read as any other file, see
:mod:`spectrack.runtimes.session`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from spectrack.runtimes.export import OPSET, write_graph
from spectrack.runtimes.graph import Graph, plain
from spectrack.runtimes.session import OnnxGraph, open_graph, require
from spectrack.weights.cache import cache_folder

LOG = logging.getLogger(__name__)
FORMAT = 2
"""Raised where graphs of the same network are made otherwise."""


class OnnxNetwork:
    """Functions of a network, each a graph.

    As many threads work on a graph as torch has in the thread that asks: one where several jobs
    are done side by side (:mod:`spectrack.threads`), and all where one is done by itself.

    Args:
        network: On the CPU; it stays as it is.
        graphs: Its functions.

    Raises:
        InputError: If the packages are absent, or the cache cannot be written.
    """

    def __init__(self, network: nn.Module, graphs: Sequence[Graph]) -> None:
        require("onnxruntime")
        folder = cache_folder() / "onnx" / _key(network, graphs)
        ready: nn.Module | None = None
        self._paths: dict[str, Path] = {}
        self._open: dict[tuple[str, int], OnnxGraph] = {}
        for graph in graphs:
            path = folder / f"{graph.name}.onnx"
            if not path.is_file():
                if ready is None:
                    LOG.info(
                        "making ONNX graphs of %s: once, up to a minute", type(network).__name__
                    )
                    ready = plain(network)
                write_graph(path, ready, graph)
            self._paths[graph.name] = path
            self._graph(graph.name)  # a damaged file is told now

    def __call__(self, name: str, *tensors: Tensor) -> tuple[Tensor, ...]:
        """What a graph says of tensors."""
        return self._graph(name)(*tensors)

    def _graph(self, name: str) -> OnnxGraph:
        """A graph for as many threads as torch has here; kept, so that its file may go."""
        threads = torch.get_num_threads()
        graph = self._open.get((name, threads))
        if graph is None:
            graph = self._open[name, threads] = _opened(self._paths[name], threads)
        return graph


@lru_cache(maxsize=32)
def _opened(path: Path, threads: int) -> OnnxGraph:
    """Opened once for all trackers of a process: running a graph changes nothing in it."""
    return open_graph(path, threads)


def _key(network: nn.Module, graphs: Sequence[Graph]) -> str:
    """A hash of all that decides what the graphs are."""
    told = [(g.name, [(n, one.axes) for n, one in g.inputs.items()], g.outputs) for g in graphs]
    found = hashlib.sha256(repr((FORMAT, OPSET, torch.__version__, told)).encode())
    for name, tensor in network.state_dict().items():
        found.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    return found.hexdigest()[:32]

"""NanoTrack's network as graphs: maps of crops, what is kept of the template, the comparison."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrack.runtimes.graph import Given, Graph
from spectrack.runtimes.running import OnnxNetwork
from spectrack.trackers.nanotrack.network import Kernels, NanoTrack

_CELLS = 8
"""Side of a template's maps."""
_CROPS = {"n": 2, "h": 127, "w": 143}
_CHECKED = {"n": 1, "h": 127, "w": 127}, {"n": 2, "h": 255, "w": 191}


def graphs_of(network: NanoTrack) -> tuple[Graph, ...]:
    """``extract`` of crops; ``remember`` of the template's maps, once; then ``compare``.

    A template crop is 127x127; the search region's is 255x255, or of any other size.
    """
    maps = network.backbone.maps
    with torch.inference_mode():
        kernels = network.remember(torch.zeros(1, maps, _CELLS, _CELLS))
    names = tuple(kernels)

    def remember(network: NanoTrack, template_nchw: Tensor) -> tuple[Tensor, ...]:
        return tuple(network.remember(template_nchw)[name] for name in names)

    def compare(network: NanoTrack, search: Tensor, *kept: Tensor) -> tuple[Tensor, Tensor]:
        return network.compare(dict(zip(names, kept, strict=True)), search)

    crops = Given(("n", 3, "h", "w"), 0, 255)
    template = Given((1, maps, _CELLS, _CELLS), -1, 1)
    # one target at a time: its template's maps are filters with a group for each
    search = Given((1, maps, "h", "w"), -1, 1)
    kept = {name: Given(tuple(kernels[name].shape), -1, 1) for name in names}
    sizes = {"h": 16, "w": 15}
    return (
        Graph("extract", NanoTrack.extract, {"images": crops}, ("maps",), _CROPS, _CHECKED),
        Graph("remember", remember, {"template": template}, names),
        Graph(
            "compare",
            compare,
            {"search": search, **kept},
            ("logits", "distances"),
            sizes,
            ({"h": 16, "w": 16}, {"h": 12, "w": 18}),
        ),
    )


class OnnxNanoTrack:
    """The network run by ONNX Runtime, with its own verbs, for one target at a time.

    Args:
        network: It stays as it is.

    Attributes:
        cells: As of the network.

    Raises:
        InputError: As :class:`~spectrack.runtimes.running.OnnxNetwork`.
    """

    def __init__(self, network: NanoTrack) -> None:
        self.cells = network.cells
        graphs = [graph.fixed(n=1) for graph in graphs_of(network)]
        self._names = graphs[1].outputs
        self._run = OnnxNetwork(network, graphs)

    def extract(self, images_nchw: Tensor) -> Tensor:
        """As :meth:`NanoTrack.extract`."""
        return self._run("extract", images_nchw)[0]

    def remember(self, template_nchw: Tensor) -> Kernels:
        """As :meth:`NanoTrack.remember`."""
        return dict(zip(self._names, self._run("remember", template_nchw), strict=True))

    def compare(self, kernels: Kernels, search_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`NanoTrack.compare`."""
        logits, distances = self._run("compare", search_nchw, *(kernels[n] for n in self._names))
        return logits, distances

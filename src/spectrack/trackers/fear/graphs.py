"""FEAR's network as graphs: what crops are compared by, and the comparison."""

from __future__ import annotations

from torch import Tensor

from spectrack.networks.fbnet import STRIDE
from spectrack.runtimes.graph import Given, Graph
from spectrack.runtimes.running import OnnxNetwork
from spectrack.trackers.fear.network import CHANNELS, FEAR, TEMPLATE_SIDE

_CELLS = TEMPLATE_SIDE // STRIDE


def graphs_of(network: FEAR) -> tuple[Graph, ...]:
    """``encode`` of a template crop (128x128) and of search crops, then ``compare``."""
    del network  # all have the same shapes
    crops = Given(("n", 3, f"{STRIDE}h", f"{STRIDE}w"), 0, 255)
    template = Given(("n", CHANNELS, _CELLS, _CELLS), -1, 1)
    search = Given(("n", CHANNELS, "h", "w"), -1, 1)
    return (
        Graph("encode", FEAR.encode, {"rgb": crops}, ("features",)),
        Graph(
            "compare",
            FEAR.compare,
            {"template": template, "search": search},
            ("logits", "distances"),
        ),
    )


class OnnxFEAR:
    """The network run by ONNX Runtime, with its own verbs, for one target at a time.

    Args:
        network: It stays as it is.

    Raises:
        InputError: As :class:`~spectrack.runtimes.running.OnnxNetwork`.
    """

    def __init__(self, network: FEAR) -> None:
        self._run = OnnxNetwork(network, [graph.fixed(n=1) for graph in graphs_of(network)])

    def encode(self, rgb: Tensor) -> Tensor:
        """As :meth:`FEAR.encode`."""
        return self._run("encode", rgb)[0]

    def compare(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`FEAR.compare`."""
        logits, distances = self._run("compare", template, search)
        return logits, distances

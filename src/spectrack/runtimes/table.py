"""The table of networks that can leave torch: by class, what tells their graphs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import nn

from spectrack.errors import InputError
from spectrack.runtimes.graph import Graph, plain

GRAPHS: dict[str, str] = {
    "MaskInBox": "spectrack.runtimes.mask_in_box:graphs_of",
    "Feat2Seg": "spectrack.trackers.sftrack.graphs:feat2seg_graphs",
    "Seg2Box": "spectrack.trackers.sftrack.graphs:seg2box_graphs",
    "NanoTrack": "spectrack.trackers.nanotrack.graphs:graphs_of",
    "FEAR": "spectrack.trackers.fear.graphs:graphs_of",
    "RTS": "spectrack.trackers.rts.graphs:graphs_of",
    "LWL": "spectrack.trackers.lwl.graphs:graphs_of",
    "SFSegStep": "spectrack.runtimes.spectral:sfseg_graphs",
    "GuidedFilter": "spectrack.runtimes.guided:guided_graphs",
}
"""Class of a network to the function that tells its graphs."""
WITHOUT_WEIGHTS: dict[str, str] = {
    "sfseg": "spectrack.runtimes.spectral:SFSegStep",
    "guided": "spectrack.runtimes.guided:GuidedFilter",
}
"""Steps of the spectral filters by name, and what makes them."""


def graphs_of(network: nn.Module) -> list[tuple[nn.Module, Graph]]:
    """The graphs of a network, or of all networks that are kept together under one name.

    Args:
        network: On the CPU; it stays as it is.

    Returns:
        Every graph with the network that it is a function of.

    Raises:
        InputError: If there are none of that kind.
    """
    if isinstance(network, nn.ModuleDict):
        return [pair for one in network.values() for pair in graphs_of(one)]
    name = type(network).__name__
    if name not in GRAPHS:
        raise InputError(f"there are no graphs of {name}; give weights of {', '.join(GRAPHS)}")
    told: Callable[[Any], tuple[Graph, ...]] = load_function(GRAPHS[name])
    ready = plain(network)
    return [(ready, graph) for graph in told(ready)]


def load_function(target: str) -> Callable[..., Any]:
    """What an import string ``module:function`` names."""
    module, name = target.split(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found

"""LWL's network as graphs."""

from __future__ import annotations

from torch import Tensor

from spectrack.networks.resnet import LAYERS
from spectrack.runtimes.few_shot import (
    convolved,
    decoded,
    features_of,
    filter_of,
    learner_graphs,
    maps_of,
    patches,
)
from spectrack.runtimes.graph import Graph
from spectrack.trackers.lwl.network import LWL


def graphs_of(network: LWL) -> tuple[Graph, ...]:
    """``look`` at patches, ``encode_masks``, ``learn_target`` by steps, and ``segment``."""
    layers = maps_of(network)
    seen = {"filter": filter_of(network), "features": features_of(network), **layers}
    return (
        Graph("look", _look, {"rgb": patches()}, (*layers, "features")),
        *learner_graphs(network),
        Graph("segment", _segment, seen, ("logits",)),
    )


def _look(network: LWL, rgb: Tensor) -> tuple[Tensor, ...]:
    layers = network.extract(network.normalise(rgb))
    return *(layers[name] for name in LAYERS), network.target_features(layers["layer3"])


def _segment(network: LWL, filters: Tensor, features: Tensor, *layers: Tensor) -> Tensor:
    named = dict(zip(LAYERS, layers, strict=True))
    return decoded(network, convolved(features, filters), named)

"""Networks by the name of their weights, or by a file that tells by its shapes what it is for."""

from __future__ import annotations

import importlib
from typing import TypeVar

from torch import nn

from spectrack.errors import InputError
from spectrack.weights.files import read_weights
from spectrack.weights.load import find_weights, load_weights
from spectrack.weights.matching import shapes_of
from spectrack.weights.table import WEIGHTS, fits

N = TypeVar("N", bound=nn.Module)


def load_network(weights: str, kind: type[N]) -> N:
    """A network with its weights.

    Args:
        weights: A name of the table of weights, or a file of any network in it.
        kind: What the network has to be.

    Raises:
        InputError: If there are no such weights, or they are of another network.
    """
    name = weights
    if weights not in WEIGHTS:
        shapes = shapes_of(read_weights(find_weights(weights)).tensors)
        name, _ = fits(shapes)[0]
    target = WEIGHTS[name].networks.get("")
    network = _make(target) if target else None
    if not isinstance(network, kind):
        raise InputError(
            f"weights {weights} look like those of {name}; give weights of {kind.__name__}"
        )
    load_weights(network, weights)
    return network


def _make(target: str) -> nn.Module:
    module, name = target.split(":")
    network: nn.Module = getattr(importlib.import_module(module), name)()
    return network

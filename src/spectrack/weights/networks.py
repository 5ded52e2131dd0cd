"""Networks by the name of their weights or from a file, and the settings that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import nn

from spectrack.errors import InputError
from spectrack.weights.described import description_of, make_network
from spectrack.weights.files import WeightFile, read_weights
from spectrack.weights.load import find_weights, load_weights
from spectrack.weights.matching import shapes_of
from spectrack.weights.table import WEIGHTS, exact_fit, fits

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class LoadedNetwork(Generic[N]):
    """A network with its weights.

    Attributes:
        network: Ready to answer.
        shown: What its training showed it: ``height``, ``width`` and ``search`` of the crops,
            ``label`` of the instance branch; those that its file tells.
    """

    network: N
    shown: Mapping[str, float]


def given_or_loaded(network: N | None, weights: str, kind: type[N]) -> LoadedNetwork[N]:
    """A network that was made elsewhere, of whose training nothing is known, or one by its weights.

    Args:
        network: To be used as it is, where given.
        weights: Otherwise; see :func:`load_network`.
        kind: What the network has to be.
    """
    return load_network(weights, kind) if network is None else LoadedNetwork(network, {})


def load_network(weights: str, kind: type[N]) -> LoadedNetwork[N]:
    """A network with its weights, made as the table or the file itself says, or by its shapes.

    Args:
        weights: A name of the table of weights, or a file.
        kind: What the network has to be.

    Raises:
        InputError: If there are no such weights, or they are of another network.
    """
    if weights in WEIGHTS:
        # Of another network by its name alone: no file is needed to say so.
        network, found, file = WEIGHTS[weights].build(), weights, None
    else:
        file = read_weights(find_weights(weights))
        network, found = _made_for(file, kind)
    if not isinstance(network, kind):
        raise InputError(
            f"weights {weights} look like those of {found}; give weights of {kind.__name__}"
        )
    loaded = load_weights(network, weights if file is None else file)
    return LoadedNetwork(network.eval(), _shown(loaded.about))


def _made_for(file: WeightFile, kind: type[nn.Module]) -> tuple[nn.Module | None, str]:
    """The network that a file describes, or else the nearest of the table; and its name.

    Args:
        file: Already read.
        kind: What is asked for, of which it most likely is.
    """
    described = description_of(file)
    if described is not None:
        network = make_network(described, file)
        return network, type(network).__name__
    shapes = shapes_of(file.tensors)
    name = exact_fit(shapes, kind.__module__) or fits(shapes)[0][0]
    return WEIGHTS[name].build(), name


def _shown(about: Mapping[str, Any]) -> dict[str, float]:
    """See :class:`LoadedNetwork`; what a file does not tell, or tells wrongly, is left out."""
    samples = about.get("samples")
    if not isinstance(samples, Mapping):
        return {}
    size = samples.get("size_wh")
    told: dict[str, Any] = {name: samples.get(name) for name in ("search", "label")}
    if isinstance(size, list | tuple) and len(size) == 2:
        told |= {"width": size[0], "height": size[1]}
    return {k: v for k, v in told.items() if isinstance(v, int | float) and v > 0}

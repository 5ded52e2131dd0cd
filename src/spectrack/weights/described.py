"""Networks of any size, in files that say how to make them.

The file's notes have an entry ``network``: its kind and the arguments of its constructor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from spectrack.errors import InputError
from spectrack.networks.resnet import ResNet
from spectrack.networks.sta import STA
from spectrack.trackers.lwl.network import LWL
from spectrack.trackers.rts.network import RTS
from spectrack.weights.files import WeightFile, read_weights, write_weights
from spectrack.weights.load import find_weights, load_weights
from spectrack.weights.matching import Differences, compare, shapes_of

KINDS: dict[str, type[nn.Module]] = {"rts": RTS, "lwl": LWL, "sta": STA}


def make_network(description: Mapping[str, Any]) -> nn.Module:
    """A network with fresh weights.

    Args:
        description: ``kind`` ("rts", "lwl" or "sta"), ``backbone`` (arguments of
            :class:`~spectrack.networks.resnet.ResNet`), and the other arguments of the network.

    Raises:
        InputError: If it does not describe a network.
    """
    rest = dict(description)
    kind, backbone = rest.pop("kind", None), rest.pop("backbone", None)
    if kind not in KINDS or not isinstance(backbone, Mapping):
        raise InputError(
            f"a network is described as {dict(description)}; give a kind of {', '.join(KINDS)} "
            "and its backbone"
        )
    try:
        return KINDS[kind](ResNet(**backbone), **rest)
    except (TypeError, ValueError) as error:
        raise InputError(f"a network of kind {kind} cannot be made so: {error}") from error


def save_described(
    path: Path, network: nn.Module, description: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Write a network's weights with how to make it.

    Args:
        path: The file, safetensors.
        network: On any device.
        description: See :func:`make_network`.
        about: More to say.

    Raises:
        InputError: If the file cannot be written.
    """
    tensors = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
    write_weights(path, tensors, {"network": dict(description), **about})


def compare_described(file: WeightFile) -> tuple[str, Differences] | None:
    """How a file fits the network that it says it is of; None where it says nothing.

    Args:
        file: As it was read.

    Returns:
        What to call the network, and the differences.

    Raises:
        InputError: If what it says is no network.
    """
    described = file.about.get("network")
    if not isinstance(described, Mapping):
        return None
    expected = shapes_of(make_network(described).state_dict())
    name = f"the {described['kind']} network that it describes"
    return name, compare(expected, shapes_of(file.tensors))


def load_described(name_or_path: str | Path) -> nn.Module:
    """Make the network that a file describes and give it the file's weights.

    Raises:
        InputError: If the file cannot be read, does not say what it is of, or does not fit that.
    """
    path = find_weights(name_or_path)
    described = read_weights(path).about.get("network")
    if not isinstance(described, Mapping):
        raise InputError(f"weights {path} do not say what network they are of; give others")
    network = make_network(described)
    load_weights(network, path)
    return network


def load_rts_small(name_or_path: str | Path) -> RTS:
    """The RTS of a file that says how to make it, ready to answer.

    Raises:
        InputError: As :func:`load_described`, or if the network is another.
    """
    network = load_described(name_or_path)
    if not isinstance(network, RTS):
        raise InputError(f"weights {name_or_path} are of {type(network).__name__}; give an RTS")
    return network.eval()

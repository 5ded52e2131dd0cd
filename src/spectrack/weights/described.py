"""Networks of any size, in files that say how to make them.

The file's notes have an entry ``network``: its kind and the arguments of its constructor.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.networks.resnet import ResNet
from spectrack.weights.entry import build_network
from spectrack.weights.files import LARGEST_SHARE, WeightFile, write_weights
from spectrack.weights.matching import Differences, compare, shapes_of

KINDS = {
    "atom": "spectrack.trackers.atom.network:ATOM",
    "kys": "spectrack.trackers.kys.network:KYS",
    "rts": "spectrack.trackers.rts.network:RTS",
    "lwl": "spectrack.trackers.lwl.network:LWL",
    "pixelwise": "spectrack.trackers.pixelwise.network:Pixelwise",
    "sta": "spectrack.networks.sta:STA",
    "stark": "spectrack.trackers.stark.network:STARK",
    "mobilenet_v2": "spectrack.networks.mobilenet_v2:MobileNetV2",
    "siamfc": "spectrack.trackers.siamfc.network:SiamFC",
    "siamrpn": "spectrack.trackers.siamrpn.network:SiamRPNAlexNet",
    "siamrpn++": "spectrack.trackers.siamrpn.network:SiamRPNPlusPlus",
    "siamban": "spectrack.trackers.siamban.network:SiamBAN",
    "siammask": "spectrack.trackers.siammask.network:SiamMask",
    "mdnet": "spectrack.trackers.mdnet.network:MDNet",
    "d3s": "spectrack.trackers.d3s.network:D3S",
    "dimp": "spectrack.trackers.dimp.network:DiMP",
}
"""Kind of network to the import string of its class, which is loaded when it is used."""
WHOLE = {
    "mobilenet_v2",
    "siamfc",
    "siamrpn",
    "siamrpn++",
    "siamban",
    "siammask",
    "mdnet",
    "pixelwise",
}
"""Kinds that are a backbone or make their own; others are given one, described apart."""
MOBILENET = "mobilenet_v2"
"""The ``kind`` of a backbone that is no ResNet; the other arguments are then its own."""


SPARE = 2_000_000
"""Numbers that a network may be made of beyond those that its file accounts for."""
LEAST = 1000
"""Numbers that a tensor counts for at least: a module about a single one takes as much memory."""


def make_network(description: Mapping[str, Any], file: WeightFile | None = None) -> nn.Module:
    """A network with fresh weights.

    Args:
        description: ``kind`` (see :data:`KINDS`), ``backbone`` (arguments of
            :class:`~spectrack.networks.resnet.ResNet`, or with the ``kind`` :data:`MOBILENET` of
            :class:`~spectrack.networks.mobilenet_v2.MobileNetLayers`; not of a kind in
            :data:`WHOLE`), and the other arguments of the network.
        file: Whose weights it is for, where the description came with a file: what that says is
            believed no further than its tensors go.

    Raises:
        InputError: If it does not describe a network, or one of far more numbers than the file has.
    """
    rest = dict(description)
    kind, backbone = rest.pop("kind", None), rest.pop("backbone", None)
    told = isinstance(kind, str) and kind in KINDS
    if not told or not (backbone is None if kind in WHOLE else isinstance(backbone, Mapping)):
        raise InputError(
            f"a network is described as {dict(description)}; give a kind of {', '.join(KINDS)} "
            "and its backbone"
        )
    try:
        with nullcontext() if file is None else _NoMoreThan(file):
            parts = () if backbone is None else (_backbone(**backbone),)
            return build_network(KINDS[kind], *parts, **rest)
    except Exception as error:  # whatever constructors make of what nobody has checked
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"a network of kind {kind} cannot be made so: {reason}") from error


def _backbone(kind: str = "resnet", **arguments: Any) -> nn.Module:
    if kind not in ("resnet", MOBILENET):
        raise ValueError(f"its backbone is of the kind {kind!r}; give resnet or {MOBILENET}")
    return ResNet(**arguments) if kind == "resnet" else MobileNetLayers(**arguments)


class _NoMoreThan(TorchFunctionMode):
    """Counts the numbers of all tensors made, and ends it where they are far more than a file's.

    Memory is reserved when a tensor is made, and taken when its numbers are written: by then it has
    been refused. To make it without memory first, on torch's meta device, loads parts of torch for
    two seconds, and would not end a network of too many layers.
    """

    def __init__(self, file: WeightFile) -> None:
        super().__init__()
        self._file = file
        self._held = sum(tensor.numel() for tensor in file.tensors.values())
        self._left = LARGEST_SHARE * self._held + SPARE

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        given = (*args, *(kwargs or {}).values())
        if isinstance(made, Tensor) and not any(isinstance(one, Tensor) for one in given):
            self._left -= max(made.numel(), LEAST)
            if self._left < 0:
                raise ValueError(
                    f"it has far more numbers than the {self._held} of {self._file.path}; "
                    "the file is damaged or made to harm, give another"
                )
        return made


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


def description_of(file: WeightFile) -> Mapping[str, Any] | None:
    """How to make the network that a file is of; None where it does not say."""
    described = file.about.get("network")
    return described if isinstance(described, Mapping) else None


def compare_described(file: WeightFile) -> tuple[str, Differences] | None:
    """How a file fits the network that it says it is of; None where it says nothing.

    Args:
        file: As it was read.

    Returns:
        What to call the network, and the differences.

    Raises:
        InputError: If what it says is no network.
    """
    described = description_of(file)
    if described is None:
        return None
    expected = shapes_of(make_network(described, file).state_dict())
    name = f"the {described['kind']} network that it describes"
    return name, compare(expected, shapes_of(file.tensors))

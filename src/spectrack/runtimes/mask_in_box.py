"""The network of masks in boxes as graphs, and with the verbs of the network itself."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from spectrack.networks.mask_in_box import HINTS, KEYS, VALUES, MaskInBox, Memory
from spectrack.networks.mobilenet_v2 import OUTPUTS, STEM, Features
from spectrack.runtimes.graph import Given, Graph

_BLOCKS = {"at2": 0, "at4": 2, "at8": 5, "at16": 12, "last": 16}
"""Which block of the backbone gives the maps of which stride."""
_STRIDES = {"at2": 2, "at4": 4, "at8": 8, "at16": 16, "last": 32}
_SIDE = 32
"""Sides of crops are multiples of this."""


def graphs_of(network: MaskInBox) -> tuple[Graph, ...]:
    """``features`` of crops with hints, then ``decode``, and ``remember`` once a mask is believed.

    ``first`` is ``decode`` of a frame before which there is no memory.
    """
    del network  # all have the same shapes
    crop = ("n", 3, f"{_SIDE}h", f"{_SIDE}w")
    images = {"images": Given(crop, -1, 1)}
    hints = {"hints": Given((crop[0], len(HINTS), *crop[2:]))}
    features = {
        name: Given(
            ("n", OUTPUTS[block], *(f"{_SIDE // _STRIDES[name]}{s}" for s in "hw")), -1, 1
        )
        for name, block in _BLOCKS.items()
    }
    one = {"box": Given((crop[0], 1, *crop[2:])), "mask": Given((crop[0], 1, *crop[2:]))}
    memory = {
        "keys": Given((1, KEYS, "t"), -0.2, 0.2),
        "values": Given((1, VALUES + 1, "t"), -1, 1),
    }
    return (
        Graph("features", _features, images | hints, tuple(features)),
        Graph("first", _first, images | hints | features, ("logits",)),
        Graph("decode", _decode, images | hints | features | memory, ("logits",)),
        Graph("remember", _remember, features | one, ("keys", "values")),
    )


def _features(network: MaskInBox, images: Tensor, hints: Tensor) -> tuple[Tensor, ...]:
    return _tensors(network.features(images, hints))


def _first(network: MaskInBox, images: Tensor, hints: Tensor, *features: Tensor) -> Tensor:
    return network.decode(images, hints, Features(*features), None)


def _decode(network: MaskInBox, images: Tensor, hints: Tensor, *rest: Tensor) -> Tensor:
    return network.decode(images, hints, Features(*rest[:-2]), Memory(*rest[-2:]))


def _remember(network: MaskInBox, *rest: Tensor) -> tuple[Tensor, Tensor]:
    memory = network.remember(Features(*rest[:-2]), *rest[-2:])
    return memory.keys_nkt, memory.values_nvt


def _tensors(features: Features) -> tuple[Tensor, ...]:
    return tuple(getattr(features, name) for name in Features.__slots__)

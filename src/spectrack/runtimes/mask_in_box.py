"""The network of masks in boxes as graphs, and with the verbs of the network itself."""

from __future__ import annotations

from torch import Tensor

from spectrack.networks.mask_in_box import HINTS, KEYS, VALUES, MaskInBox, Memory
from spectrack.networks.mobilenet_v2 import OUTPUTS, Features
from spectrack.runtimes.graph import Given, Graph
from spectrack.runtimes.running import OnnxNetwork

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
        name: Given(("n", OUTPUTS[block], *(f"{_SIDE // _STRIDES[name]}{s}" for s in "hw")), -1, 1)
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


class OnnxMaskInBox:
    """The network run by ONNX Runtime, with its own verbs.

    Args:
        network: It stays as it is.
        side: Of all crops, pixels.

    Raises:
        InputError: As :class:`~spectrack.runtimes.running.OnnxNetwork`.
    """

    def __init__(self, network: MaskInBox, side: int) -> None:
        cells = side // _SIDE
        graphs = [graph.fixed(h=cells, w=cells) for graph in graphs_of(network)]
        self._run = OnnxNetwork(network, graphs)

    def features(self, images_nchw: Tensor, hints_nchw: Tensor) -> Features:
        """As :meth:`MaskInBox.features`."""
        return Features(*self._run("features", images_nchw, hints_nchw))

    def remember(self, features: Features, box_nchw: Tensor, mask_nchw: Tensor) -> Memory:
        """As :meth:`MaskInBox.remember`."""
        return Memory(*self._run("remember", *_tensors(features), box_nchw, mask_nchw))

    def decode(
        self, images_nchw: Tensor, hints_nchw: Tensor, features: Features, memory: Memory | None
    ) -> Tensor:
        """As :meth:`MaskInBox.decode`."""
        seen = images_nchw, hints_nchw, *_tensors(features)
        if memory is None:
            return self._run("first", *seen)[0]
        return self._run("decode", *seen, memory.keys_nkt, memory.values_nvt)[0]

    def __call__(
        self, images_nchw: Tensor, hints_nchw: Tensor, memory: Memory | None = None
    ) -> Tensor:
        """As :meth:`MaskInBox.forward`."""
        return self.decode(images_nchw, hints_nchw, self.features(images_nchw, hints_nchw), memory)


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

"""Small networks of pixel-wise tracking with random weights, and one that sees what is bright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from spectrack.networks.conv_lstm import State
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.weights.described import make_network, save_described
from thin import randomise

DESCRIBED: dict[str, Any] = {
    "kind": "pixelwise",
    "extractor": "mobilenet_v2",
    "width": 0.25,
    "side": 32,
    "maps": 8,
    "memory": 6,
    "decoder": [8, 6, 4],
    "skips": True,
    "map_side": 32,
    "convolutions": [2, 4, 4, 8],
    "attention": 4,
    "full": 16,
    "relative": True,
}
LIKE_THE_PAPER = DESCRIBED | {
    "extractor": "vgg16",
    "width": 1 / 16,
    "skips": False,
    "relative": False,
}


def small_pixelwise(described: dict[str, Any] = DESCRIBED, seed: int = 0) -> Pixelwise:
    """A network."""
    network = make_network(described)
    assert isinstance(network, Pixelwise)
    return randomise(network, seed)


def write_small_pixelwise(path: Path) -> Path:
    """A file of its weights that says what network they are of."""
    save_described(path, small_pixelwise(), DESCRIBED, {})
    return path


class Bright(Pixelwise):
    """The mask is what is bright, and the anchor stays on the last mask: answers are known."""

    def __init__(self) -> None:
        super().__init__(**{k: v for k, v in DESCRIBED.items() if k != "kind"})
        segment = self.local_segmentation
        state = State(torch.zeros(1), torch.zeros(1))
        segment.start = lambda images, masks: (state, state)  # type: ignore[method-assign]
        segment.forward = lambda images, memory: (  # type: ignore[method-assign]
            (images.float().mean(1) - 200) / 5,
            memory,
        )

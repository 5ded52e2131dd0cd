"""An untrained network of masks in boxes: enough for tests of what is around it."""

from __future__ import annotations

from pathlib import Path

import torch

from spectrack.networks.mask_in_box import MaskInBox
from spectrack.weights.files import write_weights


def random_mask_in_box(seed: int = 3) -> MaskInBox:
    """The same network for the same seed; its hints and its empty memory count, too."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = MaskInBox()
        torch.nn.init.normal_(network.hints.weight, std=0.5)
        torch.nn.init.normal_(network.nothing)
    return network.eval()


def write_random_mask_in_box(path: Path, seed: int = 3) -> Path:
    """Write such a network as the recipe does, in half precision."""
    state = random_mask_in_box(seed).state_dict()
    write_weights(path, {name: tensor.half() for name, tensor in state.items()}, {})
    return path

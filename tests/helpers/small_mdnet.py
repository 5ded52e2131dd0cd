"""A small MDNet with random weights, and settings under which it does little work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectrack.trackers.mdnet.network import MDNet
from spectrack.weights.described import make_network, save_described
from thin import randomise

DESCRIBED: dict[str, Any] = {"kind": "mdnet", "widths": [8, 8, 16], "hidden": 16}
LITTLE = {
    "candidates": 24,
    "first_positives": 12,
    "first_negatives": 24,
    "first_steps": 4,
    "positives": 6,
    "negatives": 8,
    "steps": 2,
    "every": 3,
    "long": 3,
    "short": 2,
    "regressed": 16,
    "device": "cpu",
}


def small_mdnet(seed: int = 0) -> MDNet:
    """The network."""
    network = make_network(DESCRIBED)
    assert isinstance(network, MDNet)
    return randomise(network, seed)


def write_small_mdnet(path: Path) -> Path:
    """A file of its weights that says what network they are of."""
    save_described(path, small_mdnet(), DESCRIBED, {})
    return path

"""D3S with features of a thin MobileNetV2 and crops of 64 pixels; its filter reads them, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectrack.trackers.d3s.network import D3S
from spectrack.weights.described import make_network, save_described
from thin import randomise

DESCRIBED: dict[str, Any] = {
    "kind": "d3s",
    "backbone": {"kind": "mobilenet_v2", "width": 0.25},
    "side": 64,
}
LITTLE = {"patch": 64, "first_rounds": 2, "first_steps": 3, "device": "cpu"}
"""Settings under which its filter does little work."""


def fresh_d3s() -> D3S:
    """The network, as it begins."""
    network = make_network(DESCRIBED)
    assert isinstance(network, D3S)
    return network


def small_d3s(seed: int = 0) -> D3S:
    """The network, with random weights."""
    return randomise(fresh_d3s(), seed)


def write_small_d3s(path: Path) -> Path:
    """A file of its weights that says what network they are of."""
    save_described(path, small_d3s(), DESCRIBED, {})
    return path

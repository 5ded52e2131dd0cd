"""KYS with networks so small that a frame takes milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectrack.trackers.kys.network import KYS
from spectrack.weights.described import make_network, save_described
from thin import randomise

BACKBONE = {"block": "basic", "depths": (2, 2, 2, 2), "widths": (8, 8, 16, 16), "stem": 8}
DESCRIBED: dict[str, Any] = {"kind": "kys", "backbone": BACKBONE, "features": 12, "iou_maps": 8}
SMALL_KYS: dict[str, Any] = {"side": 96, "search": 4.0, "device": "cpu"}
"""Settings for it."""


def thin_kys(seed: int = 0) -> KYS:
    """Random weights."""
    network = make_network(DESCRIBED)
    assert isinstance(network, KYS)
    return randomise(network, seed)


def write_thin_kys(path: Path) -> Path:
    """A file of the same, which says how to make it."""
    save_described(path, thin_kys(), DESCRIBED, {})
    return path

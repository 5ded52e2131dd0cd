"""STARK with networks so small that a frame takes milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectrack.trackers.stark.network import STARK
from spectrack.weights.described import make_network, save_described
from thin import randomise

BODY = {
    "block": "bottleneck",
    "depths": (1, 1, 1, 1),
    "widths": (4, 4, 8, 8),
    "stem": 4,
    "frozen": True,
    "deepest": "layer3",
}
SIZES = {"width": 32, "heads": 4, "layers": 1, "hidden": 32}


def _described(scores: bool) -> dict[str, Any]:
    return {"kind": "stark", "backbone": BODY, "scores": scores, **SIZES}


def thin_stark(scores: bool = True, seed: int = 0) -> STARK:
    """Random weights; its boxes lie near the middle of the search region."""
    network = make_network(_described(scores))
    assert isinstance(network, STARK)
    return randomise(network, seed)


def write_thin_stark(path: Path, scores: bool) -> Path:
    """A file of the same, which says how to make it."""
    save_described(path, thin_stark(scores), _described(scores), {})
    return path

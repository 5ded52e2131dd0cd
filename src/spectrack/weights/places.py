"""Where the weights of a name are on this machine: with the package, in the cache, or absent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from spectrack.weights.cache import cached
from spectrack.weights.table import WEIGHTS

State = Literal["shipped", "cached", "absent"]


def place_of(name: str) -> Path:
    """Where the weights of a name of the table are, or will be once they are fetched."""
    return WEIGHTS[name].shipped() or cached(name)


def state_of(name: str) -> State:
    """Whether weights of the table come with the package, are in the cache, or are absent."""
    if not place_of(name).is_file():
        return "absent"
    return "shipped" if WEIGHTS[name].asset else "cached"

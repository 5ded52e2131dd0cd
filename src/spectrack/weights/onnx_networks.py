"""Networks published as ONNX graphs: which two files belong together, and whose weights they are.

Siamese trackers come in two graphs, one of the backbone and one of the head, which lie side by side
under names that differ in that word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from spectrack.errors import InputError
from spectrack.weights.onnx import GraphLayer, read_onnx

PARTS = ("backbone", "head")
FAMILIES = ("spectrack.trackers.nanotrack.onnx_weights:weights_of_graphs",)
"""Functions from the layers of both graphs to the tensors of a network, or None if of another."""

Family = Callable[[Sequence[GraphLayer]], dict[str, Tensor] | None]


def read_onnx_network(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a network that is published as ONNX, and what else is to be told.

    Args:
        path: Either of its two files; the other one lies beside it.

    Returns:
        Name to tensor as in the network's checkpoints; and name to SHA-256 of the ``files``.

    Raises:
        InputError: If either cannot be read, or they are of no network that is known.
    """
    files = pair_of(path)
    layers = [layer for file in files for layer in read_onnx(file)]
    for family in FAMILIES:
        module, name = family.split(":")
        tensors = cast(Family, getattr(import_module(module), name))(layers)
        if tensors is not None:
            return tensors, {"files": {file.name: _sha256(file) for file in files}}
    raise InputError(
        f"{' and '.join(map(str, files))} are of no network that is known; give the graphs of "
        "NanoTrack v1, v2 or v3, or a checkpoint"
    )


def pair_of(path: Path) -> tuple[Path, Path]:
    """The graphs of backbone and head that a file is one of.

    Raises:
        InputError: If its name does not say which it is, or the other one is absent.
    """
    for own, other in (PARTS, PARTS[::-1]):
        before, found, after = path.name.rpartition(own)
        if not found:
            continue
        beside = path.with_name(f"{before}{other}{after}")
        if not beside.is_file():
            raise InputError(
                f"{path} is the {own} alone; put the {other} beside it as {beside.name}"
            )
        return (path, beside) if own == PARTS[0] else (beside, path)
    raise InputError(
        f"{path} is one graph of two by its kind but not by its name; "
        f"call the two files the same but for the words {' and '.join(PARTS)}"
    )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

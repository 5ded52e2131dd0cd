"""Files of weights: safetensors, TensorFlow Lite, CoreML, ONNX, or of ``torch.save``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spectrack.errors import InputError
from spectrack.storage import replacing
from spectrack.weights.checkpoints import Checkpoint, read_checkpoint
from spectrack.weights.coreml import SUFFIX as COREML
from spectrack.weights.coreml import read_coreml
from spectrack.weights.onnx import SUFFIX as ONNX
from spectrack.weights.onnx_networks import read_onnx_network
from spectrack.weights.published_names import our_names
from spectrack.weights.quantised import without_quantisation
from spectrack.weights.stand_ins import StandIn, described
from spectrack.weights.tflite import is_tflite
from spectrack.weights.tflite_backbone import read_tflite

FORMAT = "spectrack-weights-1"
HELD_AS = {"net": "", "state_dict": "", "shared_layers": "layers."}
"""Entries in which checkpoints hold their tensors: those of pytracking, of PySOT's line, and of
MDNet, which leaves out the first part of their names; that part."""
LARGEST_SHARE = 4
"""Times the bytes of the file that its tensors may have; shared storages make it more than 1."""


@dataclass(frozen=True, eq=False)
class WeightFile:
    """What a file holds.

    Args:
        path: The file.
        form: ``"safetensors"``, ``"tflite"``, ``"coreml"``, ``"onnx"``, or ``"zip"`` or
            ``"legacy"`` of a checkpoint.
        tensors: Name to tensor, on the CPU, in the order of the file.
        about: What else it says: where it comes from, and the constructor of a checkpoint.
    """

    path: Path
    form: str
    tensors: dict[str, Tensor]
    about: dict[str, Any]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        InputError: If it is missing, truncated or something else.
    """
    if not path.is_file():
        raise InputError(f"weights {path} do not exist; give a file of weights")
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"weights {path} cannot be read ({error}); give a whole .safetensors file"
        ) from error


def read_weights(path: str | Path) -> WeightFile:
    """Read a file of weights of any kind; nothing in it is executed.

    Weights of 8 bits, with scales and zero points, become the real numbers they stand for.

    Args:
        path: A safetensors, TensorFlow Lite or CoreML file, either of the two ONNX graphs of a
            Siamese tracker, or a checkpoint with a ``net``, a ``state_dict``, MDNet's
            ``shared_layers``, or a bare one.

    Raises:
        InputError: If it is missing, damaged, or holds no named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"weights {path} do not exist; give a file of weights")
    with path.open("rb") as opened:
        head = opened.read(9)
    if path.suffix == ".safetensors" or head[8:] == b"{":
        tensors, metadata = read_safetensors(path)
        try:
            tensors = without_quantisation(tensors)
        except ValueError as error:
            raise InputError(
                f"weights {path} cannot be read ({error}); give a file whose scales fit its weights"
            ) from error
        return WeightFile(path, "safetensors", tensors, _told(metadata))
    if path.suffix == COREML:
        about: dict[str, Any] = {"source": path.name, "sha256": sha256_of(path)}
        return WeightFile(path, "coreml", read_coreml(path), about)
    if path.suffix == ONNX:
        tensors, told = read_onnx_network(path)
        return WeightFile(path, "onnx", tensors, {"source": path.name, **told})
    if path.suffix == ".tflite" or is_tflite(head):
        tensors, network = read_tflite(path)
        about = {"source": path.name, "sha256": sha256_of(path), "network": network}
        return WeightFile(path, "tflite", tensors, about)
    checkpoint = read_checkpoint(path)
    tensors = {
        name: tensor.clone(memory_format=torch.contiguous_format)
        for name, tensor in _named_tensors(checkpoint).items()
    }
    about = {"source": path.name, "sha256": sha256_of(path), **_about(checkpoint.content)}
    return WeightFile(path, checkpoint.form, tensors, about)


def write_weights(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a safetensors file; one that is there is replaced whole.

    Args:
        path: The file.
        tensors: Name to tensor.
        about: What to keep with them: anything JSON can hold.

    Raises:
        InputError: If the file cannot be written.
    """
    # One entry: the file format keeps several in no fixed order, and equal weights should give
    # equal bytes.
    metadata = {FORMAT: json.dumps(dict(about))}
    whole = {name: t.contiguous() for name, t in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            save_file(whole, part, metadata=metadata)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be written ({error}); give another file") from error


def _told(metadata: dict[str, str]) -> dict[str, Any]:
    """What a safetensors file says: by :data:`FORMAT`, or as it is where that is not of ours."""
    try:
        about = json.loads(metadata.get(FORMAT, ""))
    except (ValueError, RecursionError):
        about = None
    return about if isinstance(about, dict) else dict(metadata)


def _named_tensors(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The state dict of a checkpoint: one of its :data:`HELD_AS`, or itself; by our names."""
    held, prefix = checkpoint.content, ""
    for name, first in HELD_AS.items():
        inner = held.get(name) if isinstance(held, dict) else None
        if isinstance(inner, dict):
            held, prefix = inner, first
    named = held if isinstance(held, dict) else {}
    other = [n for n, v in named.items() if not (isinstance(n, str) and isinstance(v, Tensor))]
    if other or not named:
        names = ", ".join(str(described(name, 1)) for name in other[:3]) or "nothing"
        raise InputError(
            f"{checkpoint.path} holds {names} where tensors were expected; give a checkpoint with "
            f"a {' or '.join(HELD_AS)}, or a bare state dict"
        )
    if sum(v.nbytes for v in named.values()) > LARGEST_SHARE * checkpoint.path.stat().st_size:
        raise InputError(
            f"the tensors of {checkpoint.path} claim far more numbers than the file has; it is "
            "damaged or made to harm, give another"
        )
    return {prefix + name: value for name, value in our_names(named).items()}


def _about(content: dict[Any, Any]) -> dict[str, Any]:
    """What a checkpoint says besides its tensors, as far as it is known and short."""
    about: dict[str, Any] = {}
    if not any(isinstance(content.get(name), dict) for name in HELD_AS):
        return about
    for name in ("epoch", "net_type", "actor_type"):
        if content.get(name) is not None:
            about[name] = described(content[name])
    constructor = content.get("constructor")
    if isinstance(constructor, StandIn):
        about["constructor"] = {
            "class": constructor.name,
            "function": f"{constructor.get('fun_module')}.{constructor.get('fun_name')}",
            "args": described(constructor.get("args")),
            "kwds": described(constructor.get("kwds")),
        }
    return about

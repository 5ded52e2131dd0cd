"""Learned mixing on disk: a safetensors file that names its channels and says how it was made."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from spectrack.errors import InputError
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.storage import replacing

FORMAT = "spectrack-mixing-1"


def save_mixing(
    path: str | Path, mixing: MixingSettings, about: dict[str, Any] | None = None
) -> None:
    """Write learned mixing to a file; one that is there is replaced whole.

    Args:
        path: The file, by custom ``*.safetensors``.
        mixing: The numbers and their channels.
        about: How it was made (data, settings, scores): anything JSON can hold.
    """
    tensors = {
        "weights": np.array(mixing.weights, dtype=np.float64),
        "bias": np.array([mixing.bias], dtype=np.float64),
        "agreement": np.array([mixing.agreement], dtype=np.float64),
        "reach": np.array([mixing.reach], dtype=np.int64),
    }
    if mixing.pairwise_weights is not None:
        tensors["pairwise_weights"] = np.array(mixing.pairwise_weights, dtype=np.float64)
    if mixing.pairwise_bias is not None:
        tensors["pairwise_bias"] = np.array([mixing.pairwise_bias], dtype=np.float64)
    if mixing.sizes is not None:
        tensors["sizes"] = np.array(mixing.sizes, dtype=np.float64)
    # One entry: the file format keeps several in no fixed order, and equal weights should give
    # equal bytes.
    metadata = {FORMAT: json.dumps({"channels": mixing.names, "about": about or {}})}
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        save_file(tensors, part, metadata=metadata)


def load_mixing(path: str | Path) -> tuple[MixingSettings, dict[str, Any]]:
    """Read what :func:`save_mixing` wrote.

    Returns:
        The mixing, and how it was made.

    Raises:
        InputError: If the file does not exist, is damaged, or holds something else.
    """
    if not Path(path).is_file():
        raise InputError(f"weights {path} do not exist; give a file written by train fusion")
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"weights {path} cannot be read ({error}); the file is damaged, make it again"
        ) from error
    if FORMAT not in metadata:
        raise InputError(
            f"{path} holds no fusion weights; give a file written by spectrack train fusion"
        )
    try:
        described = json.loads(metadata[FORMAT])
        return _mixing(described["channels"], tensors), dict(described["about"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"weights {path} are incomplete ({error}); the file is damaged, make it again"
        ) from error


def _mixing(channels: list[str], tensors: dict[str, Any]) -> MixingSettings:
    def numbers(name: str) -> tuple[float, ...]:
        return tuple(float(x) for x in tensors[name].ravel())

    reach = numbers("reach")[0]
    return MixingSettings(
        names=tuple(map(str, channels)),
        weights=numbers("weights"),
        bias=numbers("bias")[0],
        agreement=numbers("agreement")[0],
        reach=int(reach) if math.isfinite(reach) else -1,
        pairwise_weights=numbers("pairwise_weights") if "pairwise_weights" in tensors else None,
        pairwise_bias=numbers("pairwise_bias")[0] if "pairwise_bias" in tensors else None,
        sizes=numbers("sizes") if "sizes" in tensors else None,
    )

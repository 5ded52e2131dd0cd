"""Weights into a network: by a name of the table or from a file, strictly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from spectrack.errors import InputError
from spectrack.weights.files import WeightFile, read_weights
from spectrack.weights.matching import compare, shapes_of
from spectrack.weights.places import place_of
from spectrack.weights.table import WEIGHTS


@dataclass(frozen=True)
class Loaded:
    """What was loaded.

    Args:
        path: The file.
        about: What it says of itself.
        missing: Names the network has and the file does not; they kept their values.
        extra: Names the file has and the network does not.
    """

    path: Path
    about: dict[str, Any]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def find_weights(name_or_path: str | Path) -> Path:
    """The file of a name of the table, or the path itself.

    Raises:
        InputError: If it is neither, or the weights of that name are not on this machine.
    """
    entry = WEIGHTS.get(str(name_or_path))
    if entry is None or Path(name_or_path).is_file():
        if not Path(name_or_path).is_file():
            raise InputError(
                f"weights {name_or_path} do not exist; give a file, or one of {', '.join(WEIGHTS)}"
            )
        return Path(name_or_path)
    path = place_of(str(name_or_path))
    if not path.is_file() and entry.recipe:
        raise InputError(
            f"weights {name_or_path} are not on this machine and nobody has published any; learn "
            f"them by: {entry.recipe}, and give the file it writes as weights"
        )
    if not path.is_file():
        raise InputError(
            f"weights {name_or_path} are not on this machine; "
            f"get them by: spectrack weights pull {name_or_path}"
            + ("" if entry.fetchable else " --from FILE_OR_URL")
        )
    return path


def load_weights(
    module: nn.Module, weights: str | Path | WeightFile, strict: bool = True
) -> Loaded:
    """Load weights into a network; nothing in the file is executed.

    Args:
        module: On any device; changed in place, unless there is an error.
        weights: A name of the table, a file that :func:`~spectrack.weights.files.read_weights`
            takes, or a file already read. Numbers are converted to the network's kind.
        strict: Names must be the same on both sides; shapes of shared names must be in any case.
            Step counters of batch norms may be absent.

    Raises:
        InputError: If the file cannot be read or does not fit.
    """
    file = weights if isinstance(weights, WeightFile) else read_weights(find_weights(weights))
    differences = compare(shapes_of(module.state_dict()), shapes_of(file.tensors))
    if differences.reshaped or (strict and len(differences)):
        name = file.path if isinstance(weights, WeightFile) else weights
        raise InputError(
            f"weights {name} do not fit {type(module).__name__}: {differences.text()}; "
            f"see spectrack weights verify {file.path}"
        )
    module.load_state_dict(file.tensors, strict=False)
    return Loaded(file.path, file.about, differences.missing, differences.extra)

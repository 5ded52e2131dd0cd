"""Weights and resume files: written whole or not at all, and read without running code in them."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors
from torch import nn

from spectrack.errors import InputError
from spectrack.storage import write_bytes
from spectrack.weights.files import read_safetensors
from spectrack.weights.matching import compare, shapes_of

FORMAT = 1


@dataclass
class RunState:
    """How far a run has come.

    Args:
        epoch: Epochs that are over, validation included.
        done: Steps done in the epoch under way.
        step: Steps done in all.
        loss_sum: Loss times samples, summed over the epoch under way.
        best: Best monitored value so far.
        best_epoch: The epoch it came after, from 1; 0 before the first.
        seconds: Time spent in all.
        peak_memory_mib: Largest memory seen, MiB.
        finished: Whether nothing is left to do.
        history: One entry an epoch, as in the log.
        threads: Of torch on the CPU, on which sums depend in their last bits; 0 where not known.
    """

    epoch: int = 0
    done: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    seconds: float = 0.0
    peak_memory_mib: float = 0.0
    finished: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    threads: int = 0


def save_weights(path: Path, model: nn.Module) -> None:
    """Write a model's weights and buffers as safetensors.

    Args:
        path: The file.
        model: On any device.
    """
    # Clones, since safetensors refuses tensors that share memory.
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
    }
    write_bytes(path, save_tensors(tensors), durable=True)


def load_weights(path: Path, model: nn.Module) -> None:
    """Read weights that :func:`save_weights` wrote into a model of the same shape.

    Args:
        path: The file.
        model: On any device; changed in place, unless there is an error.

    Raises:
        InputError: The file is missing, truncated, no safetensors, or of another model.
    """
    tensors, _ = read_safetensors(path)
    differences = compare(shapes_of(model.state_dict()), shapes_of(tensors))
    if len(differences):
        raise InputError(
            f"weights {path} do not fit the model: {differences.text()}; "
            "give weights of this model."
        )
    model.load_state_dict(tensors, strict=False)


def save_resume(path: Path, state: RunState, **parts: dict[str, Any]) -> None:
    """Write all that a run needs to go on.

    Args:
        path: The file.
        state: How far it has come.
        **parts: State dicts, of model, optimiser and so on.
    """
    content = io.BytesIO()
    torch.save({"format": FORMAT, "state": asdict(state), **parts}, content)
    write_bytes(path, content.getvalue(), durable=True)


def load_resume(path: Path) -> tuple[RunState, dict[str, dict[str, Any]]]:
    """Read what :func:`save_resume` wrote; nothing in the file is executed.

    Args:
        path: The file.

    Returns:
        The state and the parts, on the CPU.

    Raises:
        InputError: The file is truncated or something else.
    """
    try:
        parts = torch.load(path, map_location="cpu", weights_only=True)
        if parts.pop("format") != FORMAT:
            raise InputError(
                f"{path} has a format that this version does not know; "
                "go on with the version that wrote it, or give another folder."
            )
        return RunState(**parts.pop("state")), parts
    except InputError:
        raise
    except Exception as error:  # torch raises many kinds, from EOFError to its own
        raise InputError(
            f"{path} cannot be read, it is truncated or no resume file; "
            "remove it to start the run anew, or give another folder."
        ) from error

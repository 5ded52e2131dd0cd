"""Checkpoints of the forms in which Siamese trackers are published."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

FORMS = ("bare", "state_dict", "module", "old")


def pysot_checkpoint(state: dict[str, Tensor], path: Path, form: str) -> Path:
    """Save a state.

    Args:
        state: Of a network.
        path: The file.
        form: ``bare``; ``state_dict``, a training state around it; ``module``, the same with the
            prefix that training on several devices leaves; ``old``, the prefix and no counters of
            normalisations, in the form of files before torch 1.6.
    """
    held = dict(state)
    if form == "old":
        held = {name: t for name, t in held.items() if not name.endswith("num_batches_tracked")}
    if form in ("module", "old"):
        held = {f"module.{name}": tensor for name, tensor in held.items()}
    whole = {"epoch": 20, "state_dict": held, "optimizer": {"state": {}, "param_groups": [{}]}}
    saved = held if form == "bare" else whole
    torch.save(saved, path, _use_new_zipfile_serialization=form != "old")
    return path

"""Where a tracker's networks run."""

from __future__ import annotations

import torch

from spectrack.errors import InputError


def pick_device(name: str) -> torch.device:
    """A device by name.

    Args:
        name: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        InputError: If the name is not one of these, or there is no such GPU.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if there else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind != "cuda" or (":" in name and not number.isdigit()):
        raise InputError(f"device is {name!r}; give auto, cpu, cuda or cuda:N")
    if int(number or 0) >= there:
        raise InputError(f"device is {name!r} but {there} GPUs are there; give auto or cpu")
    return torch.device("cuda", int(number or 0))

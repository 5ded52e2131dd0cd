"""One process or several that train together: who is here, and how gradients are added up.

``torchrun`` starts the processes and says in the environment who is who. Each step's gradients are
added up over the processes before the optimiser sees them, so all hold the same weights at any
time, and the same as one process with the larger batch.
"""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn

from spectrack.errors import InputError

PATIENCE_S = 10
"""How long a process that is done waits for the others before it closes the connection."""


@dataclass(frozen=True)
class Team:
    """The processes of a run, seen from one of them.

    Args:
        rank: Number of this process, from 0.
        size: How many there are.
        device: Where this one computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and speaks for all."""
        return self.rank == 0

    def wait(self) -> None:
        """Go on when all are here."""
        if self.size > 1:
            distributed.barrier()

    def tell(self, value: Any) -> Any:
        """The value of the leading process, in all of them."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def align(self, model: nn.Module) -> None:
        """Give all the weights and buffers of the leading process."""
        if self.size > 1:
            for tensor in model.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def add_up(self, parameters: list[nn.Parameter], numbers: list[float]) -> list[float]:
        """Sum gradients, in place, and some numbers over all processes.

        Args:
            parameters: In the same order everywhere; one may lack a gradient in some processes
                or in all.
            numbers: As many everywhere.

        Returns:
            The sums of the numbers.
        """
        if self.size == 1:
            return numbers
        has = [float(p.grad is not None) for p in parameters]
        sums = torch.tensor(numbers + has, dtype=torch.float64, device=self.device)
        distributed.all_reduce(sums)
        first, rest = sums[: len(numbers)].tolist(), sums[len(numbers) :].tolist()
        used = [p for p, count in zip(parameters, rest, strict=True) if count > 0]
        for parameter in used:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for kind in {p.dtype for p in used}:
            gradients = [p.grad for p in used if p.dtype == kind and p.grad is not None]
            flat = torch.cat([g.reshape(-1) for g in gradients])
            distributed.all_reduce(flat)
            parts = flat.split([g.numel() for g in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        return first


def join(device: str) -> Team:
    """Join the other processes of ``torchrun``, or be alone.

    The connection, gloo on CPU and nccl on CUDA, is opened by the first call, unless the caller
    has opened one, and stays for further runs until the process ends.

    Args:
        device: As in :class:`~spectrack.training.loop.settings.TrainSettings`; under ``torchrun``
            each process takes its own CUDA device.

    Returns:
        The team.

    Raises:
        InputError: There is no such device.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team(0, 1, choose_device(device))
    chosen = choose_device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if not distributed.is_initialized():
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
        # Not after each run: while one process still writes, another might open the next.
        atexit.register(_leave)
    return Team(distributed.get_rank(), distributed.get_world_size(), chosen)


def _leave() -> None:
    """Close the connection when all are ready to: one that goes first can take others down."""
    if distributed.get_backend() == "gloo":
        with suppress(RuntimeError):  # another has died, or does not come
            distributed.monitored_barrier(timeout=timedelta(seconds=PATIENCE_S))
    distributed.destroy_process_group()


def choose_device(name: str, local_rank: int | None = None) -> torch.device:
    """The device that a name means on this machine.

    Args:
        name: "auto", "cpu", "cuda" or "cuda:N".
        local_rank: Number of this process on the machine where there are several.

    Returns:
        The device; CUDA always with a number.

    Raises:
        InputError: The name is unknown, or there is no such device here.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not there):
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if name != "auto" and (kind != "cuda" or (":" in name and not number.isdigit())):
        raise InputError(f"device is {name!r}; give auto, cpu, cuda or cuda:N.")
    index = int(number) if number else (local_rank or 0)
    if index >= there:
        raise InputError(
            f"device {name!r} asks for CUDA device {index} and this machine has {there}; "
            "give cpu or auto."
        )
    return torch.device("cuda", index)

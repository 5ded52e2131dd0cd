"""Which samples a step sees, and its random numbers: functions of the seed and the place alone.

So a run needs no stored random state to go on exactly: the place is enough, on any device and with
any number of loading processes.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

_ORDER, _SAMPLE, _STEP, _VALIDATION = range(4)


class Samples(Protocol):
    """Anything with a length and samples by number: a torch data set, or a list.

    What it draws at random must come from the global generators of torch, numpy or Python; they
    are seeded for every sample.
    """

    def __len__(self) -> int:
        """Number of samples."""

    def __getitem__(self, index: int, /) -> Any:
        """One sample."""


def epoch_order(samples: int, seed: int, epoch: int) -> list[int]:
    """The order of all samples in an epoch.

    Args:
        samples: How many there are.
        seed: Of the run.
        epoch: Counted from 0.

    Returns:
        A permutation of ``range(samples)``.
    """
    words = np.random.SeedSequence((seed, _ORDER, epoch)).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(words[0]))
    return torch.randperm(samples, generator=generator).tolist()


def step_batches(
    order: list[int], batch_size: int, accumulate: int, rank: int, processes: int
) -> list[list[list[int]]]:
    """The batches of one process in every step of an epoch.

    The processes share each step evenly; the last step of an epoch may be short, and then the
    last processes may have nothing to do.

    Args:
        order: All samples in the epoch's order.
        batch_size: Samples in a batch, at most.
        accumulate: Batches in a step, for each process.
        rank: Of this process.
        processes: How many there are.

    Returns:
        For each step a list of batches, each a list of sample numbers.
    """
    whole = batch_size * accumulate * processes
    steps = []
    for first in range(0, len(order), whole):
        step = order[first : first + whole]
        share = -(-len(step) // processes)
        mine = step[rank * share : (rank + 1) * share]
        steps.append([mine[i : i + batch_size] for i in range(0, len(mine), batch_size)])
    return steps


def seed_step(seed: int, epoch: int, step: int, rank: int, batch: int) -> None:
    """Seed all global generators for one forward pass."""
    _seed_all(seed, _STEP, epoch, step, rank, batch)


def seed_validation(seed: int, epoch: int) -> None:
    """Seed all global generators for the validation after an epoch."""
    _seed_all(seed, _VALIDATION, epoch)


def _seed_all(*key: int) -> None:
    words = [int(w) for w in np.random.SeedSequence(key).generate_state(3, np.uint32)]
    # Not torch.manual_seed: where CUDA is absent it takes most of a millisecond.
    torch.default_generator.manual_seed(words[0])
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(words[0])
    random.seed(words[1])
    np.random.seed(words[2])  # noqa: NPY002 - augmentations out there draw from it


@contextmanager
def kept_randomness(device: torch.device) -> Iterator[None]:
    """Give the caller's global generators back as they were."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - as above
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002 - as above


class _Seeded(Dataset[Any]):
    """Samples of one epoch, each drawn with its own seed."""

    def __init__(self, samples: Samples, seed: int, epoch: int) -> None:
        self._samples, self._seed, self._epoch = samples, seed, epoch

    def __getitem__(self, index: int) -> Any:
        _seed_all(self._seed, _SAMPLE, self._epoch, index)
        return self._samples[index]


def load_batches(
    samples: Samples,
    batches: list[list[int]],
    *,
    seed: int,
    epoch: int,
    workers: int,
    collate: Callable[[list[Any]], Any] | None,
    device: torch.device,
) -> Iterator[Any]:
    """Batches in their order, on the device.

    Args:
        samples: Where they come from.
        batches: Sample numbers of each batch.
        seed: Of the run.
        epoch: Counted from 0; samples may be drawn anew in each.
        workers: Processes that load; 0 loads in this one.
        collate: Makes a batch of a list of samples; None stacks tensors as torch does.
        device: Where the tensors of a batch go.

    Yields:
        One batch after the other.
    """
    loader = DataLoader(
        _Seeded(samples, seed, epoch),
        batch_sampler=cast(Any, batches),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_deaf if workers else None,
        # Otherwise the loader would draw from the global generator, once an epoch.
        generator=torch.Generator(),
    )
    for batch in loader:
        yield _moved(batch, device)


def _deaf(worker: int) -> None:
    """A loading process leaves Ctrl-C to its parent, which finishes the step first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _moved(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {name: _moved(part, device) for name, part in batch.items()}
    if isinstance(batch, list):
        return [_moved(part, device) for part in batch]
    if isinstance(batch, tuple):
        parts = [_moved(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    return batch

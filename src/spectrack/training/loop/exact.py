"""What exact resume needs of the arithmetic: the same kernels, on as many threads as before.

A sum over floats depends on the order of its terms. On a CPU it is lost in two ways: some of
torch's gradients (of ``x[index]`` with repeated indices) let threads add to the same place as they
come, so that the machine's load decides; and reductions are split into as many parts as there are
threads. The first is ruled out by torch's deterministic algorithms, the second by keeping the
number of threads with the run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exact_arithmetic(device: torch.device) -> Iterator[None]:
    """Within this, the same operations on a CPU give the same bits; afterwards all is as before.

    An operation of torch that has no such form warns. The number of threads may be changed inside.

    Args:
        device: Where the run computes; elsewhere than on a CPU nothing is changed.
    """
    if device.type != "cpu":
        yield
        return
    memory: Any = torch.utils.deterministic
    threads, filled = torch.get_num_threads(), memory.fill_uninitialized_memory
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory.fill_uninitialized_memory = False  # nothing reads it, and filling takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        memory.fill_uninitialized_memory = filled
        use_threads(threads)


def use_threads(count: int) -> None:
    """Let torch compute on so many threads; 0 leaves it as it is."""
    if count and count != torch.get_num_threads():
        torch.set_num_threads(count)


def settle_threads() -> None:
    """Let numba use as many threads as torch, where nothing was said of numba's.

    Numba sets the thread count of OpenMP when its first loop starts, and torch reads it: where the
    two differ (processors that run two threads each), what is learned before that loop and after
    it would differ in its last bits, and a run that goes on may not need the loop. Call it before
    numba is imported; later it does nothing.
    """
    if "numba" not in sys.modules:
        os.environ.setdefault("NUMBA_NUM_THREADS", str(torch.get_num_threads()))

"""The threads that share the work of a step on a CPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from spectrack.threads import processors


def share_thread_limit() -> None:
    """Let OMP_NUM_THREADS limit numba's loops too, where NUMBA_NUM_THREADS is not set.

    Numba sets the thread count of OpenMP, which torch reads: left alone, the first compiled loop
    would lift a limit that was meant for torch, and a training that goes on in a process without
    such a loop would differ in its last bits. Numba reads its limit when it is first imported;
    where that has happened, it stays as it is.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if limit.isdigit() and int(limit) > 0 and "numba" not in sys.modules:
        os.environ.setdefault("NUMBA_NUM_THREADS", str(min(int(limit), processors())))


def thread_count() -> int:
    """Threads that the filter uses: NUMBA_NUM_THREADS, or the processors allowed."""
    asked = os.environ.get("NUMBA_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return processors()


def run_parallel(task: Callable[[int], None], count: int, threads: int) -> None:
    """Call ``task(0)`` to ``task(count - 1)`` on several threads and wait for all."""
    if threads == 1 or count == 1:
        for number in range(count):
            task(number)
        return
    for _ in _pool(threads, os.getpid()).map(task, range(count)):
        continue


@lru_cache(maxsize=1)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    # The compiled functions and torch's release the interpreter, so plain threads run side by side;
    # they work from any thread of the caller. A forked process gets its own.
    return ThreadPoolExecutor(threads, thread_name_prefix="spectral")

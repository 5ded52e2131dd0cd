"""The threads that share the work of a step on a CPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache


def thread_count() -> int:
    """Threads that the filter uses: the processors allowed, or NUMBA_NUM_THREADS."""
    asked = os.environ.get("NUMBA_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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

"""Worker processes that do jobs side by side and never outlive the command that started them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from spectrack.errors import InputError
from spectrack.processes import die_with_parent

In = TypeVar("In")
Out = TypeVar("Out")

GRACE_S = 1.0
"""Seconds that workers have to end after being told to; then they are killed."""


def each(
    work: Callable[[In], Out],
    jobs: Mapping[str, In],
    workers: int,
    threads: int | None = None,
    more: Callable[[Out], Mapping[str, In]] = lambda outcome: {},
) -> Generator[tuple[str, Out]]:
    """Do jobs in worker processes and give each outcome as it is ready.

    After an error or Ctrl-C no worker is left, ``GRACE_S`` seconds later at the latest.

    Args:
        work: What is done with a job, a function of a module.
        jobs: Name to job; both go to the workers by pickle.
        workers: How many at a time.
        threads: Of each worker; they share the cores where left out.
        more: Further jobs that an outcome asks for; called in this process.

    Yields:
        The name of a job, and what ``work`` gave.

    Raises:
        InputError: If a worker died.
    """
    if threads is None:
        threads = max(1, (os.cpu_count() or 1) // workers)
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_become_worker, initargs=(threads,)
    )
    running: dict[Future[Out], str] = {}

    def submit(jobs: Mapping[str, In]) -> None:
        with _ctrl_c_later():
            for name, job in jobs.items():
                running[pool.submit(_work_to_the_end, work, job)] = name

    try:
        submit(jobs)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, outcome = running.pop(future), future.result()
                submit(more(outcome))
                yield name, outcome
    except BrokenProcessPool as error:
        _stop(pool)
        raise InputError(
            "a worker process died, as it does when memory runs out; what is finished is kept, "
            "start again with fewer --jobs"
        ) from error
    except BaseException:
        _stop(pool)
        raise
    pool.shutdown()


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Hold Ctrl-C back while workers are started.

    They inherit that, so it never reaches them, not even while Python starts: the terminal sends it
    to all processes, and the parent alone is to act on it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers: those that do not listen, because they compute, are killed."""
    # Only the pool knows which they are: other threads may have started children meanwhile.
    children = list(pool._processes.values())
    pool.shutdown(wait=False, cancel_futures=True)
    for child in children:
        child.terminate()
    deadline = time.monotonic() + GRACE_S
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
    for child in children:
        if child.is_alive():
            child.kill()
        child.join()


def _become_worker(threads: int) -> None:
    """Die with the parent, share the cores, and leave Ctrl-C to the parent, which tells us."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # There is nothing to tidy up yet, and the pool would report an exit from here as an error.
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    limit_threads(threads)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def limit_threads(threads: int) -> None:
    """Let this process compute with so many threads, and those it starts.

    Args:
        threads: How many, >= 1.
    """
    # Read when the heavy modules are loaded; those that are there already are told.
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    import cv2

    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "numba" in sys.modules:
        numba = sys.modules["numba"]
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))


def _work_to_the_end(work: Callable[[In], Out], job: In) -> Out:
    """Do a job; a worker told to stop ends, where the pool would give it the next job."""
    try:
        return work(job)
    except SystemExit as stop:
        os._exit(stop.code if isinstance(stop.code, int) else 1)

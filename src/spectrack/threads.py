"""Threads that do not wait for each other: one a job, short loops and small networks on one.

Threads that share a small loop meet at its end. Beside busy programs one of them may wait there,
spinning, until the other gets a processor. Jobs that share nothing meet once, when all are done.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

Out = TypeVar("Out")
P = ParamSpec("P")

SHORT = 4_000_000
"""Numbers that a compiled loop reads below which a second thread is not worth its while."""

_LOCAL = threading.local()
_BEGINNING = threading.Lock()


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def loops_on_one_thread() -> Iterator[None]:
    """Within this, numba's loops called from this thread use no other.

    For short loops beside busy programs: waiting for a thread that does not get a processor takes
    more than it saves, while alone one thread costs a millisecond or two a frame
    (``benchmarks/many_objects.py``). The numbers stay the same where a loop splits its sums into
    fixed parts, as those of mixing do.
    """
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def threads_for(numbers: int) -> AbstractContextManager[None]:
    """As many threads as are worth it for compiled loops that read so many numbers.

    One where they are few, or where this process may use a single processor by now: numba counts
    processors only when it is loaded.
    """
    short = numbers < SHORT or processors() == 1
    return loops_on_one_thread() if short else nullcontext()


def beside_others() -> bool:
    """Whether this is a thread of :func:`side_by_side`, which should start no further ones."""
    return getattr(_LOCAL, "share", 0) > 0


def on_one_processor(function: Callable[P, Out]) -> Callable[P, Out]:
    """A function that computes with one processor, whoever calls it.

    For networks so small that waking a second thread in every layer takes longer than what it
    saves, as MobileNets in crops of 256 pixels; and another processor is free meanwhile.

    Args:
        function: Called on a thread of :func:`side_by_side`, so what is kept for each thread by
            itself, as torch's inference mode, is for it to set.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Out:
        if processors() == 1 or getattr(_LOCAL, "share", 0) == 1:
            return function(*args, **kwargs)
        return _pool(processors(), os.getpid()).submit(function, *args, **kwargs).result()

    return call


def side_by_side(jobs: Sequence[Callable[[], Out]]) -> list[Out]:
    """Do jobs that share nothing at the same time, each on a thread of its own.

    There are as many threads as processors at most, and each computes with its share of them: torch
    and numba start no more. A job that is given by another one is done on that one's thread.

    Args:
        jobs: Functions without arguments.

    Returns:
        What they return, in their order.

    Raises:
        BaseException: Of the first job that raised, when all have ended.
    """
    threads = min(processors(), len(jobs))
    if threads < 2 or beside_others():
        return [job() for job in jobs]
    pool = _pool(threads, os.getpid())
    futures: list[Future[Out]] = [pool.submit(job) for job in jobs]
    for future in futures:
        future.exception()  # waits
    return [future.result() for future in futures]


def meanwhile(job: Callable[[], None]) -> Callable[[], None]:
    """Begin a job that only something later reads the outcome of.

    It is done at once where no processor is free for it: with one, or on a thread of
    :func:`side_by_side`.

    Returns:
        To be called before the outcome is read, from any thread: waits until the job has ended, and
        raises what it raised.
    """
    if processors() == 1 or beside_others():
        job()
        return lambda: None
    return _pool(processors(), os.getpid()).submit(job).result


@lru_cache(maxsize=4)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    # A forked process gets its own.
    share = max(1, processors() // threads)
    everybody = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else 0
    return ThreadPoolExecutor(threads, "beside", _begin, (share, everybody))


def _begin(share: int, everybody: int) -> None:
    """A thread's beginning: it computes with so many processors; ``everybody`` else as before."""
    _LOCAL.share = share
    with _BEGINNING:
        if "numba" in sys.modules:  # first: numba's own beginning sets torch's number, too
            numba = sys.modules["numba"]
            numba.set_num_threads(min(share, numba.config.NUMBA_NUM_THREADS))
        if "torch" in sys.modules:
            torch = sys.modules["torch"]
            # A thread takes the number of threads yet to come when it first needs one, even if it
            # has been told another one before: so it asks first.
            torch.get_num_threads()
            torch.set_num_threads(share)  # of this thread, and of threads yet to come:
            _restore(everybody or processors())


def _restore(threads: int) -> None:
    """Let threads yet to come compute with so many processors as before."""
    setter = threading.Thread(target=sys.modules["torch"].set_num_threads, args=(threads,))
    setter.start()
    setter.join()

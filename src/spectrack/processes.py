"""Processes that end with the one that started them, and that may not take all memory.

A worker dies with its parent, even when that is killed by ``kill -9``: at once on Linux, where the
kernel is asked to see to it, and elsewhere when a thread sees the parent's end of a pipe close.
Linux tells of the end of a thread, the one that started the worker: where that is not the parent's
main thread, which lasts as long as the parent, the pipe alone is watched.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from multiprocessing import parent_process

PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process gets when the thread that started it ends."""


def die_with_parent() -> None:
    """See to it that this process ends when its parent does."""
    _ask_kernel()
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()  # waits for a pipe of which the parent alone has the other end
        os._exit(1)

    threading.Thread(target=watch, name="spectrack-parent", daemon=True).start()


def limit_memory(limit_bytes: int) -> bool:
    """Let this process have no more than so many bytes of memory beside what it has already.

    Where that is reached, allocating fails: Python raises ``MemoryError``.

    Args:
        limit_bytes: Bytes of address space, > 0, beside those that are mapped now.

    Returns:
        Whether the system knows such a limit; Windows does not.
    """
    if sys.platform == "win32":
        return False
    import resource

    limit = _mapped_bytes() + limit_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    return True


def _mapped_bytes() -> int:
    """Address space of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as handle:
            return int(handle.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _ask_kernel() -> None:
    """Let Linux kill this process when its parent dies; it works while we compute, too."""
    if sys.platform == "linux" and _child_of_main_thread():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _child_of_main_thread() -> bool:
    """Whether the main thread of the parent started this process; False where nobody knows."""
    parent = os.getppid()
    try:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as handle:
            return str(os.getpid()) in handle.read().split()
    except OSError:
        return False

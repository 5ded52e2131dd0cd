"""Memory that a training step gives back is kept for the next one."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Numbers of glibc's ``mallopt``."""
KEPT = 2**31 - 1
"""Bytes at the end of the heap that are kept free, the most that ``mallopt`` takes."""


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, from now on.

    glibc asks the system for every block above 32 MiB anew and gives it back when it is freed. The
    activations of a step are such blocks, and having each of their pages cleared again in each step
    took up to six tenths of a step on a CPU. Without that a step's memory comes from the heap and
    stays there. Blocks of many sizes leave gaps: the peak may grow by what one step takes.

    Returns:
        Whether the C library was told; others than glibc are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_MAX, 0)) and bool(mallopt(TRIM_THRESHOLD, KEPT))

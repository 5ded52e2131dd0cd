"""Memory that a computation gives back is kept for the next one.

glibc gives large blocks back to the system as soon as they are freed, and each of their pages must
be cleared anew when the next computation asks for them. On a virtual machine that may take longer
than to compute the numbers in them.
"""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Numbers of glibc's ``mallopt``."""
LARGEST = 2**25
"""Bytes of the largest block that glibc takes from its heap where others come from the system."""
KEPT_ACTIVATIONS = 2**28
"""Bytes at the end of the heap that are kept free for the next picture."""
KEPT = 2**31 - 1
"""The same for the next step of a training, the most that ``mallopt`` takes."""

_told_once: set[tuple[int, int]] = set()


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, from now on: for training.

    glibc asks the system for every block above 32 MiB anew and gives it back when it is freed. The
    activations of a step are such blocks, and having each of their pages cleared again in each step
    took up to six tenths of a step on a CPU. Without that a step's memory comes from the heap and
    stays there. Blocks of many sizes leave gaps: the peak may grow by what one step takes.

    Returns:
        Whether the C library was told; others than glibc are left as they are.
    """
    return _told((MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT))


def keep_activations() -> bool:
    """Let this process keep up to 256 MiB that it frees, from now on: for networks at work.

    Their maps are blocks of a few megabytes, of which glibc keeps some and gives others back,
    depending on what was freed before. Larger blocks than 32 MiB are given back as ever.

    Returns:
        Whether the C library was told; others than glibc are left as they are.
    """
    if (TRIM_THRESHOLD, KEPT) in _told_once:
        return True  # more is kept already
    return _told((MMAP_THRESHOLD, LARGEST), (TRIM_THRESHOLD, KEPT_ACTIVATIONS))


def _told(*choices: tuple[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not all(bool(mallopt(*choice)) for choice in choices):
        return False
    _told_once.update(choices)
    return True

"""Blocks that a step frees and the next one asks for are there already."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKS = """
import resource, torch
from spectrack.training.loop.allocation import keep_freed_memory
kept = {keep} and keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        step = [torch.ones(40 << 18) for _ in range(6)]  # 40 MiB each, 61,440 pages together
        del step
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(int(kept), faults(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_blocks_that_come_again_are_there_already():
    found, most = {}, {}
    for keep in (False, True):
        code = BLOCKS.format(keep=keep)
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        kept, found[keep], most[keep] = map(int, told.stdout.split())
        if keep and not kept:
            pytest.skip("the C library has no mallopt")
    assert found[False] >= 4 * 61_440
    assert found[True] < found[False] / 3
    assert most[True] < most[False] + 7 * 40 * 1024  # KiB: at most the step once more

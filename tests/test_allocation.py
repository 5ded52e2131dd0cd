"""Blocks that a computation frees and the next one asks for are there already."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKS = """
import resource, torch
from spectrack.allocation import {verb}
kept = {keep} and {verb}()
def step():
    return [torch.ones(40 << 18) for _ in range(6)]
def picture():
    for mebibytes in (12, 12, 3, 6, 3, 1, 24, 2):
        x = torch.ones(mebibytes << 18)
        y = x + 1
        z = y * 2
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        {work}()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(int(kept), faults(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")


def told(code: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return [int(word) for word in done.stdout.split()]


@linux
@pytest.mark.parametrize(
    ("verb", "work", "mebibytes"),
    [("keep_freed_memory", "step", 240), ("keep_activations", "picture", 24)],
)
def test_blocks_that_come_again_are_there_already(verb, work, mebibytes):
    found, most = {}, {}
    for keep in (False, True):
        kept, found[keep], most[keep] = told(BLOCKS.format(verb=verb, keep=keep, work=work))
        if keep and not kept:
            pytest.skip("the C library has no mallopt")
    assert found[False] >= 2 * mebibytes * 256  # pages
    assert found[True] < found[False] / 3
    assert most[True] < most[False] + 6 * mebibytes * 1024  # KiB


@linux
def test_a_network_at_work_does_not_take_memory_from_a_training():
    code = """
from spectrack import allocation
calls = []
class Library:
    def mallopt(self, *choice):
        calls.append(choice)
        return 1
allocation.ctypes.CDLL = lambda name: Library()
first, then = allocation.keep_freed_memory(), allocation.keep_activations()
print(int(first), int(then), len(calls), dict(calls)[allocation.TRIM_THRESHOLD])
"""
    assert told(code) == [1, 1, 2, 2**31 - 1]

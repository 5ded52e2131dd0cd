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


def twice(verb: str, work: str) -> tuple[list[int], list[int]]:
    """Faults and the peak in KiB, without and with the verb."""
    found = [told(BLOCKS.format(verb=verb, keep=keep, work=work)) for keep in (False, True)]
    if not found[1][0]:
        pytest.skip("the C library has no mallopt")
    return found[0][1:], found[1][1:]


@linux
def test_blocks_of_a_training_are_there_already():
    (faults, most), (kept, most_kept) = twice("keep_freed_memory", "step")
    assert faults >= 4 * 61_440
    assert kept < faults / 3
    assert most_kept < most + 7 * 40 * 1024  # KiB: at most the step once more


@linux
def test_blocks_of_pictures_are_there_already():
    """Without it some are, too: how many depends on what was freed before."""
    (faults, most), (kept, most_kept) = twice("keep_activations", "picture")
    touched = 4 * 3 * 63 * 256  # pages of all blocks
    assert kept < 0.01 * touched
    assert faults > 2 * kept
    assert most_kept < most + 6 * 24 * 1024  # KiB


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

"""Blocks that a computation frees and the next one asks for are there already."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKS = """
import resource, torch
from {module} import {verb}
kept = {keep} and {verb}()
there = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 10
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
{work}
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
rounds = [faults() for _ in range({rounds})]
print(int(kept), there, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, *rounds)
"""
STEP = """
        step = [torch.ones(40 << 18) for _ in range(6)]  # 40 MiB each, 61,440 pages together
        del step
"""
PICTURE = """
        for mebibytes in (12, 12, 3, 6, 3, 1, 24, 2):  # 48,384 pages together
            x = torch.ones(mebibytes << 18)
            y = x + 1
            z = y * 2
"""
PAGE = 4  # KiB
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")


def told(code: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return [int(word) for word in done.stdout.split()]


def runs(module: str, verb: str, work: str, rounds: int, count: int) -> list[list[list[int]]]:
    """Of so many processes without and with the verb: KiB before, at the peak; faults by round."""
    found = []
    for keep in (False, True):
        code = BLOCKS.format(module=module, verb=verb, keep=keep, work=work, rounds=rounds)
        each = [told(code) for _ in range(count)]
        if keep and not each[0][0]:
            pytest.skip("the C library has no mallopt")
        found.append([one[1:] for one in each])
    return found


@linux
def test_blocks_of_a_training_are_there_already():
    [(_, most, _, faults)], [(_, most_kept, _, kept)] = runs(
        "spectrack.training.loop.trainer", "keep_freed_memory", STEP, 2, 1
    )
    assert faults >= 4 * 61_440
    assert kept < faults / 3
    assert most_kept < most + 7 * 40 * 1024  # KiB: at most the step once more


@linux
def test_blocks_of_pictures_are_there_already():
    """The system clears each page of the heap once, in whichever round the heap comes to need it.

    How far the heap grows, and when, depends on where it begins.
    """
    given_back, kept = runs("spectrack.networks.folding", "keep_activations", PICTURE, 16, 3)
    for before, peak, *faults in kept:
        assert sum(faults) < (peak - before) / PAGE + 1024  # 4 MiB more: the system counts roughly
        assert peak < max(most for _, most, *_ in given_back) + 6 * 24 * 1024
    faults, faults_kept = (
        sum(sum(faults) for _, _, *faults in each) for each in (given_back, kept)
    )
    assert 10 * faults_kept < faults


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

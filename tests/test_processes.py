"""The limit on memory, seen from a process that runs into it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from spectrack.processes import limit_memory
assert limit_memory(200 << 20)
kept = bytearray(100 << 20)
try:
    more = bytearray(400 << 20)
except MemoryError:
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_process_gets_no_more_memory_than_it_may_have():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout.strip() == "refused", done.stderr

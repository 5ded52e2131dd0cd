"""Limits on threads hold in every library, and whatever was computed before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np, torch
before = torch.get_num_threads()
from spectrack.spectral.sfseg.kernels.threads import thread_count
from spectrack.spectral.mixing.mixing import agreement
agreement(np.zeros((3, 50, 50), np.uint8), np.ones(3, bool))  # a compiled parallel loop
print(before, torch.get_num_threads(), thread_count())
"""


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"OMP_NUM_THREADS": "1"}, ["1", "1", "1"]),
        ({"OMP_NUM_THREADS": "1,2"}, ["1", "1", "1"]),
        ({"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, ["1", "1", "1"]),
    ],
)
def test_a_compiled_loop_leaves_torch_its_limit(limits: dict[str, str], expected: list[str]):
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**clean, **limits},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == expected

"""The kernels compile for a GPU that is not there, and the benchmark for one runs at first try."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton is not installed; pip install triton")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(script, *flags):
    command = [sys.executable, str(BENCHMARKS / script), *flags]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=800, env={**os.environ}, check=False
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the compiler for GPUs comes for Linux")
@pytest.mark.parametrize(
    "kernel", ["step paper taylor float32", "guided sweep, masks: 3", "guided affinities"]
)
def test_kernels_compile_without_a_gpu(kernel):
    done = run("gpu_compile.py", "--only", kernel)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kernel"] == kernel
    assert 0 < found["registers"] <= 255
    # A program has to fit into the shared memory of the smallest GPU it is meant for, and its
    # registers must not run over by more than a few hundred bytes.
    assert found["shared_bytes"] <= 99 * 1024
    assert found["spilled_bytes"] < 512


def test_the_benchmark_runs_in_the_interpreter(tmp_path):
    done = run("gpu.py", "--quick", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    values = json.loads((tmp_path / "gpu.json").read_text())
    exact = [r["largest_difference"] for r in values["agreement"] if r["storage"] == "float32"]
    assert exact
    assert max(exact) < 1e-5
    assert {r["storage"] for r in values["steps"]} > {"float32", "float16", "bfloat16"}
    assert values["refining"]["share_of_pixels_apart"] < 0.01
    assert all("left_out" not in row for row in values["scaling"])
    assert "| paper taylor |" in (tmp_path / "gpu.md").read_text()


def test_without_a_gpu_the_benchmark_says_so():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    done = run("gpu.py")
    assert done.returncode == 2
    assert "--quick" in done.stderr

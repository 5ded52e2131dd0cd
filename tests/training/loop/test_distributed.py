"""Two real processes that talk over gloo: the same weights as one with the double batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import tiny_run
from processes import PATIENCE_S
from spectrack.training.loop.distributed import choose_device

TINY = Path(tiny_run.__file__)
# Nine samples in steps of four: the last step of an epoch leaves one process without a sample.
FIELDS = {"plain": True, "count": 9, "batch_size": 2, "learning_rate": 0.05, "clip": 1.0}


def run_two(*runs):
    """One run after the other, each a folder and more fields, in the same two processes."""
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = [str(part) for folder, more in runs for part in (folder, json.dumps(FIELDS | more))]
    path = os.pathsep.join([str(TINY.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *two, str(TINY), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr


def test_two_processes_are_one_with_the_double_batch_also_when_stopped(tmp_path):
    whole, stopped, before = tmp_path / "two", tmp_path / "stopped", tmp_path / "before"
    # Ctrl-C comes in the second process alone, in its fourth batch: the second step of an epoch
    # in which it has but two.
    run_two((whole, {}), (stopped, {"press_at": 4}), (before, {"press_at": 4}), (stopped, {}))
    state = torch.load(before / "resume.pt", weights_only=True)["state"]
    assert (state["epoch"], state["done"], state["step"]) == (1, 2, 5)
    two = load_file(whole / "last.safetensors")
    assert (stopped / "last.safetensors").read_bytes() == (whole / "last.safetensors").read_bytes()

    single = tiny_run.run(tmp_path / "one", **FIELDS | {"batch_size": 4})
    one = load_file(tmp_path / "one" / "last.safetensors")
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-5, atol=1e-6)
    log = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if line["kind"] == "step"] == list(range(1, 10))
    losses = [line["loss"] for line in log if line["kind"] == "epoch"]
    assert losses == pytest.approx([line["loss"] for line in single.history], rel=1e-5)
    assert json.loads((whole / "settings.json").read_text())["processes"] == 2


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto") == torch.device(expected)

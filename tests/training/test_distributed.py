"""Two real processes that talk over gloo: the same weights as one with the double batch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_run
import torch
from safetensors.torch import load_file

from spectrack.training.distributed import choose_device

TINY = Path(tiny_run.__file__)
# Nine samples in steps of four: the last step of an epoch leaves one process without a sample.
FIELDS = {"plain": True, "count": 9, "batch_size": 2, "learning_rate": 0.05, "clip": 1.0}


def start_two(folder, **fields):
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [sys.executable, *two, str(TINY), str(folder), json.dumps(FIELDS | fields)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TINY.parent), "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def finish(process):
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said


def test_two_processes_are_one_with_the_double_batch_also_after_a_kill(tmp_path):
    both = start_two(tmp_path / "two"), start_two(tmp_path / "killed", slow=0.05)
    for line in both[1].stdout:
        if int(line) >= 4:
            break
    os.killpg(both[1].pid, signal.SIGKILL)
    both[1].communicate()
    again = start_two(tmp_path / "killed")
    finish(both[0])
    finish(again)
    two = load_file(tmp_path / "two" / "last.safetensors")
    killed = load_file(tmp_path / "killed" / "last.safetensors")
    assert all(torch.equal(two[name], killed[name]) for name in two)

    single = tiny_run.run(tmp_path / "one", **FIELDS | {"batch_size": 4})
    one = load_file(tmp_path / "one" / "last.safetensors")
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-5, atol=1e-6)
    log = [json.loads(x) for x in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if line["kind"] == "step"] == list(range(1, 10))
    losses = [line["loss"] for line in log if line["kind"] == "epoch"]
    assert losses == pytest.approx([line["loss"] for line in single.history], rel=1e-5)
    assert json.loads((tmp_path / "two" / "settings.json").read_text())["processes"] == 2


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto") == torch.device(expected)

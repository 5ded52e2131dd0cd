"""Ctrl-C and kill: files are closed cleanly, the status says so, and a run goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import slow_main
from spectrack.tracks import Track

SLOW = [sys.executable, str(Path(slow_main.__file__))]


def start(*args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SLOW, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(slow_main.__file__).parent)},
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "kill"]
)
def test_track_leaves_nothing_behind(tmp_path, frames_folder, clip_box, number, status):
    out = tmp_path / "deep" / "out"
    process = start("track", frames_folder, "--box", clip_box, "--tracker", "slow", "--out", out)
    wait_for(out / ".part", process)
    process.send_signal(number)
    said = process.communicate(timeout=60)
    assert process.returncode == status, said
    assert "Traceback" not in said[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_refine_many_keeps_what_is_finished(tmp_path, frames_folder, truth_folder, jobs):
    for name in ("a", "b1", "b2"):
        shutil.copytree(frames_folder, tmp_path / "videos" / name)
        shutil.copytree(truth_folder, tmp_path / "masks" / name)
    out = tmp_path / "out"
    command = ["refine", tmp_path / "masks", "--video", tmp_path / "videos", "--out", out]
    command += ["--no-overlay", "--preset", "slow"]
    process = start(*command, "--jobs", jobs)
    wait_for(out / "a" / "track.json", process)
    wait_for(out / "b1" / ".part", process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said[1]
    left = sorted(p.name for p in out.iterdir())
    # With several at a time another one may have been finished by then; none is left half done.
    assert left in ([["a"]] if jobs == 1 else [["a"], ["a", "b2"]])
    assert all(len(Track.load(out / name)) == 10 for name in left)
    for name in {"b1", "b2"} - set(left):
        shutil.rmtree(tmp_path / "masks" / name)
    again = json.loads(start(*command, "--json").communicate(timeout=60)[0])
    assert again["kept"] == left
    assert again["done"] == []
    other = start(*command[:-1], "published")
    assert "was made with preset slow, not published" in other.communicate(timeout=60)[1]
    assert other.returncode == 2


def test_refine_many_two_at_a_time(tmp_path, frames_folder, truth_folder, spectrack):
    for name in ("a", "b"):
        shutil.copytree(frames_folder, tmp_path / "videos" / name)
        shutil.copytree(truth_folder, tmp_path / "masks" / name)
    places = ["--video", tmp_path / "videos", "--out", tmp_path / "out", "--no-overlay"]
    ran = spectrack("refine", tmp_path / "masks", *places, "--preset", "published", "--jobs", 2)
    assert ran.status == 0, ran
    assert "2 sequences refined" in ran.out
    a, b = (Track.load(tmp_path / "out" / name) for name in ("a", "b"))
    assert (a.masks_thw() == b.masks_thw()).all()
    assert a.info["preset"] == "published"

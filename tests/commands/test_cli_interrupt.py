"""Ctrl-C and kill: files are closed cleanly, the status says so, and a run goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from processes import ended, wait_until
from spectrack.tracks import Track

SLOW_MAIN = Path(__file__).resolve().parents[1] / "helpers" / "slow_main.py"

SLOW = [sys.executable, str(SLOW_MAIN)]
PATH = os.pathsep.join([str(SLOW_MAIN.parent), os.environ.get("PYTHONPATH", "")])


def start(*args: object, **env: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SLOW, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": PATH, **{name: str(value) for name, value in env.items()}},
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    wait_until(path.exists, str(path), process)


def wait_until_dead(pid: int) -> None:
    wait_until(lambda: not is_alive(pid), f"the end of process {pid}")


def wait_for_workers(pids: Path, names: set[str], process: subprocess.Popen[str]) -> set[int]:
    """Wait until the sequences of these names are being refined; the processes that do it."""

    def begun() -> dict[str, int]:
        return {p.name.split("-")[0]: int(p.name.split("-")[1]) for p in pids.iterdir()}

    wait_until(lambda: names <= set(begun()), f"work on {names}", process)
    return {process for name, process in begun().items() if name in names}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")  # in a container nobody may bury the dead
        return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
    except (ProcessLookupError, FileNotFoundError):
        return False


def three_sequences(tmp_path: Path, frames: Path, masks: Path) -> list[object]:
    """Three sequences of which the last two are slow, and the command that refines them."""
    for name in ("a", "b1", "b2"):
        shutil.copytree(frames, tmp_path / "videos" / name)
        shutil.copytree(masks, tmp_path / "masks" / name)
    command = ["refine", tmp_path / "masks", "--video", tmp_path / "videos"]
    return [*command, "--out", tmp_path / "out", "--no-overlay", "--preset", "slow"]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "kill"]
)
def test_track_leaves_nothing_behind(tmp_path, frames_folder, clip_box, number, status):
    out = tmp_path / "deep" / "out"
    command = ("track", frames_folder, "--box", clip_box, "--tracker", "slow", "--out", out)
    process = start(*command, SLOW_SECONDS=600)
    wait_for(out / ".part", process)
    process.send_signal(number)
    said = ended(process)
    assert process.returncode == status, said
    assert "Traceback" not in said[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_refine_many_keeps_what_is_finished(tmp_path, frames_folder, truth_folder, jobs):
    command, out = three_sequences(tmp_path, frames_folder, truth_folder), tmp_path / "out"
    process = start(*command, "--jobs", jobs, SLOW_SECONDS=600)
    wait_for(out / "a" / "track.json", process)
    wait_for(out / "b1" / ".part", process)
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert process.returncode == 130, said
    assert "Traceback" not in said[1]
    assert [p.name for p in out.iterdir()] == ["a"]
    assert len(Track.load(out / "a")) == 10
    for name in ("b1", "b2"):
        shutil.rmtree(tmp_path / "masks" / name)
    again = json.loads(ended(start(*command, "--json"))[0])
    assert again["kept"] == ["a"]
    assert again["done"] == []
    other = start(*command[:-1], "published")
    assert "was made with preset slow, not published" in ended(other)[1]
    assert other.returncode == 2


def test_ctrl_c_does_not_wait_for_workers_that_compute(tmp_path, frames_folder, truth_folder):
    command, out = three_sequences(tmp_path, frames_folder, truth_folder), tmp_path / "out"
    (tmp_path / "pids").mkdir()
    deaf = {"SLOW_PIDS": tmp_path / "pids", "SLOW_SECONDS": 600, "SLOW_DEAF": 1}
    process = start(*command, "--jobs", 2, **deaf)
    workers = wait_for_workers(tmp_path / "pids", {"a", "b1", "b2"}, process)
    wait_for(out / "a" / "track.json", process)
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert process.returncode == 130, said
    assert said[1] == "spectrack: stopped; nothing was left half-written\n"
    assert [p.name for p in out.iterdir()] == ["a"]
    for pid in workers:
        wait_until_dead(pid)


@pytest.mark.parametrize("by", ["the kernel", "a pipe"])
def test_workers_die_with_a_killed_parent(tmp_path, frames_folder, truth_folder, by):
    command, out = three_sequences(tmp_path, frames_folder, truth_folder), tmp_path / "out"
    (tmp_path / "pids").mkdir()
    without = {} if by == "the kernel" else {"SLOW_NO_KERNEL": 1}
    process = start(*command, "--jobs", 2, SLOW_PIDS=tmp_path / "pids", SLOW_SECONDS=600, **without)
    workers = wait_for_workers(tmp_path / "pids", {"b1", "b2"}, process)
    assert len(workers) == 2
    wait_for(out / "a" / "track.json", process)
    process.kill()
    process.wait()
    # Started again at once, it works and goes on.
    again = start(*command, "--jobs", 2, "--json", SLOW_SECONDS=0)
    answer, said = ended(again)
    assert again.returncode == 0, said
    assert json.loads(answer)["kept"] == ["a"]
    assert [one["sequence"] for one in json.loads(answer)["done"]] == ["b1", "b2"]
    assert sorted(p.name for p in out.iterdir()) == ["a", "b1", "b2"]
    names = {"boxes.csv", "masks", "track.json"}
    assert all({p.name for p in (out / name).iterdir()} == names for name in ("a", "b1", "b2"))
    for pid in workers:
        wait_until_dead(pid)


def test_a_worker_that_dies_is_told(tmp_path, frames_folder, truth_folder):
    command, out = three_sequences(tmp_path, frames_folder, truth_folder), tmp_path / "out"
    (tmp_path / "pids").mkdir()
    process = start(*command, "--jobs", 2, SLOW_PIDS=tmp_path / "pids", SLOW_SECONDS=600)
    workers = wait_for_workers(tmp_path / "pids", {"b1", "b2"}, process)
    wait_for(out / "a" / "track.json", process)
    os.kill(min(workers), signal.SIGKILL)
    answer, said = ended(process)
    assert (process.returncode, answer) == (2, "")
    assert said.endswith("start again with fewer --jobs\n")
    assert said.count("\n") == 1
    assert [p.name for p in out.iterdir()] == ["a"]
    for pid in workers:
        wait_until_dead(pid)


def test_a_second_run_into_a_folder_is_refused(tmp_path, frames_folder, truth_folder, clip_box):
    one = [
        "track",
        frames_folder,
        "--box",
        clip_box,
        "--tracker",
        "slow",
        "--out",
        tmp_path / "one",
    ]
    many = three_sequences(tmp_path, frames_folder, truth_folder)
    processes = [start(*one, SLOW_SECONDS=600), start(*many, SLOW_SECONDS=600)]
    wait_for(tmp_path / "one" / ".part", processes[0])
    wait_for(tmp_path / "out" / "b1" / ".part", processes[1])
    for second in [start(*one, "--overwrite"), start(*many, "--jobs", 2)]:
        answer, said = ended(second)
        assert (second.returncode, answer) == (2, ""), said
        assert said.count("\n") == 1
        assert "is in use by another run" in said
    for process in processes:
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        ended(process)
        assert process.returncode == 130
    assert not (tmp_path / "one").exists()


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

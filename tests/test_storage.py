"""Files replaced whole, folders held by one process, and sentences for what the disk refuses."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from processes import PATIENCE_S
from spectrack.errors import InputError
from spectrack.storage import (
    ADVICE,
    LOCK,
    NAMED_ADVICE,
    PART,
    claimed,
    explained,
    names_in,
    part_of,
    refusal,
    replacing,
    write_bytes,
    write_json,
    write_text,
)

HOLD = """
import sys
from pathlib import Path
from spectrack.storage import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that holds a folder until it is told to end, or killed."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def write_and_fail(part: Path, error: BaseException) -> None:
    part.write_text("ne")
    raise error


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_whole(tmp_path, durable):
    file = tmp_path / "a.json"
    file.write_text("old")
    with replacing(file, durable) as part:
        assert part.parent == tmp_path
        assert part.name == "a.json.part"
        part.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError()]
)
def test_after_an_error_the_old_file_stays(tmp_path, error):
    file = tmp_path / "a.json"
    file.write_text("old")
    with pytest.raises(type(error)), replacing(file) as part:
        write_and_fail(part, error)
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_nothing_written_is_an_error_and_keeps_the_old_file(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_text() == "old"


def test_bytes_text_and_json(tmp_path):
    write_bytes(tmp_path / "a", b"\x00\xff", durable=True)
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    write_text(tmp_path / "b", "é" + os.fsdecode(b"\xe9") + "\n")
    assert (tmp_path / "b").read_bytes() == "é".encode() + b"\xe9\n"
    value = {"name": os.fsdecode(b"\xe9"), "list": [1, 2.5, None]}
    write_json(tmp_path / "c", value)
    assert json.loads((tmp_path / "c").read_bytes()) == value
    with pytest.raises(TypeError):
        write_json(tmp_path / "c", {"a": object()})
    assert json.loads((tmp_path / "c").read_text()) == value
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "a.txt"])
def test_the_longest_names_can_be_written(tmp_path, name):
    write_text(tmp_path / name, "whole")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    part = part_of(tmp_path / name)
    assert part.name.endswith(PART)
    assert len(os.fsencode(part.name)) <= 255


# --- sentences -----------------------------------------------------------------------------------


def test_errors_of_the_disk_become_sentences():
    for number in ADVICE:
        sentence = str(refusal(OSError(number, os.strerror(number), "/a/b.png")))
        assert sentence.startswith("/a/b.png cannot be used (")
        assert os.strerror(number) in sentence
        assert "; " in sentence
    assert refusal(OSError("no number")) is None
    assert refusal(OSError(errno.ENOENT, "none", "/a/b.png"), "/a/b.png") is None  # a fault of ours
    assert refusal(ConnectionResetError(errno.ECONNRESET, "gone", "a")) is None
    assert "frames cannot be used" in str(refusal(OSError(errno.EIO, "bad"), "frames"))
    assert len(str(refusal(OSError(errno.ENAMETOOLONG, "long", "x" * 5000)))) < 200
    assert "caf" in str(refusal(OSError(errno.EIO, "bad", b"caf\xe9")))


def test_other_errors_pass():
    sentence = r"place cannot be used \(full\); free some space"
    with pytest.raises(InputError, match=sentence), explained("place"):
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(ConnectionResetError), explained("place"):
        raise ConnectionResetError(errno.ECONNRESET, "gone")
    with pytest.raises(FileNotFoundError), explained("place"):
        raise FileNotFoundError(errno.ENOENT, "none", "place")


@pytest.mark.parametrize("number", sorted(set(NAMED_ADVICE) - set(ADVICE)))
def test_places_that_the_user_named_are_explained_and_no_others(number):
    for name in ("/a/b.png", "/a/b.png.part", "/a", None):
        error = OSError(number, os.strerror(number), name)
        with pytest.raises(InputError, match="cannot be used"), explained("/a/b.png", named=True):
            raise error
    for name in ("/inside/weights.bin", 7):
        error = OSError(number, os.strerror(number), name)
        with pytest.raises(OSError, match=str(name)), explained("/a/b.png", named=True):
            raise error


# --- folders -------------------------------------------------------------------------------------


def test_names_in_a_folder(tmp_path):
    assert names_in(tmp_path / "none") == []
    for name in ("b", "a", LOCK, PART, "run.json.part"):
        (tmp_path / name).touch()
    assert names_in(tmp_path) == ["a", "b"]
    with pytest.raises(InputError, match="is a file"):
        names_in(tmp_path / "a")
    with pytest.raises(InputError, match="give a shorter name"):
        names_in(tmp_path / ("x" * 300))


def test_a_folder_that_stays_empty_goes_again(tmp_path):
    with claimed(tmp_path / "deep" / "out"):
        assert (tmp_path / "deep" / "out" / LOCK).is_file()
    assert list(tmp_path.iterdir()) == []
    with claimed(tmp_path / "deep" / "out"):
        (tmp_path / "deep" / "out" / "a").touch()
    assert [p.name for p in (tmp_path / "deep" / "out").iterdir()] == ["a"]
    with pytest.raises(RuntimeError), claimed(tmp_path / "other"):
        raise RuntimeError
    long = "y" * 300
    assert not (tmp_path / "other").exists()
    with pytest.raises(InputError, match="cannot be written"), claimed(tmp_path / "x" / long):
        pass
    assert not (tmp_path / "x").exists()


def test_another_process_is_refused_until_the_first_one_ends(tmp_path):
    holder = Holder(tmp_path)
    sentence = "is in use by another run; wait"
    with pytest.raises(InputError, match=sentence), claimed(tmp_path, patience_s=0):
        pass
    holder.process.communicate("")
    with claimed(tmp_path, patience_s=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_dies_with_a_killed_process(tmp_path):
    holder = Holder(tmp_path)
    holder.kill()
    assert [p.name for p in tmp_path.iterdir()] == [LOCK]
    with claimed(tmp_path, patience_s=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_waited_for(tmp_path):
    holder = Holder(tmp_path)
    timer = threading.Timer(0.1, holder.process.stdin.close)
    timer.start()
    with claimed(tmp_path, patience_s=PATIENCE_S):
        pass
    timer.join()
    holder.process.wait()


def test_a_thread_may_claim_again_and_another_may_not(tmp_path):
    refused = []

    def claim():
        try:
            with claimed(tmp_path, patience_s=0):
                pass
        except InputError as error:
            refused.append(str(error))

    with claimed(tmp_path):
        with claimed(tmp_path):
            pass
        assert (tmp_path / LOCK).is_file()
        thread = threading.Thread(target=claim)
        thread.start()
        thread.join()
    assert len(refused) == 1
    claim()
    assert len(refused) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_neither_keeps_nor_breaks_the_lock(tmp_path):
    lives, ends = multiprocessing.get_context("fork").Pipe()
    with claimed(tmp_path):
        pid = os.fork()
        if pid == 0:  # outlives the lock
            lives.poll(60)
            os._exit(0)
        (tmp_path / "kept").touch()
    with claimed(tmp_path, patience_s=0):
        pass
    ends.send(None)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the lock of POSIX")
def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    import fcntl

    def refuse(number, what):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with claimed(tmp_path):
        pass


def test_importing_it_costs_nothing():
    code = "import sys, spectrack.storage; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "cv2", "tyro"} & set(run.stdout.split())


def test_evaluation_and_training_hold_their_folders(tmp_path):
    from spectrack.evaluation.runner import run_dataset
    from spectrack.training.loop.run_folder import RunFolder

    class NoData(dict):
        name = "none"

    holder = Holder(tmp_path)
    with pytest.raises(InputError, match="is in use by another run"):
        run_dataset(None, NoData(), tmp_path, {})
    with pytest.raises(InputError, match="is in use by another run"), RunFolder(tmp_path).held():
        pass
    with RunFolder(tmp_path, writes=False).held():  # the others of several that train together
        pass
    holder.kill()
    assert run_dataset(None, NoData(), tmp_path, {}) == []
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]

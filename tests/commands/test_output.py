"""Output folders: refused, staged, replaced, restored."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from spectrack.commands import output
from spectrack.commands.output import PART, check_output, discard, is_complete, staged
from spectrack.errors import InputError
from spectrack.storage import claimed


def write_result(folder: Path, text: str) -> None:
    (folder / "masks").mkdir()
    (folder / "masks" / "00000.png").write_text(text)
    (folder / "boxes.csv").write_text(text)
    (folder / "track.json").write_text(text)


def write_and_fail(part: Path, error: BaseException) -> None:
    write_result(part, "new")
    raise error


def tree(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.mark.parametrize("prepare", ["absent", "empty", "left over"])
def test_a_new_result_appears_whole(tmp_path, prepare):
    out = tmp_path / "deep" / "out"
    if prepare != "absent":
        out.mkdir(parents=True)
    if prepare == "left over":
        (out / PART).mkdir()
        (out / PART / "junk").write_text("from a killed run")
    with staged(out) as part:
        write_result(part, "new")
        assert not is_complete(out)
    assert is_complete(out)
    assert set(tree(out)) == {"masks/00000.png", "boxes.csv", "track.json"}


@pytest.mark.parametrize("error", [InputError, KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_after_an_error(tmp_path, error):
    out = tmp_path / "deep" / "out"
    with pytest.raises(error), staged(out) as part:
        write_and_fail(part, error("stop"))
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_result_needs_overwrite_and_survives_errors(tmp_path):
    out = tmp_path / "out"
    with staged(out) as part:
        write_result(part, "old")
        (part / "overlay.mp4").write_text("old")
    before = tree(out)
    with pytest.raises(InputError, match="--overwrite"), staged(out):
        pass
    with pytest.raises(RuntimeError), staged(out, overwrite=True) as part:
        write_and_fail(part, RuntimeError())
    assert tree(out) == before
    with staged(out, overwrite=True) as part:
        write_result(part, "new")
    assert tree(out) == {"masks/00000.png": "new", "boxes.csv": "new", "track.json": "new"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["notes.txt", "masks", "00000.png"])
def test_other_things_are_never_touched(tmp_path, overwrite, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(InputError, match="other things"):
        check_output(tmp_path, overwrite=overwrite)
    assert tree(tmp_path) == {name: "precious"}


def test_a_result_with_something_added_is_not_replaced(tmp_path):
    out = tmp_path / "out"
    with staged(out) as part:
        write_result(part, "old")
    (out / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match=r"other things \(notes.txt\)"):
        check_output(out, overwrite=True)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, number):
    error = OSError(number, os.strerror(number))
    sentence = f"{os.strerror(number)}.*; (free|give)"
    with pytest.raises(InputError, match=sentence), staged(tmp_path / "out") as part:
        write_and_fail(part, error)
    assert list(tmp_path.iterdir()) == []


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), staged(tmp_path / "out"):
        (tmp_path / "none").read_text()


def test_a_killed_run_leaves_no_obstacle(tmp_path):
    out = tmp_path / "out"
    (out / PART / "masks").mkdir(parents=True)
    (out / ".lock").touch()
    assert not is_complete(out)
    check_output(out)
    discard(out)
    assert not out.exists()
    with staged(out) as part:
        write_result(part, "new")
    (out / PART).mkdir()
    discard(out)
    assert set(tree(out)) == {"masks/00000.png", "boxes.csv", "track.json"}
    assert is_complete(out)


def test_a_folder_that_was_finished_while_it_was_waited_for_is_kept(tmp_path, monkeypatch):
    out = tmp_path / "out"

    @contextmanager
    def late(folder):
        with claimed(folder):
            if not is_complete(folder):
                write_result(folder, "first")
            yield

    monkeypatch.setattr(output, "claimed", late)
    with pytest.raises(InputError, match="holds a finished result"), staged(out) as part:
        write_result(part, "second")
    assert set(tree(out).values()) == {"first"}


def test_a_file_or_unwritable_place_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(InputError, match="is a file"):
        check_output(file)
    with pytest.raises(InputError, match="cannot be written"), staged(file / "out"):
        pass
    assert file.read_text() == "x"

"""Output folders: refused, staged, replaced, restored."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from spectrack.commands import output
from spectrack.commands.output import (
    JOURNAL,
    PART,
    check_file,
    check_output,
    discard,
    is_complete,
    signals_held,
    staged,
)
from spectrack.errors import InputError
from spectrack.storage import claimed
from spectrack.structures import Box, Prediction
from spectrack.tracking.journal import Journal
from spectrack.tracks import Track


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
    for error in (
        ConnectionResetError(errno.ECONNRESET, "gone"),
        FileNotFoundError(errno.ENOENT, "gone", "weights.bin"),
    ):
        with pytest.raises(type(error)), staged(tmp_path / "out") as part:
            write_and_fail(part, error)


@pytest.fixture
def both(tmp_path):
    """Writes an old result, and then a new one in its place."""
    out = tmp_path / "out"
    with staged(out) as part:
        write_result(part, "old")
        (part / "overlay.mp4").write_text("old")

    def write():
        with staged(out, overwrite=True) as part:
            write_result(part, "new")

    return out, write


def renaming(patch, act):
    """Calls ``act`` with the number of every step that renames, from 1; gives the steps so far."""
    rename, steps = Path.rename, []

    def noted(path, place):
        steps.append(path)
        act(len(steps))
        return rename(path, place)

    patch.setattr(Path, "rename", noted)
    return steps


def failing(at, error):
    """What fails at some steps."""

    def act(step):
        if step in at:
            raise error

    return act


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", range(7))
def test_a_signal_waits_until_a_result_is_whole(both, monkeypatch, number, at):
    """Ctrl-C at every step of the change from an old result to a new one."""
    out, write = both

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(number, stop)
    steps = renaming(monkeypatch, lambda step: step == at + 1 and signal.raise_signal(number))
    try:
        with pytest.raises(KeyboardInterrupt):
            write()
    finally:
        signal.signal(number, before)
    assert len(steps) == 7  # four names of the old result go, three of the new one come
    assert set(tree(out).values()) == {"new"}
    assert is_complete(out)


@pytest.mark.parametrize("at", range(7))
def test_a_result_that_cannot_be_put_in_its_place_leaves_the_old_one(both, monkeypatch, at):
    out, write = both
    before = tree(out)
    renaming(monkeypatch, failing({at + 1}, OSError(errno.EIO, "bad")))
    with pytest.raises(InputError, match="check the disk"):
        write()
    assert tree(out) == before
    assert sorted(p.name for p in out.iterdir()) == sorted({name.split("/")[0] for name in before})


@pytest.mark.parametrize("at", range(7))
@pytest.mark.parametrize("again", [None, *range(4)])
def test_a_kill_at_any_step_costs_no_earlier_result(both, monkeypatch, at, again):
    """Nothing tidies up then; the next run puts the old result back, or is killed in turn."""
    out, write = both
    before = tree(out)

    def killed_at(step, act):
        with monkeypatch.context() as patch, suppress(SystemExit):
            renaming(patch, failing({step + 1}, SystemExit))
            act()

    def publish():
        with claimed(out):
            (out / PART).mkdir()
            write_result(out / PART, "new")
            (out / PART / "explain.png").write_text("new")  # the old one has none
            output._publish(out / PART, out, output.TRACK)

    with monkeypatch.context() as patch:
        patch.setattr(output, "reversed", lambda moved: (), raising=False)  # nothing is undone
        killed_at(at, publish)
    if again is not None:
        killed_at(again, lambda: check_output(out, overwrite=True))
    with pytest.raises(InputError, match="holds a finished result"), staged(out):
        pass
    assert {n: t for n, t in tree(out).items() if not n.startswith(PART)} == before
    write()
    assert set(tree(out).values()) == {"new"}


@pytest.mark.parametrize("at", range(7))
def test_a_kill_while_a_step_is_undone_costs_nothing_either(both, monkeypatch, at):
    out, write = both
    before = tree(out)
    (out / PART).mkdir()
    write_result(out / PART, "new")
    renaming(monkeypatch, failing({7, 8 + at}, SystemExit))
    with pytest.raises(SystemExit):
        output._publish(out / PART, out, output.TRACK)
    monkeypatch.undo()
    check_output(out, overwrite=True)
    assert {n: t for n, t in tree(out).items() if not n.startswith(PART)} == before
    write()
    assert set(tree(out).values()) == {"new"}


def test_signals_that_come_meanwhile_are_heard_at_the_end():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with signals_held():
            signal.raise_signal(signal.SIGTERM)
            assert not heard
        assert heard == [signal.SIGTERM]
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 2
    finally:
        signal.signal(signal.SIGTERM, before)


def write_journal(folder):
    """Two frames of a run that was killed."""
    (folder / PART).mkdir(parents=True)
    track, prediction = Track((8, 6)), Prediction(Box(1, 1, 2, 2), None, 1.0)
    with Journal(folder / PART / JOURNAL, {"video": "a.mp4"}) as journal:
        for _ in range(2):
            track.append(prediction)
            journal.add({1: track}, {1: prediction})
    return (folder / PART / JOURNAL).read_bytes()


def test_answers_of_a_killed_run_are_not_removed_without_a_word(tmp_path):
    out = tmp_path / "out"
    kept = write_journal(out)
    sentence = "holds 2 frames of a run of track that was killed; repeat its command.*--overwrite"
    with pytest.raises(InputError, match=sentence), staged(out):
        pass
    discard(out)
    assert (out / PART / JOURNAL).read_bytes() == kept
    with staged(out, keep=(JOURNAL,)) as part:
        assert (part / JOURNAL).read_bytes() == kept
        (part / JOURNAL).unlink()
        write_result(part, "whole")
    assert is_complete(out)
    for number, how in enumerate(({"overwrite": True}, {"anew": True})):
        write_journal(tmp_path / str(number))
        with staged(tmp_path / str(number), **how) as part:
            assert not list(part.iterdir())
            write_result(part, "new")
    (tmp_path / "torn" / PART).mkdir(parents=True)
    (tmp_path / "torn" / PART / JOURNAL).write_bytes(kept[:30])  # no frame is in it
    with staged(tmp_path / "torn") as part:
        write_result(part, "new")


def test_a_file_is_checked_before_it_is_written(tmp_path):
    check_file("--sheet", tmp_path / "new.png")
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"--sheet .*a\.png is there; pass --overwrite"):
        check_file("--sheet", tmp_path / "a.png")
    check_file("--sheet", tmp_path / "a.png", overwrite=True)
    with pytest.raises(InputError, match="is a folder"):
        check_file("--sheet", tmp_path, overwrite=True)


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

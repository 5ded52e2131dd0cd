"""Output folders: refused, staged, replaced, restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from spectrack.commands.output import PART, check_output, is_complete, staged
from spectrack.errors import InputError


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


def test_a_file_or_unwritable_place_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(InputError, match="is a file"):
        check_output(file)
    with pytest.raises(InputError, match="cannot be written"), staged(file / "out"):
        pass
    assert file.read_text() == "x"

"""`spectrack app` with what it cannot use: one sentence, status 2, and no server."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from spectrack.app.session import About, Session


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.mp4"], "none.mp4 does not exist"),
        (["--root", "nowhere"], "--root nowhere is no folder"),
        (["--tracker", "flwo"], "did you mean flow"),
        (["--port", "70000"], "--port 70000"),
        (["--port", "x"], "--port"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_started(
    spectrack, tmp_path, monkeypatch, arguments, told
):
    monkeypatch.chdir(tmp_path)
    ran = spectrack("app", *arguments, "--no-browser")
    assert ran.status == 2
    assert told in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_nicegui_it_says_how_to_get_it(spectrack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "nicegui", None)
    ran = spectrack("app", "--no-browser")
    assert ran.status == 2
    assert "pip install 'spectrack[app]'" in ran.err


def test_a_video_or_session_that_cannot_be_opened_is_told(spectrack, tmp_path, monkeypatch):
    pytest.importorskip("nicegui", reason="NiceGUI is not installed; the extra app brings it")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"#EXTM3U\nfile.mp4\n")
    ran = spectrack("app", "film.mp4", "--no-browser", "--port", "0")
    assert ran.status == 2
    assert "film.mp4" in ran.err
    ran = spectrack("app", "--session", "nothing", "--no-browser", "--port", "0")
    assert ran.status == 2
    assert "no session" in ran.err
    for name in ("one", "other"):
        np.save(tmp_path / f"{name}.npy", np.zeros((2, 16, 24, 3), np.uint8))
    about = About(tmp_path / "other.npy", (24, 16), 2, 24.0, ("00000", "00001"))
    Session.create(tmp_path / "s", about).close()
    ran = spectrack("app", "one.npy", "--session", "s", "--no-browser", "--port", "0")
    assert ran.status == 2
    assert "belongs to" in ran.err

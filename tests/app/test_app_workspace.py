"""The workspace: which session is opened for what, what a page may open, and what stays open."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from processes import PATIENCE_S
from spectrack.app.session import Session
from spectrack.app.workspace import Workspace
from spectrack.errors import InputError
from spectrack.structures import Box

SIZE, LENGTH = (24, 16), 3


def write_clip(path, shade):
    np.save(path, np.full((LENGTH, *SIZE[::-1], 3), shade, np.uint8))


class House:
    """A workspace, opened and waited for.

    Args:
        folder: Holds its root and its sessions.
    """

    def __init__(self, folder):
        self.sessions = folder / "sessions"
        self.workspace = Workspace(folder / "root", self.sessions, lambda call: call(), "flow")

    def video(self, path, folder=None):
        return asyncio.run(self.workspace.open_video(path, folder))

    def named(self, name):
        return asyncio.run(self.workspace.open_named(name))

    def session(self, folder):
        return asyncio.run(self.workspace.open_session(folder))


@pytest.fixture
def root(tmp_path):
    """Two clips below the root, and two outside."""
    (tmp_path / "root").mkdir()
    for path, shade in (("root/a", 10), ("root/b", 90), ("outside", 200), ("elsewhere", 220)):
        write_clip(tmp_path / f"{path}.npy", shade)
    return tmp_path / "root"


@pytest.fixture
def house(root):
    made = House(root.parent)
    yield made
    made.workspace.close()


def test_frames_are_those_of_what_is_open_and_of_nothing_else(house, root):
    workspace = house.workspace
    with pytest.raises(InputError, match="no video is open"):
        workspace.frame(0, workspace.generation)
    house.video(root / "a.npy")
    first = workspace.generation
    assert workspace.frame(0, first).result(PATIENCE_S).startswith(b"\xff\xd8")
    house.video(root / "a.npy")  # it is open already
    assert workspace.generation == first
    house.video(root / "b.npy")
    assert workspace.generation != first
    with pytest.raises(InputError, match="another video is open"):
        workspace.frame(0, first)
    with pytest.raises(InputError, match="frame 3 does not exist"):
        workspace.frame(3, workspace.generation)
    other = House(root.parent / "other")  # another server: its words are others, too
    try:
        other.video(root / "a.npy")
        words = {first, workspace.generation, other.workspace.generation}
        assert len(words) == 3
        assert all(len(word) >= 16 for word in words)
    finally:
        other.workspace.close()


def test_a_video_that_was_replaced_gets_a_session_of_its_own(house, root):
    first = house.video(root / "a.npy")
    first.add_object()
    folder = first.session.folder
    house.video(root / "b.npy")
    assert house.video(root / "a.npy").session.folder == folder  # the same again
    shutil.copy(root / "b.npy", root / "a.npy")  # of the same name, length and size
    second = house.video(root / "a.npy")
    assert second.session.folder == house.sessions / "a-2"
    assert not second.session.project.objects
    with pytest.raises(InputError, match=r"a\.npy holds other frames .* session a is of; open"):
        house.named("a")
    with pytest.raises(InputError, match=r"belongs to .*as it is now; give another folder"):
        house.video(root / "a.npy", folder)
    assert house.workspace.studio is second
    write_clip(root / "a.npy", 10)  # as it was
    assert house.named("a").session.project.objects.keys() == {1}


def test_a_session_opens_without_its_video(house, root):
    """As where a disk is not mounted: keys, answers and exports are there, pictures are not."""
    first = house.video(root / "a.npy")
    first.add_object()
    (root / "a.npy").rename(root / "away.npy")
    assert house.named("a") is first  # it is open; nobody looks at the video
    house.video(root / "b.npy")
    again = house.named("a")
    assert again.session.project.objects.keys() == {1}
    assert "a.npy does not exist" in again.message
    again.set_box(1, 0, Box(2, 2, 8, 8))
    house.video(root / "b.npy")
    (root / "a.npy").write_text("torn")
    assert house.named("a").session.project.objects[1].keys.keys() == {0}
    house.video(root / "b.npy")
    shutil.copy(root / "b.npy", root / "a.npy")  # another video is refused as before
    with pytest.raises(InputError, match=r"a\.npy holds other frames"):
        house.named("a")


def test_a_session_that_knows_no_first_frame_still_opens(house, root):
    """As earlier versions wrote it."""
    first = house.video(root / "a.npy")
    first.add_object()
    folder = first.session.folder
    house.video(root / "b.npy")
    kept = json.loads((folder / "session.json").read_text())
    assert len(kept.pop("first_frame")) == 16
    (folder / "session.json").write_text(json.dumps(kept))
    for opened in (house.video(root / "a.npy"), house.named("a"), house.video(root / "a.npy")):
        assert opened.session.folder == folder
        assert opened.session.project.objects.keys() == {1}
    house.video(root / "b.npy")
    assert house.video(root / "a.npy", folder).session.folder == folder


def test_a_session_that_cannot_be_opened_leaves_the_one_that_is_open(house, root):
    house.video(root / "b.npy")
    spoilt = house.workspace.studio.session.folder
    first = house.video(root / "a.npy")
    first.add_object()
    (spoilt / "edits.jsonl").unlink()
    (spoilt / "edits.jsonl").mkdir()
    generation = house.workspace.generation
    for ask, what in ((house.named, "b"), (house.video, root / "b.npy")):
        with pytest.raises(InputError, match=r"edits\.jsonl cannot be read"):
            ask(what)
        assert house.workspace.studio is first
        assert house.workspace.generation == generation
        first.set_box(1, 0, Box(2, 2, 8, 8))  # it can still be worked on
    assert house.workspace.frame(1, generation).result(PATIENCE_S)
    assert first.session.project.objects[1].keys.keys() == {0}


def test_pages_see_no_session_of_a_video_beyond_the_root(house, root):
    upload = house.workspace.upload_place("film.mp4").with_suffix(".npy")
    write_clip(upload, 50)
    for video in (root / "a.npy", root.parent / "outside.npy", upload):
        house.video(video)  # as the command line names them, and as an upload comes
    (root / "frames").mkdir()
    for link in (root / "door.npy", root / "frames" / "0.npy"):
        link.symlink_to(root.parent / "elsewhere.npy")
    about = house.workspace.studio.session.about
    for name, video in (("linked", root / "door.npy"), ("folder", root / "frames")):
        Session.create(house.sessions / name, replace(about, video=video)).close()
    assert {name for name, _ in house.workspace.known_sessions()} == {"a", "film", "outside"}
    house.workspace.close()
    again = House(root.parent)
    try:
        assert again.workspace.known_sessions() == [("a", "a.npy"), ("film", "film.npy")]
        for name in ("outside", "linked", "folder"):
            with pytest.raises(InputError, match="does not exist"):
                again.named(name)
        assert again.named("film").session.about.video == upload
        again.session(again.sessions / "outside")  # from its start
        assert again.named("a").session.about.video == root / "a.npy"
        assert again.named("outside").session.folder == again.sessions / "outside"
    finally:
        again.workspace.close()

"""Paths and uploads that a page names: nothing beyond the root, nothing but videos."""

from __future__ import annotations

import os

import pytest

from spectrack.app.places import below, check_head, names_below, upload_name
from spectrack.errors import InputError


@pytest.fixture
def root(tmp_path):
    home = tmp_path / "home"
    (home / "inner" / "deep").mkdir(parents=True)
    (home / "clip.mp4").write_bytes(b"x")
    (home / "inner" / "a.png").write_bytes(b"x")
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (tmp_path / "others").mkdir()
    (home / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (home / "door").symlink_to(tmp_path / "others")
    (home / "good.mp4").symlink_to(home / "clip.mp4")
    (home / "mixed").mkdir()
    (home / "mixed" / "00000.png").symlink_to(tmp_path / "secret.mp4")
    return home


@pytest.mark.parametrize(
    ("text", "found"),
    [("clip.mp4", "clip.mp4"), ("inner//./deep", "inner/deep"), ("good.mp4", "clip.mp4")],
)
def test_what_lies_below_the_root_is_found(root, text, found):
    assert below(root, text) == (root / found).resolve()


@pytest.mark.parametrize(
    "text",
    [
        "../secret.mp4",
        "inner/../../secret.mp4",
        "inner/../clip.mp4",
        "..",
        "/etc/passwd",
        "\\etc\\passwd",
        "~/x",
        "C:/x",
        "..\\secret.mp4",
        "link.mp4",
        "door",
        "door/x",
        "mixed",
        "none.mp4",
        "clip.mp4/x",
        "a\0b",
        "a" * 5000,
    ],
)
def test_what_leads_outside_is_refused(root, text):
    with pytest.raises(InputError, match=r"outside|exist"):
        below(root, text)


def test_a_folder_with_links_to_outside_can_be_looked_into_but_not_read(root):
    assert below(root, "", read=False) == root.resolve()
    with pytest.raises(InputError, match="links that lead outside"):
        below(root, "")


def test_a_link_that_turns_in_a_circle_is_refused_and_hides_no_other(root):
    before = names_below(root, "inner")
    (root / "inner" / "round").symlink_to("round")
    (root / "inner" / "nowhere.png").symlink_to(root / "nowhere.png")
    with pytest.raises(InputError):
        below(root, "inner/round")
    assert sorted(names_below(root, "inner")) == sorted([*before, ("nowhere.png", False)])
    with pytest.raises(InputError, match="give one without"):
        below(root, "inner")
    (root / "inner" / "round").unlink()
    assert below(root, "inner") == root / "inner"


def test_names_that_lead_outside_are_not_listed(root):
    (root / ".hidden").write_bytes(b"")
    names = dict(names_below(root, ""))
    assert names == {"inner": True, "mixed": True, "clip.mp4": False, "good.mp4": False}
    with pytest.raises(InputError, match="no folder"):
        names_below(root, "clip.mp4")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("bike.mp4", "bike.mp4"),
        ("../../etc/bike.MP4", "bike.MP4"),
        ("..\\bike.mkv", "bike.mkv"),
        ("a b;rm -rf $(x).webm", "a b_rm -rf _x_.webm"),
        ("\u202egnp.mp4", "_gnp.mp4"),
    ],
)
def test_uploads_get_a_plain_name(name, plain):
    assert upload_name(name) == plain
    assert os.sep not in plain


@pytest.mark.parametrize("name", ["", "x.txt", "x.m3u8", "x.mp4.exe", ".mp4", "../.mp4", "x.png"])
def test_names_that_are_no_videos_are_refused(name):
    with pytest.raises(InputError, match="no video"):
        upload_name(name)


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x20ftypisom\0\0\2\0",
        b"\x1a\x45\xdf\xa3" + b"\0" * 12,
        b"RIFF\0\0\0\0AVI LIST",
        b"\0\0\1\xba" + b"\0" * 12,
    ],
)
def test_containers_are_known_by_their_first_bytes(head):
    check_head(head, "x.mp4")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"#EXTM3U\n#EXT-X-VERSION:3",
        b"ffconcat version 1.0\nfile",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 8,
        b"RIFF\0\0\0\0WAVEfmt ",
        b"MZ" + b"\0" * 20,
        b"\0\0\0\x20ftyp",
    ],
)
def test_other_things_are_refused_whatever_they_are_called(head):
    with pytest.raises(InputError, match="not a video"):
        check_head(head, "x.mp4")

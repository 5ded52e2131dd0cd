"""Key frames, points and late starts on the command line and from Python."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import spectrack as st
from spectrack.commands.track_keys import parse_keys, parse_point, parse_starts
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.tracking.points import Point
from spectrack.tracks import Tracks, write_index_png
from still_tracker import StillTracker


@pytest.fixture
def track(spectrack, still, tmp_path):
    def run(video, *args, status=0):
        ran = spectrack(
            "track", video, "--tracker", still, "--no-clean", "--no-overlay",
            "--out", tmp_path / "out", "--overwrite", *args,
        )  # fmt: skip
        assert ran.status == status, ran
        return ran

    return run


def test_what_flags_say(tmp_path):
    index_hw = np.zeros((8, 9), np.uint8)
    index_hw[1:4, 2:5], index_hw[5:7, 5:9] = 2, 7
    path = tmp_path / "two objects.png"
    write_index_png(path, index_hw)
    keys = parse_keys([f"4={path}", "9=1,2,3.5,4e0:2", "12=gone", "3=none:7"])
    assert sorted(keys) == [1, 2, 7]
    np.testing.assert_array_equal(keys[7][4].mask, index_hw == 7)
    assert keys[2][9] == Box(1, 2, 3.5, 4)
    assert keys[1] == {12: "gone"}
    assert keys[7][3] is None
    np.testing.assert_array_equal(parse_keys([f"0={path}:2"])[2][0].mask, index_hw == 2)
    assert parse_point("3,4.5").point == Point(3, 4.5)
    click = parse_point("57=3,4,background:2")
    assert (click.frame, click.object, click.point) == (57, 2, Point(3, 4, wanted=False))
    assert parse_starts(["2=40", "1=0"]) == {2: 40, 1: 0}
    for flag, read in [
        ("57", parse_keys),
        ("x=1,2,3,4", parse_keys),
        ("-1=gone", parse_keys),
        ("1=nowhere.png", parse_keys),
    ]:
        with pytest.raises(InputError):
            read([flag])
    with pytest.raises(InputError, match="no object 3; it has 2, 7"):
        parse_keys([f"1={path}:3"])
    with pytest.raises(InputError, match="object 1 twice in frame 4"):
        parse_keys(["4=gone", "4=1,2,3,4"])
    for text in ("1", "1,2,3", "1,b", "a=1,2", "1,2,foreground"):
        with pytest.raises(InputError, match="cannot be read"):
            parse_point(text)
    with pytest.raises(InputError, match="--start 2 cannot"):
        parse_starts(["2"])


def test_keys_become_the_result(track, frames_folder, truth_folder, clip, tmp_path):
    ran = track(
        frames_folder, "--key", "0=20,10,40,30", "--key", f"4={truth_folder / '00004.png'}",
        "--key", "8=gone", "--key", "5=70,40,30,30:2", "--key", "0=gone:2", "--json",
    )  # fmt: skip
    tracks = Tracks.load(tmp_path / "out")
    assert list(tracks) == [1, 2]
    assert [e.found for e in tracks[1]] == [True] * 8 + [False] * 2
    np.testing.assert_array_equal(tracks[1].mask(4), clip.masks_thw[4])
    assert [e.found for e in tracks[2]] == [False] * 5 + [True] * 5
    assert tracks[1].info["keyframes"] == {
        "0": {"box": [20, 10, 40, 30], "mask": False},
        "4": {"box": list(Box.from_mask(clip.masks_thw[4])), "mask": True},
        "8": "gone",
    }
    told = json.loads(ran.out)
    assert told["tracker"] == "still"
    assert told["objects"]["2"]["found"] == 5


def test_corrections_are_added_to_what_is_kept(track, frames_folder, tmp_path, monkeypatch):
    asked = []
    update = StillTracker._update
    monkeypatch.setattr(
        StillTracker, "_update", lambda self, frame: asked.append(1) or update(self, frame)
    )
    work = ("--work", tmp_path / "work")
    track(frames_folder, "--box", "20,10,40,30", *work)
    assert len(asked) == 9
    track(frames_folder, "--key", "6=50,20,30,30", *work)
    assert len(asked) == 9 + 6 + 3  # backward to the first, forward from the new one
    first = Tracks.load(tmp_path / "out")[1]
    assert first[6].box == Box(50, 20, 30, 30)
    assert sorted(first.info["keyframes"]) == ["0", "6"]
    track(frames_folder, "--key", "6=none", *work)
    assert len(asked) == 18
    assert sorted(Tracks.load(tmp_path / "out")[1].info["keyframes"]) == ["0"]
    kept = (tmp_path / "work" / "objects" / "1" / "keys.json").read_text()
    assert str(tmp_path) not in kept


def test_late_starts(track, frames_folder, tmp_path):
    flags = ("--box", "20,10,40,30", "--box", "70,40,30,30", "--start", "2=3")
    track(frames_folder, *flags)
    plain = Tracks.load(tmp_path / "out")
    assert [e.found for e in plain[2]] == [False] * 3 + [True] * 7
    track(frames_folder, *flags, "--key", "9=70,40,30,30:2")
    keyed = Tracks.load(tmp_path / "out")
    assert keyed[2].entries == plain[2].entries
    assert keyed[2].info["keyframes"]["0"] == "gone"


def test_what_cannot_be_is_told(track, frames_folder, tmp_path):
    box = ("--box", "20,10,40,30")
    for args, words in [
        (("--key", "99=20,10,40,30"), "frame 99; the video has frames 0 to 9"),
        ((*box, "--key", "0=gone"), "twice in frame 0"),
        ((*box, "--key", "3=gone", "--keep-partial"), "--keep-partial does not go with key frames"),
        ((*box, "--key", "3=gone", "--keep-partial"), "give --work WORK in its place"),
        ((*box, "--key", "3=gone", "--explain"), "--explain shows one run from the first frame"),
        ((*box, "--work", tmp_path / "new", "--soft-overlay"), "leave one of them out"),
        ((*box, "--start", "2=3"), "object 2, which has no target"),
        ((*box, "--start", "1=30"), "ends at frame 9"),
        ((*box, "--key", "3=gone:0"), "ids are 1 to 255"),
        (("--work", tmp_path / "new"), "no key frame was given"),
        (("--point", "500,10"), "outside the 128x80 frame"),
        (("--point", "12=5,10"), "frames 0 to 9"),
        (("--point", "5,5,background"), "no point on the thing"),
    ]:
        ran = track(frames_folder, *args, status=2)
        assert words in ran.err, ran.err


def test_broken_frames_are_passed_on_both_ways(track, frames_folder, tmp_path):
    broken, mended = (shutil.copytree(frames_folder, tmp_path / n) for n in ("broken", "mended"))
    for lost, before in [(4, 3), (5, 3), (9, 8)]:
        (broken / f"{lost:05d}.png").write_bytes(b"no picture")
        shutil.copy(frames_folder / f"{before:05d}.png", mended / f"{lost:05d}.png")
    keys = ("--box", "20,10,40,30", "--key", "7=60,30,30,30")
    assert "go on past it with --skip-broken" in track(broken, *keys, status=2).err
    ran = track(broken, *keys, "--skip-broken")
    assert "3 frames (00004, 00005, 00009)" in ran.out
    found = Tracks.load(tmp_path / "out")[1]
    assert found.info["broken_frames"] == ["00004", "00005", "00009"]
    track(mended, *keys)
    expected = Tracks.load(tmp_path / "out")[1]
    assert expected.info["broken_frames"] == []
    for index in range(10):
        held = {4: 3, 5: 3, 9: 8}.get(index)
        wanted = expected[index] if held is None else replace(expected[held], score=0.0)
        assert found[index] == wanted, index
    assert expected[4].score > 0
    told = track(broken, *keys, "--key", "5=20,10,40,30", "--skip-broken", status=2).err
    assert "key in frame 5, which cannot be decoded" in told
    track(broken, *keys, "--key", "5=gone", "--skip-broken")
    assert [e.found for e in Tracks.load(tmp_path / "out")[1]][3:8] == [
        True,
        True,
        False,
        False,
        True,
    ]
    for lost in (1, 2):
        (broken / f"{lost:05d}.png").write_bytes(b"no picture")
    assert "5 of 10 frames" in track(broken, *keys, "--skip-broken", status=2).err


def test_a_click_is_a_mask_of_its_frame(track, frames_folder, clip, tmp_path):
    box = Box.from_mask(clip.masks_thw[0])
    x, y = next(zip(*reversed(np.nonzero(clip.masks_thw[2])), strict=True))
    given = ",".join(f"{v:g}" for v in box)
    track(
        frames_folder, "--box", given, "--key", f"2={given}",
        "--point", f"2={x},{y}", "--point", "2=0,0,background",
    )  # fmt: skip
    found = Tracks.load(tmp_path / "out")[1]
    assert found.mask(2)[y, x]
    assert not found.mask(2)[0, 0]
    assert found.info["keyframes"]["2"]["mask"] is True


def test_from_python(frames_folder, clip, tmp_path):
    first, later = Box(20, 10, 40, 30), clip.masks_thw[5]
    track = st.track(
        frames_folder, keyframes={0: first, 5: later, 7: "gone"}, tracker=StillTracker, clean=False
    )
    np.testing.assert_array_equal(track.mask(5), later)
    assert [e.found for e in track] == [True] * 7 + [False] * 3
    beside = st.track(
        frames_folder, first, keyframes={5: later, 7: "gone"}, tracker=StillTracker, clean=False
    )
    assert beside.entries == track.entries
    both = st.track_all(
        frames_folder,
        {2: Target(box=first)},
        keyframes={1: {5: later}},
        starts={2: 4},
        tracker=StillTracker,
        clean=False,
        work=tmp_path / "work",
    )
    assert [e.found for e in both[2]] == [False] * 4 + [True] * 6
    again = st.track_all(frames_folder, tracker=StillTracker, clean=False, work=tmp_path / "work")
    assert {key: t.entries for key, t in again.items()} == {k: t.entries for k, t in both.items()}
    with pytest.raises(InputError, match="keep_partial does not go with key frames"):
        st.track_all(frames_folder, keyframes={1: {3: first}}, keep_partial=True)
    with pytest.raises(InputError, match="need a fresh one"):
        st.track(frames_folder, first, keyframes={3: "gone"}, tracker=StillTracker())
    with pytest.raises(InputError, match="twice in frame 0"):
        st.track(frames_folder, first, keyframes={0: later}, tracker=StillTracker)
    with pytest.raises(InputError, match="no key frame"):
        st.track(frames_folder, work=tmp_path / "empty", tracker=StillTracker)

"""``spectrack track`` that is killed, stopped, or meets a broken frame: what it keeps."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

import stuck_main
from processes import ended, wait_until
from spectrack.tracking.table import TRACKERS, TrackerEntry
from spectrack.tracks import Track, Tracks

HELPERS = Path(stuck_main.__file__).parent
BOXES = ("--box", "40,20,30,24", "--box", "5,5,20,20")


def start(*args: object) -> subprocess.Popen[str]:
    """The command line in a process of its own, with the tracker ``stuck``."""
    paths = [str(HELPERS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, stuck_main.__file__, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def answered(out: Path) -> int:
    """How many frames the journal holds."""
    journal = out / ".part" / "journal"
    return journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0


def wait_for(out: Path, frames: int, process: subprocess.Popen[str]) -> None:
    wait_until(lambda: answered(out) >= frames, f"{frames} frames", process)


@pytest.fixture(scope="module")
def killed(tmp_path_factory, frames_folder):
    """The folder of a run that was killed (-9) after four frames."""
    out = tmp_path_factory.mktemp("killed") / "out"
    command = ("track", frames_folder, *BOXES, "--tracker", "stuck", "--no-clean", "--out", out)
    process = start(*command, "--no-overlay")
    wait_for(out, stuck_main.ANSWERS, process)
    process.kill()
    ended(process)
    assert {p.name for p in out.iterdir()} - {".lock"} == {".part"}
    return out


@pytest.fixture
def again(spectrack, killed, frames_folder, tmp_path, monkeypatch):
    """Give the command of the killed run again, on a copy of its folder; the tracker is quick."""
    monkeypatch.setitem(TRACKERS, "stuck", TrackerEntry("still_tracker:StillTracker", "", "masks"))
    out = Path(shutil.copytree(killed, tmp_path / "out"))

    def run(*args, boxes=BOXES, video=frames_folder, clean=("--no-clean",), tracker="stuck"):
        return spectrack("track", video, *boxes, "--tracker", tracker, *clean, "--out", out, *args)

    return run


def test_goes_on_after_a_kill(again, tmp_path, clip):
    ran = again()
    assert ran.status == 0, ran
    assert "going on at frame 4, where an earlier run was killed" in ran.err
    assert "the tracker was started again at frame 4" in ran.out
    out = tmp_path / "out"
    names = sorted(p.name for p in out.iterdir())
    assert names == ["boxes.csv", "masks", "overlay.mp4", "track.json"]
    tracks = Tracks.load(out)
    assert tracks.first.stems == list(clip.stems)
    for key, box in ((1, (40, 20, 30, 24)), (2, (5, 5, 20, 20))):
        assert tracks[key].info["resumed_at"] == [4]
        assert tracks[key].info["complete"] is True
        assert {tuple(entry.box) for entry in tracks[key]} == {box}
    with (out / "boxes.csv").open() as handle:
        assert len(list(csv.DictReader(handle))) == 20


def test_json_tells_where_it_went_on(again, tmp_path):
    answer = json.loads(again("--json", "--no-overlay").out)
    assert answer["resumed_at"] == [4]
    assert answer["complete"] is True
    assert answer["frames"] == 10


def test_begins_anew_when_told(again, tmp_path):
    answer = json.loads(again("--json", "--no-overlay", "--restart", boxes=BOXES[:2]).out)
    assert answer["resumed_at"] == []
    assert list(answer["objects"]) == ["1"]
    assert not (tmp_path / "out" / ".part").exists()


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"boxes": BOXES[:2]}, "another target"),
        ({"clean": ()}, "another cleaning"),
        ({"tracker": "mil"}, "another tracker"),
        ({"tracker": "kcf"}, "another tracker"),
    ],
)
def test_another_run_is_not_mixed_in(again, tmp_path, given, word):
    before = (tmp_path / "out" / ".part" / "journal").read_bytes()
    ran = again(**given)
    assert ran.status == 2
    assert ran.err.count("\n") == 1
    assert word in ran.err
    assert "--restart" in ran.err
    assert (tmp_path / "out" / ".part" / "journal").read_bytes() == before


def test_no_other_command_removes_what_a_killed_run_kept(
    again, spectrack, frames_folder, truth_folder, tmp_path
):
    out = tmp_path / "out"
    before = (out / ".part" / "journal").read_bytes()
    refine = ("refine", truth_folder, "--video", frames_folder, "--preset", "published")
    keyed = ("track", frames_folder, "--key", "0=40,20,30,24", "--tracker", "stuck", "--no-clean")
    for command in (refine, keyed):
        ran = spectrack(*command, "--no-overlay", "--out", out)
        assert (ran.status, ran.err.count("\n")) == (2, 1), ran
        assert f"{out} holds 4 frames of a run of track that was killed" in ran.err
        assert (out / ".part" / "journal").read_bytes() == before
    assert json.loads(again("--json", "--no-overlay").out)["resumed_at"] == [4]


@pytest.mark.parametrize("flag", ["--overwrite", "--restart"])
def test_key_frames_begin_anew_when_told(again, tmp_path, flag):
    boxes = ("--key", "0=40,20,30,24")
    assert again("--no-overlay", boxes=boxes).status == 2
    ran = again("--no-overlay", flag, boxes=boxes)
    assert ran.status == 0, ran
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "boxes.csv",
        "masks",
        "track.json",
    ]


def test_another_video_is_not_mixed_in(again, frames_folder, tmp_path):
    other = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    assert "with another video;" in again(video=other).err
    assert "with another number of frames;" in again("--max-frames", 8).err


def test_a_video_that_was_changed_is_not_mixed_in(frames_folder, tmp_path):
    from spectrack.commands.track_resume import what_decides
    from spectrack.structures import Box, Target

    folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    settings = TRACKERS["kcf"].settings()
    targets = {1: Target(Box(1, 2, 3, 4))}
    first = what_decides(str(folder), targets, "kcf", settings, True, None)
    assert what_decides(str(folder), targets, "kcf", settings, True, None) == first
    (folder / "00003.png").write_bytes((folder / "00002.png").read_bytes())
    changed = what_decides(str(folder), targets, "kcf", settings, True, None)
    assert [key for key in first if first[key] != changed[key]] == ["content of the video"]


def test_an_explained_run_needs_every_frame(spectrack, killed, frames_folder, tmp_path):
    from random_sftrack import write_random_weights

    weights = write_random_weights(tmp_path / "w.safetensors")
    out = Path(shutil.copytree(killed, tmp_path / "out"))
    journal = out / ".part" / "journal"
    command = ("track", frames_folder, *BOXES, "--set", f"weights={weights}", "--out", out)
    assert "another tracker" in spectrack(*command, "--explain").err
    assert journal.exists()
    from spectrack.commands.track_resume import kept_run
    from spectrack.errors import InputError
    from spectrack.tracking.journal import read_journal

    asked = read_journal(journal).asked
    assert kept_run(out, asked, explain=False).frames == answered(out)
    with pytest.raises(InputError, match="--explain has to see every frame"):
        kept_run(out, asked, explain=True)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "kill"]
)
def test_keeps_a_partial_result_when_asked(tmp_path, frames_folder, spectrack, number, status):
    out = tmp_path / "out"
    command = ("track", frames_folder, *BOXES, "--tracker", "stuck", "--no-clean", "--out", out)
    process = start(*command, "--keep-partial", "--json")
    wait_for(out, stuck_main.ANSWERS, process)
    process.send_signal(number)
    told = ended(process)
    assert process.returncode == status, told
    assert "Traceback" not in told[1]
    answer = json.loads(told[0])
    assert answer["complete"] is False
    assert answer["frames"] == stuck_main.ANSWERS
    assert sorted(p.name for p in out.iterdir()) == ["boxes.csv", "masks", "track.json"]
    tracks = Tracks.load(out)
    assert len(tracks[1]) == len(tracks[2]) == answer["frames"]
    assert tracks[1].info["complete"] is False
    assert tracks[1].info["tracker"] == "stuck"
    assert tracks[1].info["source"] == str(frames_folder)
    info = json.loads((out / "track.json").read_text())
    assert info["frames"] == answer["frames"]
    assert spectrack("review", out, "--video", frames_folder).status == 0


def test_a_broken_image(spectrack, still, frames_folder, clip, tmp_path):
    folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    (folder / "00004.png").write_bytes((folder / "00004.png").read_bytes()[:300])
    command = ("track", folder, *BOXES[:2], "--tracker", still, "--out", tmp_path / "out")
    refused = spectrack(*command)
    assert refused.status == 2
    assert refused.err.count("\n") == 1
    assert "or go on past it with --skip-broken" in refused.err
    ran = spectrack(*command, "--skip-broken")
    assert ran.status == 0, ran
    assert "warning: frames that cannot be decoded keep the answer before them: 1 frame" in ran.out
    assert "Warning" not in ran.err
    track = Track.load(tmp_path / "out")
    assert len(track) == 10
    assert track.info["broken_frames"] == ["00004"]
    assert [entry.score == 0 for entry in track] == [t == 4 for t in range(10)]
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10
    sheet = ("--sheet", tmp_path / "sheet.png", "--video", folder)
    looked = spectrack("review", tmp_path / "out", "--apart", 1, *sheet)
    assert looked.status == 0, looked
    first = looked.out.splitlines()[1]
    assert first.split()[:2] == ["00004", "1.00"]
    assert "frame cannot be decoded" in first


def test_a_broken_frame_of_a_video(spectrack, still, tmp_path):
    from video_clips import write_clip

    options = {"g": "1", "qscale": "2"}
    path = write_clip(tmp_path / "a.mov", codec="mjpeg", pix_fmt="yuvj420p", options=options)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    place, size = packets[21].pos, packets[21].size
    data = bytearray(path.read_bytes())
    data[place : place + size] = bytes(size)
    path.write_bytes(data)
    command = ("track", path, "--box", "10,10,20,20", "--tracker", still, "--no-clean")
    out = ("--out", tmp_path / "out", "--json")
    assert spectrack(*command, *out).status == 2
    answer = json.loads(spectrack(*command, *out, "--skip-broken").out)
    assert answer["broken_frames"] == ["00021"]
    assert len(answer["warnings"]) == 1
    assert answer["frames"] == len(Track.load(tmp_path / "out")) == 40


def test_a_first_frame_that_is_broken_is_refused(spectrack, still, frames_folder, tmp_path):
    folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    (folder / "00000.png").write_bytes(b"")
    command = ("track", folder, *BOXES, "--tracker", still, "--out", tmp_path / "out")
    for more in ((), ("--skip-broken",)):
        ran = spectrack(*command, *more)
        assert ran.status == 2
        assert "00000.png is empty" in ran.err
        assert "--skip-broken" not in ran.err
    assert not (tmp_path / "out").exists()


def test_too_many_broken_frames_are_refused(spectrack, still, frames_folder, tmp_path):
    folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    for number in (2, 3, 5, 9):
        (folder / f"{number:05d}.png").write_bytes(b"")
    command = ("track", folder, *BOXES, "--tracker", still, "--out", tmp_path / "out")
    ran = spectrack(*command, "--skip-broken")
    assert ran.status == 2
    assert "4 of 10 frames cannot be decoded" in ran.err
    assert not (tmp_path / "out").exists()


def test_the_journal_is_left_alone_until_a_run_is_sure_to_begin(again, tmp_path):
    assert again("--set", "nonsense=1").status == 2
    assert answered(tmp_path / "out") == 4
    np.testing.assert_equal(json.loads(again("--json", "--no-overlay").out)["frames"], 10)

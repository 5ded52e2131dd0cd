"""Bad input on the command line: one sentence, status 2, no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spectrack.tracks import Track, write_index_png

SLOW_MAIN = Path(__file__).resolve().parents[1] / "helpers" / "slow_main.py"


@pytest.fixture
def refused(spectrack, tmp_path):
    """Run a command that must be refused, and give back its sentence."""

    def run(*args: object, left: frozenset[str] = frozenset()) -> str:
        before = set(tmp_path.rglob("*"))
        ran = spectrack(*args)
        assert ran.status == 2, ran
        assert ran.out == ""
        assert ran.err.count("\n") == 1, ran.err
        assert "Traceback" not in ran.err
        after = set(tmp_path.rglob("*"))
        assert after == before, "files appeared or went"
        return ran.err

    return run


@pytest.fixture
def track(refused, still, tmp_path, clip_box):
    """Refused ``track`` with a good box unless another target is given."""

    def run(video: object, *args: object) -> str:
        target = () if {"--box", "--mask"} & set(args) else ("--box", clip_box)
        out = ("--out", tmp_path / "out") if "--out" not in args else ()
        tracker = ("--tracker", still) if "--tracker" not in args else ()
        return refused("track", video, *target, *tracker, *out, *args)

    return run


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


# --- video ---------------------------------------------------------------------------------------


def test_missing_file(track, tmp_path):
    assert "does not exist" in track(tmp_path / "none.mp4")
    assert "none/*.png" in track(tmp_path / "none" / "*.png")


def test_not_a_video(track, tmp_path):
    (tmp_path / "a.mp4").write_text("not a video" * 1000)
    assert "a.mp4" in track(tmp_path / "a.mp4")
    (tmp_path / "empty").mkdir()
    assert "no images" in track(tmp_path / "empty")


def test_zero_byte_video_and_image(track, tmp_path, frames_folder):
    (tmp_path / "a.mp4").touch()
    assert "a.mp4" in track(tmp_path / "a.mp4")
    folder = copy(frames_folder, tmp_path / "frames")
    (folder / "00003.png").write_bytes(b"")
    assert "00003.png is empty" in track(folder)


@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_truncated_video(track, tmp_path, clip_mp4, keep):
    data = clip_mp4.read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: int(len(data) * keep)])
    assert "a.mp4" in track(tmp_path / "a.mp4")


def test_corrupt_video(track, tmp_path, clip_mp4):
    data = bytearray(clip_mp4.read_bytes())
    start = data.index(b"mdat") + 200
    data[start : start + 4000] = np.random.default_rng(0).bytes(4000)
    (tmp_path / "a.mp4").write_bytes(bytes(data))
    assert "a.mp4" in track(tmp_path / "a.mp4")


@pytest.mark.parametrize("damage", ["truncated", "corrupt"])
def test_damaged_frame(track, tmp_path, frames_folder, damage):
    folder = copy(frames_folder, tmp_path / "frames")
    data = bytearray((folder / "00004.png").read_bytes())
    if damage == "truncated":
        data = data[: len(data) // 2]
    else:
        data[400:600] = bytes(200)
    (folder / "00004.png").write_bytes(bytes(data))
    assert "00004.png" in track(folder)


def test_frames_of_two_sizes(track, tmp_path, frames_folder):
    folder = copy(frames_folder, tmp_path / "frames")
    Image.new("RGB", (64, 64)).save(folder / "00005.png")
    assert "00005.png is 64x64" in track(folder)


# --- target --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        ("500,500,10,10", "outside the 128x80 frame"),
        ("-50,-50,10,10", "outside the 128x80 frame"),
        ("10,10,0,10", "has no area"),
        ("10,10,5,-3", "negative side"),
        ("10,10,5", "is not four numbers"),
        ("10,10,5,5,5", "is not four numbers"),
        ("a,b,c,d", "is not four numbers"),
        ("nan,1,2,3", "not finite"),
        ("", "is not four numbers"),
    ],
)
def test_bad_box(track, frames_folder, box, sentence):
    assert sentence in track(frames_folder, "--box", box)


def test_no_target_or_two_kinds(refused, track, frames_folder, truth_folder, tmp_path, still):
    sentence = refused("track", frames_folder, "--out", tmp_path / "out", "--tracker", still)
    assert "give --box X,Y,W,H or --mask FILE" in sentence
    both = ("--box", "1,2,3,4", "--mask", truth_folder / "00000.png")
    assert "give one of them" in track(frames_folder, *both)


def test_bad_mask(track, frames_folder, tmp_path):
    def refuse(mask: Path) -> str:
        return track(frames_folder, "--mask", mask)

    assert "does not exist" in refuse(tmp_path / "none.png")
    write_index_png(tmp_path / "size.png", np.ones((40, 40), np.uint8))
    assert "the mask is 40x40 but the frame is 128x80" in refuse(tmp_path / "size.png")
    write_index_png(tmp_path / "empty.png", np.zeros((80, 128), np.uint8))
    assert "is empty" in refuse(tmp_path / "empty.png")
    several = np.zeros((80, 128), np.uint8)
    several[10:20, 10:20], several[40:60, 40:60] = 100, 200
    Image.fromarray(several).save(tmp_path / "grey.png")
    assert "3 grey levels, which may be several objects" in refuse(tmp_path / "grey.png")
    (tmp_path / "text.png").write_text("no picture")
    assert "text.png" in refuse(tmp_path / "text.png")
    (tmp_path / "nothing.png").touch()
    assert "nothing.png is empty" in refuse(tmp_path / "nothing.png")


def test_unknown_tracker(track, frames_folder):
    sentence = track(frames_folder, "--tracker", "flwo")
    assert "tracker 'flwo' does not exist (did you mean flow?); choose from sftrack, " in sentence


def test_bad_count(track, frames_folder):
    assert "at least 1" in track(frames_folder, "--max-frames", "0")
    assert "--max-frames" in track("0")


# --- output --------------------------------------------------------------------------------------


def test_output_that_holds_other_things(track, frames_folder, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "notes.txt").write_text("precious")
    assert "other things (notes.txt)" in track(frames_folder, "--out", out)
    assert "other things (notes.txt)" in track(frames_folder, "--out", out, "--overwrite")
    assert "is a file" in track(frames_folder, "--out", out / "notes.txt")
    assert (out / "notes.txt").read_text() == "precious"


def test_output_inside_the_frames(track, frames_folder, tmp_path):
    folder = copy(frames_folder, tmp_path / "frames")
    assert "other things" in track(folder, "--out", folder)


@pytest.mark.parametrize("as_value", [False, True])
def test_an_empty_name(
    track, refused, frames_folder, truth_folder, tmp_path, monkeypatch, as_value
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # where an empty path would lead

    def empty(flag: str) -> tuple[str, ...]:
        return (f"{flag}=",) if as_value else (flag, "")

    assert '--out "" was given' in track(frames_folder, *empty("--out"), "--out", "")
    assert '--mask "" was given' in track(frames_folder, *empty("--mask"), "--mask", "")
    assert '--report "" was given' in refused("evaluate", "--root", ".", *empty("--report"))
    assert '"" was given where a file or folder' in track("")
    assert '"" was given where' in refused("refine", "", "--video", frames_folder, "--out", "x")


@pytest.mark.parametrize("length", [300, 5000])
def test_a_name_that_is_too_long(track, refused, frames_folder, truth_folder, tmp_path, length):
    name = "x" * length
    for sentence in (
        track(name),
        track(frames_folder, "--out", tmp_path / name),
        track(frames_folder, "--mask", tmp_path / name),
        refused("refine", tmp_path / name, "--video", frames_folder, "--out", tmp_path / "out"),
        refused("refine", truth_folder, "--video", name, "--out", tmp_path / "out"),
        refused("evaluate", "--root", tmp_path / name, "--results", tmp_path),
    ):
        assert "ile name too long" in sentence
        assert len(sentence) < 400


def test_a_name_too_long_only_for_what_is_written_into_it(track, frames_folder, tmp_path):
    deep = tmp_path
    while len(str(deep)) < 3800:
        deep /= "x" * 200
    out = deep / ("y" * (4090 - len(str(deep)) - 1))
    assert "ile name too long" in track(frames_folder, "--out", out)


def track_on_a_full_disk(most, tmp_path, clip_mp4, clip_box):
    """A limit on the size of files stands for a full disk: the kernel refuses to write on."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    command = ["track", clip_mp4, "--box", clip_box, "--tracker", "slow", "--out", tmp_path / "out"]
    return subprocess.run(
        [sys.executable, str(SLOW_MAIN), *command],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        env={**os.environ, "SLOW_SECONDS": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_disk_that_takes_no_more(tmp_path, clip_mp4, clip_box):
    ran = track_on_a_full_disk(50, tmp_path, clip_mp4, clip_box)
    assert (ran.returncode, ran.stdout) == (2, ""), ran
    assert ran.stderr.count("\n") == 1
    assert "out cannot be used (File too large); give another place" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_disk_that_takes_no_overlay_keeps_the_answers(tmp_path, clip_mp4, clip_box):
    ran = track_on_a_full_disk(8000, tmp_path, clip_mp4, clip_box)
    assert ran.returncode == 0, ran
    assert "warning: overlay.mp4 is left out: " in ran.stdout
    assert "File too large" in ran.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"masks", "boxes.csv", "track.json"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_output_that_cannot_be_printed(flags):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "spectrack", "trackers", *flags]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 2
    assert ran.stderr == (
        "spectrack: the output cannot be used (No space left on device); "
        "free some space or give another place\n"
    )


# --- names that are no UTF-8 ---------------------------------------------------------------------


@pytest.fixture
def odd(tmp_path, clip) -> Path:
    """A folder of frames and one of masks whose names, and those of their files, are no UTF-8."""
    name = os.fsdecode(b"caf\xe9 \xff")
    folder = tmp_path / name
    try:
        for what in ("frames", "masks"):
            (folder / what).mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes names of UTF-8 only")
    for stem, frame, mask in zip(clip.stems, clip.frames_thwc, clip.masks_thw, strict=True):
        Image.fromarray(frame).save(folder / "frames" / f"{name}{stem}.png")
        write_index_png(folder / "masks" / f"{name}{stem}.png", mask.astype(np.uint8))
    return folder


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_names_that_are_no_utf8(spectrack, odd, still, clip_box, flags):
    frames, masks = odd / "frames", odd / "masks"
    for command in (
        ("track", frames, "--tracker", still, "--box", clip_box, "--out", odd / "tracked"),
        ("track", frames, "--tracker", still, "--mask", min(masks.iterdir()), "--out", odd / "m"),
        ("refine", masks, "--video", frames, "--preset", "published", "--out", odd / "refined"),
        ("review", odd / "refined", "--video", frames, "--sheet", odd / "sheet.png"),
    ):
        ran = spectrack(*command, *flags)
        assert ran.status == 0, ran
        if flags:
            answer = json.loads(ran.out)
            told = answer["sheet"] if command[0] == "review" else answer["out"]
            assert Path(told) == command[-1]
        else:
            assert "caf\\udce9 \\udcff" in ran.out
    for folder in (odd / "tracked", odd / "refined"):
        track = Track.load(folder)
        assert track.stems == sorted(p.stem for p in frames.iterdir())
        assert [p.stem for p in sorted((folder / "masks").iterdir())] == track.stems


def test_names_that_are_no_utf8_in_sentences(tmp_path, odd, clip_box):
    out = ["--out", tmp_path / "out"]
    for args in (
        ["track", odd / "none", "--tracker", "slow", "--box", clip_box, *out],
        ["refine", odd / "none", "--video", odd / "none", *out],
        ["trackers", f"--{odd}"],
        [odd],
    ):
        command = [sys.executable, str(SLOW_MAIN), *args]
        ran = subprocess.run(command, capture_output=True)
        assert (ran.returncode, ran.stdout) == (2, b""), ran
        assert ran.stderr.count(b"\n") == 1
        assert rb"caf\udce9" in ran.stderr


# --- refine --------------------------------------------------------------------------------------


@pytest.fixture
def refine(refused, tmp_path, frames_folder):
    def run(masks: object, *args: object) -> str:
        video = ("--video", frames_folder) if "--video" not in args else ()
        preset = ("--preset", "published") if "--preset" not in args else ()
        return refused("refine", masks, *video, *preset, "--out", tmp_path / "out", *args)

    return run


def test_refine_without_masks(refine, tmp_path):
    assert "does not exist" in refine(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "holds no masks" in refine(tmp_path / "empty")


def test_refine_unknown_preset(refine, truth_folder):
    sentence = refine(truth_folder, "--preset", "publish")
    assert "did you mean published?" in sentence
    assert "colour, deep, learned, paper, published" in sentence


def test_refine_without_its_video(refine, truth_folder, tmp_path):
    assert "does not exist" in refine(truth_folder, "--video", tmp_path / "none")


def test_refine_masks_of_another_size_or_damaged(refine, truth_folder, tmp_path):
    folder = copy(truth_folder, tmp_path / "masks")
    write_index_png(folder / "00003.png", np.ones((40, 40), np.uint8))
    assert "00003.png is 40x40 but the frames are 128x80" in refine(folder)
    (folder / "00003.png").write_bytes(b"")
    assert "00003.png is empty" in refine(folder)


def test_refine_nan_in_soft_masks(refine, tmp_path, clip):
    folder = tmp_path / "soft"
    folder.mkdir()
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        np.save(folder / f"{stem}.npy", mask.astype(np.float32))
    bad = clip.masks_thw[6].astype(np.float32)
    bad[3, 4] = np.nan
    np.save(folder / "00006.npy", bad)
    assert "00006.npy holds NaN" in refine(folder)


def test_refine_an_object_that_is_not_there(refine, truth_folder):
    assert "holds no object 7; it has 1" in refine(truth_folder, "--object", 7)


def test_refine_many_without_all_videos(refine, truth_folder, frames_folder, tmp_path):
    copy(truth_folder, tmp_path / "masks" / "a")
    copy(truth_folder, tmp_path / "masks" / "b")
    copy(frames_folder, tmp_path / "videos" / "a")
    sentence = refine(tmp_path / "masks", "--video", tmp_path / "videos")
    assert "holds no video named b" in sentence


# --- evaluate ------------------------------------------------------------------------------------


@pytest.fixture
def davis(tmp_path, frames_folder, truth_folder) -> Path:
    """A data set of one sequence in DAVIS layout."""
    root = tmp_path / "davis"
    frames = root / "JPEGImages" / "480p" / "pond"
    frames.mkdir(parents=True)
    for path in frames_folder.glob("*.png"):
        Image.open(path).save(frames / f"{path.stem}.jpg", quality=95)
    copy(truth_folder, root / "Annotations" / "480p" / "pond")
    lists = root / "ImageSets" / "480p"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("pond\n")
    return root


def test_evaluate_mistakes(refused, davis, truth_folder, tmp_path):
    results = tmp_path / "results"
    copy(truth_folder, results / "pond")

    def refuse(*args: object) -> str:
        return refused("evaluate", "--root", davis, *args)

    good = ("--results", results)
    assert "give either --results" in refuse()
    assert "did you mean davis2016?" in refuse(*good, "--dataset", "davis16")
    assert "sequence 'lake' is not in" in refuse(*good, "--sequences", "lake")
    assert "split 'trian'" in refuse(*good, "--split", "trian")
    assert "give --out DIR" in refuse("--tracker", "csrt")
    assert "did you mean csrt?" in refuse("--tracker", "crst", "--out", tmp_path / "out")
    assert "is not a folder" in refuse("--results", tmp_path / "none")
    (results / "pond" / "00004.png").unlink()
    assert "lacks frames 00004" in refuse(*good)
    assert "has no folder JPEGImages" in refused("evaluate", "--root", results, *good)


# --- demo ----------------------------------------------------------------------------------------


def test_demo_mistakes(refused, tmp_path):
    (tmp_path / "notes.txt").write_text("precious")
    assert "other things" in refused("demo", "--out", tmp_path, "--overwrite")
    assert "does not exist" in refused("demo", "--out", tmp_path / "out", "--tracker", "x")
    assert "--frames 2 was given; expected a whole number of at least 3" in refused(
        "demo", "--out", tmp_path / "out", "--frames", "2"
    )


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("iterations=abc", "iterations is 'abc'; give a whole number"),
        ("rate=nan", "rate is 'nan'; give a finite number"),
        ("feedback=maybe", "feedback is 'maybe'; give yes or no"),
        ("iterations=9", "iterations is 9; give 0 to 5"),
        ("inputs=flow:pixels=many", "tracker flow: pixels is 'many'; give a whole number"),
    ],
)
def test_settings_of_another_type_are_told(refused, frames_folder, clip_box, tmp_path, pair, told):
    command = ("track", frames_folder, "--box", clip_box, "--out", tmp_path / "out")
    assert told in refused(*command, "--tracker", "sftrack", "--set", pair)

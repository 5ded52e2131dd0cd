"""``spectrack export`` end to end."""

from __future__ import annotations

import errno
import json
import shutil

import numpy as np
import pytest

from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks


@pytest.fixture
def result(clip, tmp_path):
    """A result folder of two objects."""
    objects = {}
    for object_id, masks in ((1, clip.masks_thw), (4, clip.masks_thw[:, ::-1, ::-1])):
        track = objects[object_id] = Track(clip.size_wh)
        for stem, mask in zip(clip.stems, masks, strict=True):
            track.append(Prediction(Box.from_mask(mask), mask, 0.5 + object_id / 10), stem)
    return Tracks(objects).save(tmp_path / "koi")


def test_there_and_back(spectrack, result, frames_folder, tmp_path):
    """A file of another format becomes a result folder with the same masks."""
    file, back = tmp_path / "koi.txt", tmp_path / "back"
    ran = spectrack("export", result, "--format", "mots", "--out", file, "--json")
    said = {"out": str(file), "format": "mots", "frames": 10, "objects": [1, 4]}
    assert (ran.status, json.loads(ran.out)) == (0, said), ran
    args = ("--from", "mots", "--video", frames_folder, "--format", "result", "--out", back)
    assert spectrack("export", file, *args).status == 0
    for mine, theirs in zip(Tracks.load(back).values(), Tracks.load(result).values(), strict=True):
        np.testing.assert_array_equal(mine.masks_thw(), theirs.masks_thw())
        assert mine.stems == theirs.stems
    assert (back / "track.json").is_file()
    assert spectrack("export", file, *args).status == 2
    assert spectrack("export", file, *args, "--overwrite").status == 0


def test_folders_and_one_object(spectrack, result, frames_folder, tmp_path):
    out = tmp_path / "cut"
    args = ("export", result, "--format", "cutouts", "--video", frames_folder, "--out", out)
    ran = spectrack(*args, "--object", "4")
    assert (ran.status, ran.out.split(":")[0]) == (0, "10 frames of object 4 written as cutouts")
    assert len(list((out / "cutouts").iterdir())) == 10
    assert json.loads((out / "export.json").read_text()) == {"format": "cutouts", "name": "koi"}
    again = spectrack(*args)
    assert (again.status, again.out) == (2, "")
    assert "holds a finished result" in again.err
    assert spectrack(*args, "--overwrite").status == 0
    (out / "mine.txt").write_text("x")
    assert spectrack(*args, "--overwrite").status == 2
    assert (out / "mine.txt").is_file()


def test_youtube_vis_is_read_back_by_the_data_set(spectrack, result, frames_folder, tmp_path):
    """What the export is beside the frames: a data set of one video."""
    from spectrack.datasets.youtube_vis import YouTubeVis

    split = tmp_path / "vis" / "train"
    shutil.copytree(frames_folder, split / "JPEGImages" / "koi")
    args = ("--format", "youtube-vis", "--label", "4=a dog", "--out", split / "instances.json")
    assert spectrack("export", result, *args).status == 0
    sequence = YouTubeVis(tmp_path / "vis", split="train")["koi"]
    tracks = Tracks.load(result)
    assert sequence.categories == {1: "object 1", 2: "a dog"}
    for number, track in enumerate(tracks.values(), start=1):
        for t in range(len(track)):
            np.testing.assert_array_equal(sequence.truth_object(t, number), track.mask(t))


def test_an_evaluated_sequence_can_be_exported(spectrack, result, tmp_path):
    """There the masks lie beside boxes.csv, and box trackers have none."""
    for mask in (result / "masks").iterdir():
        mask.rename(result / mask.name)
    (result / "masks").rmdir()
    args = ("export", result, "--label", "4=a dog", "--out", tmp_path / "a.json", "--format")
    assert spectrack(*args, "coco").status == 0
    annotations = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert len(annotations) == 20
    for mask in result.glob("*.png"):
        mask.unlink()
    assert spectrack(*args, "coco", "--overwrite").status == 0
    annotations = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert len(annotations) == 20
    assert not any(a["segmentation"] for a in annotations)
    ran = spectrack(*args, "coco-polygons", "--overwrite")
    assert (ran.status, ran.out) == (2, "")
    assert "has no masks" in ran.err
    assert len(json.loads((tmp_path / "a.json").read_text())["annotations"]) == 20


def test_the_list_of_formats(spectrack):
    from spectrack.exports.table import FORMATS

    listed = json.loads(spectrack("export", "--json").out)
    assert list(listed) == list(FORMATS)
    assert listed["prores"]["needs_video"]
    shown = spectrack("export").out
    for name, f in FORMATS.items():
        assert name in shown
        assert f.description in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--format", "cocoa", "--out", "a.json"), "did you mean coco?"),
        (("--format", "coco"), "--out is missing"),
        ((), "--format is missing"),
        (("--format", "coco", "--out", "a.txt"), "coco is a file ending in .json"),
        (("--format", "coco", "--out", "no/where/a.json"), "does not exist; make it first"),
        (
            ("--format", "coco", "--out", "a.json", "--object", "9"),
            "holds no object 9; it has 1, 4",
        ),
        (("--format", "coco", "--out", "a.json", "--label", "9=x"), "names object 9"),
        (("--format", "coco", "--out", "a.json", "--label", "x"), "expected ID=NAME"),
        (("--format", "coco", "--out", "a.json", "--tolerance", "-1"), "expected 0 to 100"),
        (("--format", "mots", "--out", "a.txt", "--category", "66"), "expected 1 to 65"),
        (("--format", "vp9", "--out", "a.webm"), "vp9 needs the video too"),
        (("--format", "coco", "--from", "vp9", "--out", "a.json"), "vp9 cannot be read back"),
        (("--format", "mot", "--from", "mot", "--out", "a.txt"), "mot needs the video too"),
    ],
)
def test_what_is_wrong_is_one_sentence(spectrack, result, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    before = {p.name for p in tmp_path.iterdir()}
    ran = spectrack("export", result, *args)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1), ran
    assert message in ran.err
    assert {p.name for p in tmp_path.iterdir()} == before


@pytest.fixture
def track(spectrack, clip_mp4, clip_box, still, tmp_path):
    """Follow the koi with a tracker of masks; more arguments come last."""

    def run(*args):
        bare = ("--tracker", still, "--no-clean", "--no-overlay", "--out", tmp_path / "out")
        return spectrack("track", clip_mp4, "--box", clip_box, *bare, *args)

    return run


def test_track_saves_other_formats_too(track, tmp_path):
    out = tmp_path / "out"
    wrong = track("--save", "cocoa")
    assert (wrong.status, "did you mean coco?" in wrong.err) == (2, True)
    assert not out.exists()
    ran = track("--save", "coco", "--save", "cutouts")
    assert ran.status == 0, ran
    assert {p.name for p in (out / "exports").iterdir()} == {"coco.json", "cutouts"}
    assert len(list((out / "exports" / "cutouts" / "cutouts").iterdir())) == 10
    assert track("--overwrite").status == 0
    assert not (out / "exports").exists()


def test_formats_of_masks_are_refused_before_a_tracker_of_boxes_works(
    spectrack, clip_mp4, clip_box, tmp_path
):
    args = ("track", clip_mp4, "--box", clip_box, "--no-overlay", "--out", tmp_path / "out")
    ran = spectrack(*args, "--tracker", "kcf", "--save", "mot", "--save", "yolo")
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1), ran
    assert "--save yolo needs masks and the tracker gives boxes alone" in ran.err
    assert not (tmp_path / "out").exists()
    ran = spectrack(*args, "--tracker", "kcf", "--set", "masks=true", "--save", "yolo")
    assert ran.status == 0, ran
    assert (tmp_path / "out" / "exports" / "yolo" / "labels").is_dir()


def test_an_export_that_fails_costs_no_answers(track, monkeypatch, tmp_path):
    from spectrack.exports import coco, yolo

    def full(tracks, place, about):
        (place / "labels").mkdir()
        raise OSError(errno.ENOSPC, "full")

    def broken(tracks, place, about):
        place.write_text("half")
        raise ZeroDivisionError

    monkeypatch.setattr(yolo, "write", full)
    monkeypatch.setattr(coco, "write_polygons", broken)
    args = ("--save", "yolo", "--save", "coco-polygons")
    ran = track(*args, "--save", "coco", "--json")
    assert ran.status == 0, ran
    told = json.loads(ran.out)["warnings"]
    assert [sentence.split(": ")[0] for sentence in told] == [
        "--save yolo is left out",
        "--save coco-polygons is left out",
    ]
    assert "free some space" in told[0]
    assert len(Track.load(tmp_path / "out")) == 10
    assert [p.name for p in (tmp_path / "out" / "exports").iterdir()] == ["coco.json"]
    ran = track(*args, "--overwrite")
    assert (ran.status, ran.out.count("warning: --save")) == (0, 2), ran
    assert not (tmp_path / "out" / "exports").exists()

"""``spectrack export`` end to end."""

from __future__ import annotations

import json

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


def test_track_saves_other_formats_too(spectrack, clip_mp4, clip_box, still, tmp_path):
    out = tmp_path / "out"
    args = ("track", clip_mp4, "--box", clip_box, "--tracker", still, "--no-overlay", "--out", out)
    wrong = spectrack(*args, "--save", "cocoa")
    assert (wrong.status, "did you mean coco?" in wrong.err) == (2, True)
    assert not out.exists()
    ran = spectrack(*args, "--save", "coco", "--save", "cutouts")
    assert ran.status == 0, ran
    assert {p.name for p in (out / "exports").iterdir()} == {"coco.json", "cutouts"}
    assert len(list((out / "exports" / "cutouts" / "cutouts").iterdir())) == 10
    assert spectrack(*args, "--overwrite").status == 0
    assert not (out / "exports").exists()

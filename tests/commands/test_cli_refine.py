"""``spectrack refine`` end to end, one sequence."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

import spectrack as st
from spectrack.tracks import Track, Tracks, write_index_png


@pytest.fixture
def refine(spectrack, frames_folder, tmp_path):
    def run(masks, *args):
        preset = () if "--preset" in args else ("--preset", "published")
        places = ("--video", frames_folder, "--out", tmp_path / "out")
        ran = spectrack("refine", masks, *places, *preset, *args)
        assert ran.status == 0, ran
        return ran

    return run


def test_the_result_folder(refine, truth_folder, frames_folder, clip, tmp_path):
    ran = refine(truth_folder, "--json")
    answer = json.loads(ran.out)
    assert ran.err == ""
    assert answer["frames"] == 10
    assert answer["preset"] == "published"
    assert answer["frames_without_mask"] == []
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {"masks", "boxes.csv", "track.json", "overlay.mp4"}
    track = Track.load(out)
    assert track.stems == list(clip.stems)
    assert track.info["masks"] == str(truth_folder)
    assert (track.info["object"], track.info["resize"]) == (None, False)
    assert track.info["source"] == str(frames_folder)
    overlap = (track.masks_thw() & clip.masks_thw).sum() / (
        track.masks_thw() | clip.masks_thw
    ).sum()
    assert overlap > 0.8


def test_what_it_does_unless_told_otherwise(spectrack, frames_folder, truth_folder, tmp_path):
    places = ("--video", frames_folder, "--out", tmp_path / "out", "--no-overlay", "--json")
    ran = spectrack("refine", truth_folder, *places)
    assert ran.status == 0, ran
    assert json.loads(ran.out)["preset"] == "learned"
    track = st.refine(truth_folder, frames_folder)
    assert track.info["preset"] == "learned"
    np.testing.assert_array_equal(Track.load(tmp_path / "out").masks_thw(), track.masks_thw())
    named = st.refine(truth_folder, frames_folder, "learned")
    np.testing.assert_array_equal(track.masks_thw(), named.masks_thw())


@pytest.mark.parametrize("kind", ["one bit", "grey", "soft", "numpy"])
def test_masks_of_every_kind_give_the_same(refine, clip, truth_folder, tmp_path, kind):
    refine(truth_folder, "--no-overlay")
    expected = Track.load(tmp_path / "out").masks_thw()
    folder = tmp_path / "masks"
    folder.mkdir()
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        if kind == "numpy":
            np.save(folder / f"{stem}.npy", mask.astype(np.float32))
            continue
        grey = mask.astype(np.uint8) * 255
        if kind == "soft":  # one faint pixel makes the whole folder soft, and changes nothing else
            grey[0, 0] = 1
        image = Image.fromarray(grey)
        (image.convert("1") if kind == "one bit" else image).save(folder / f"{stem}.png")
    refine(folder, "--no-overlay", "--overwrite")
    different = (Track.load(tmp_path / "out").masks_thw() != expected).mean()
    assert different == 0 if kind != "soft" else different < 1e-3


def test_frames_without_a_mask_are_told_and_filled(refine, truth_folder, tmp_path):
    folder = shutil.copytree(truth_folder, tmp_path / "masks")
    (folder / "00004.png").unlink()
    (folder / "00009.png").unlink()
    ran = refine(folder, "--no-overlay")
    assert "2 frames had no mask and were filled: 00004, 00009" in ran.out
    track = Track.load(tmp_path / "out")
    assert track.mask(4).any()
    assert track.mask(9).any()


def test_several_objects(refine, clip, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        index = mask.astype(np.uint8) * 3
        index[60:75, 5:25] = 1
        write_index_png(folder / f"{stem}.png", index)
    ran = refine(folder, "--json")
    assert json.loads(ran.out)["objects"] == 2
    assert list(Tracks.load(tmp_path / "out")) == [1, 3]
    refine(folder, "--object", 3, "--overwrite")
    assert list(Tracks.load(tmp_path / "out")) == [3]


def test_the_result_of_track_can_be_refined(refine, spectrack, still, frames_folder, tmp_path):
    args = ("--box", "20,20,30,20", "--tracker", still, "--out", tmp_path / "tracked")
    assert spectrack("track", frames_folder, *args).status == 0
    refine(tmp_path / "tracked", "--preset", "colour")
    assert len(Track.load(tmp_path / "out")) == 10


def test_known_masks_stay(refine, spectrack, frames_folder, truth_folder, clip, tmp_path):
    rough = tmp_path / "rough"
    rough.mkdir()
    for t, stem in enumerate(clip.stems):
        mask = clip.masks_thw[t].copy()
        mask[::3] = False
        write_index_png(rough / f"{stem}.png", mask.astype(np.uint8))
    shutil.copy(truth_folder / f"{clip.stems[4]}.png", rough)
    refine(rough, "--no-overlay", "--fixed", "4")
    np.testing.assert_array_equal(Track.load(tmp_path / "out").mask(4), clip.masks_thw[4])
    refine(rough, "--no-overlay", "--overwrite")
    assert not np.array_equal(Track.load(tmp_path / "out").mask(4), clip.masks_thw[4])
    sequences = tmp_path / "many"
    shutil.copytree(rough, sequences / "one")
    out = ("--video", frames_folder, "--out", tmp_path / "bad")
    for masks, fixed, words in [
        (rough, "a", "--fixed a is no list of frame numbers"),
        (rough, "10", "frame 10 was called known"),
        (sequences, "4", "--fixed names frames of one video"),
    ]:
        ran = spectrack("refine", masks, *out, "--fixed", fixed)
        assert (ran.status, words in ran.err) == (2, True), ran


@pytest.fixture
def many(spectrack, frames_folder, truth_folder, tmp_path):
    """Refines a folder of two sequences; one argument more or another place of masks or videos."""
    for folder in ("masks", "other"):
        for name in ("a", "b"):
            shutil.copytree(truth_folder, tmp_path / folder / name)
    for folder in ("videos", "films"):
        for name in ("a", "b"):
            shutil.copytree(frames_folder, tmp_path / folder / name)

    def run(*args, masks="masks", videos="videos"):
        places = (tmp_path / masks, "--video", tmp_path / videos, "--out", tmp_path / "out")
        return spectrack("refine", *places, "--no-overlay", "--preset", "published", *args)

    assert run().status == 0
    return run


@pytest.mark.parametrize(
    ("args", "given", "said"),
    [
        ((), {"masks": "other"}, "was made with masks"),
        ((), {"videos": "films"}, "was made with source"),
        (("--object", 1), {}, "was made with object None, not 1"),
        (("--resize",), {}, "was made with resize False, not True"),
        (("--preset", "paper"), {}, "was made with preset published, not paper"),
    ],
)
def test_results_of_other_things_are_not_kept(many, tmp_path, args, given, said):
    before = (tmp_path / "out" / "a" / "track.json").read_bytes()
    ran = many(*args, **given)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1), ran
    assert said in ran.err
    assert "give another folder or pass --overwrite" in ran.err
    assert (tmp_path / "out" / "a" / "track.json").read_bytes() == before
    assert json.loads(many(*args, "--overwrite", "--json", **given).out)["kept"] == []
    assert json.loads(many(*args, "--json", **given).out)["kept"] == ["a", "b"]


def test_finished_sequences_are_known_from_elsewhere(spectrack, many, tmp_path, monkeypatch):
    """By the places that names stand for, not by the names."""
    monkeypatch.chdir(tmp_path / "other")
    places = ("../masks", "--video", "../videos", "--out", "../out", "--preset", "published")
    assert json.loads(spectrack("refine", *places, "--json").out)["kept"] == ["a", "b"]
    monkeypatch.chdir(tmp_path / "other" / "a")
    shutil.copytree(tmp_path / "masks", tmp_path / "other" / "masks")
    shutil.copytree(tmp_path / "videos", tmp_path / "other" / "videos")
    out = ("--out", tmp_path / "out", "--preset", "published")
    ran = spectrack("refine", "../masks", "--video", "../videos", *out)
    assert (ran.status, "was made with" in ran.err) == (2, True), ran


def test_results_of_older_versions_are_kept(many, tmp_path, monkeypatch):
    """They do not tell object and resizing, and places as they were given."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        file = tmp_path / "out" / name / "track.json"
        info = json.loads(file.read_text())
        made = info["objects"]["1"]
        del made["object"], made["resize"]
        made.update(masks=f"masks/{name}", source=f"videos/{name}")
        file.write_text(json.dumps(info))
    assert json.loads(many("--json", "--resize").out)["kept"] == ["a", "b"]
    assert many(masks="other").status == 2


def test_finished_sequences_are_kept_in_a_project_that_moved(spectrack, many, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("masks", "other", "videos", "films", "out"):
        shutil.move(tmp_path / name, moved / name)
    places = {"masks": "moved/masks", "videos": "moved/videos"}
    out = ("--out", moved / "out", "--json")
    assert json.loads(many(*out, **places).out)["kept"] == ["a", "b"]
    for name, other in (("masks", "moved/other"), ("videos", "moved/films")):
        ran = many(*out, **places | {name: other})
        assert (ran.status, "was made with" in ran.err) == (2, True), ran


def test_results_of_older_versions_are_known_from_elsewhere(many, tmp_path, monkeypatch):
    """Their places are as they were given, from a folder that nobody knows any more."""
    for name, given in (("a", f"masks{os.sep}a"), ("b", f"..{os.sep}masks{os.sep}b")):
        file = tmp_path / "out" / name / "track.json"
        info = json.loads(file.read_text())
        del info["objects"]["1"]["from_here"]
        info["objects"]["1"].update(masks=given, source=name)
        file.write_text(json.dumps(info))
    monkeypatch.chdir(tmp_path / "films")
    assert json.loads(many("--json").out)["kept"] == ["a", "b"]
    assert "was made with masks" in many(masks="other").err


@pytest.mark.parametrize("text", ["{}", "", "[]", '{"objects": {"1": 3}}', '{"objects": []}'])
def test_a_spoilt_result_among_the_finished_is_told(many, tmp_path, text):
    (tmp_path / "out" / "b" / "track.json").write_text(text)
    ran = many()
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1), ran
    assert "b/track.json cannot be read" in ran.err
    assert many("--overwrite").status == 0
    assert len(Track.load(tmp_path / "out" / "b")) == 10

"""``spectrack evaluate`` and ``demo`` end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mask_folders import id_map, write_sequence
from spectrack.metrics.regions import jaccard
from spectrack.tracks import Track, write_index_png


@pytest.fixture(scope="module")
def davis(tmp_path_factory, frames_folder, truth_folder) -> Path:
    """Two sequences in DAVIS layout, the second one backwards."""
    root = tmp_path_factory.mktemp("davis")
    stems = sorted(p.stem for p in frames_folder.glob("*.png"))
    for name, order in (("lake", stems), ("pond", stems[::-1])):
        frames = root / "JPEGImages" / "480p" / name
        truth = root / "Annotations" / "480p" / name
        frames.mkdir(parents=True)
        truth.mkdir(parents=True)
        for stem, source in zip(stems, order, strict=True):
            with Image.open(frames_folder / f"{source}.png") as image:
                image.save(frames / f"{stem}.jpg", quality=95)
            shutil.copy(truth_folder / f"{source}.png", truth / f"{stem}.png")
    lists = root / "ImageSets" / "480p"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("lake\npond\n")
    return root


def test_results_are_scored_by_the_rule_of_davis(spectrack, davis, clip, tmp_path):
    shifted = np.roll(clip.masks_thw, 2, axis=1)
    folder = tmp_path / "mine" / "lake"
    folder.mkdir(parents=True)
    for stem, mask in zip(clip.stems, shifted, strict=True):
        write_index_png(folder / f"{stem}.png", mask.astype(np.uint8))
    args = ("--results", tmp_path / "mine", "--root", davis, "--sequences", "lake")
    answer = json.loads(spectrack("evaluate", *args, "--json").out)
    expected = np.mean([jaccard(shifted[i], clip.masks_thw[i]) for i in range(1, 9)])
    assert answer["sequences"]["lake"]["J"]["mean"] == pytest.approx(expected, abs=1e-12)
    assert answer["mean"]["J"]["mean"] == pytest.approx(expected, abs=1e-12)
    shown = spectrack("evaluate", *args).out
    assert f"{100 * expected:.1f}" in shown
    assert "lake" in shown


def test_a_tracker_is_run_resumably_and_scored(spectrack, davis, still, tmp_path, monkeypatch):
    from still_tracker import StillTracker

    out = tmp_path / "runs"
    args = ("--tracker", still, "--out", out, "--root", davis, "--from-mask", "--json")
    first = json.loads(spectrack("evaluate", *args).out)
    assert list(first["sequences"]) == ["lake", "pond"]
    assert 0.1 < first["mean"]["J"]["mean"] < 1
    shutil.rmtree(out / "pond")
    started = []
    init = StillTracker.init
    monkeypatch.setattr(StillTracker, "init", lambda *a: started.append(1) or init(*a))
    again = json.loads(spectrack("evaluate", *args).out)
    assert len(started) == 1
    assert again["mean"]["J"] == first["mean"]["J"]
    other = spectrack("evaluate", *[a for a in args if a != "--from-mask"])
    assert other.status == 2
    assert "other settings" in other.err


def test_a_run_stopped_between_objects_goes_on_there(spectrack, tmp_path, monkeypatch):
    from spectrack.tracking.table import TRACKERS, TrackerEntry
    from still_tracker import UnevenTracker

    entry = TrackerEntry("still_tracker:UnevenTracker", "scores of its own", "masks")
    monkeypatch.setitem(TRACKERS, "uneven", entry)
    monkeypatch.setattr(UnevenTracker, "started", ())
    ids = [id_map((1, 2, 3, 8, 7), (4, 12, 5, 9, 9))] * 5
    stems = [f"{t:05d}" for t in range(5)]
    write_sequence(tmp_path / "mose" / "valid", "JPEGImages", "Annotations", "zoo", ids, stems)
    data = ("--dataset", "mose", "--root", tmp_path / "mose", "--json", "--from-mask", "--no-clean")
    args = ("evaluate", "--tracker", "uneven", "--out", tmp_path / "out", *data)
    with monkeypatch.context() as patched:
        patched.setattr(UnevenTracker, "fails_at", 12)
        assert spectrack(*args).status == 130
    assert [p.name for p in (tmp_path / "out").iterdir() if p.is_dir()] == ["zoo.objects.part"]
    said = json.loads(spectrack(*args).out)
    assert UnevenTracker.started == (2, 12)
    assert list(said["sequences"]) == ["zoo/1", "zoo/4"]
    assert said["mean"]["J"]["mean"] == 1  # they do not move
    assert not list((tmp_path / "out").glob("*.part"))


def test_refined_sequences_can_be_scored(spectrack, davis, tmp_path):
    masks, videos = davis / "Annotations" / "480p", davis / "JPEGImages" / "480p"
    out = tmp_path / "refined"
    places = ("--video", videos, "--out", out, "--no-overlay")
    assert spectrack("refine", masks, *places, "--preset", "published").status == 0
    answer = json.loads(spectrack("evaluate", "--results", out, "--root", davis, "--json").out)
    assert answer["mean"]["J"]["mean"] > 0.8


def test_demo(spectrack, tmp_path):
    out = tmp_path / "demo"
    ran = spectrack("demo", "--frames", "6", "--out", out, "--json")
    assert ran.status == 0, ran
    answer = json.loads(ran.out)
    assert {"clip.mp4", "truth", "result", "demo.json"} == {p.name for p in out.iterdir()}
    track = Track.load(out / "result")
    truth = [np.asarray(Image.open(out / "truth" / f"{i:05d}.png")) for i in range(6)]
    overlap = [jaccard(track.mask(i), truth[i] != 0) for i in range(1, 5)]
    assert answer["J"] == pytest.approx(np.mean(overlap), abs=1e-9)
    assert answer["J"] > 0.8
    assert json.loads((out / "demo.json").read_text())["J"] == answer["J"]
    assert track.info["source"] == str(out / "clip.mp4")
    again = spectrack("demo", "--frames", "6", "--out", out)
    assert again.status == 2
    again = spectrack("demo", "--frames", "6", "--out", out, "--overwrite")
    assert again.status == 0
    # x264 may write another file of the same frames, so the second clip differs a little.
    second = json.loads((out / "demo.json").read_text())["J"]
    assert second == pytest.approx(answer["J"], abs=0.02)
    assert f"J {second:.3f}" in again.out
    assert str(out / "result" / "overlay.mp4") in again.out


def test_options_of_the_data_set(spectrack, davis, tmp_path):
    """``--split`` and ``--set-data split=`` are one; what is wrong is one sentence."""
    (davis / "ImageSets" / "480p" / "half.txt").write_text("pond\n")
    args = ("evaluate", "--results", davis / "Annotations" / "480p", "--root", davis, "--json")
    flag, option = spectrack(*args, "--split", "half"), spectrack(*args, "--set-data", "split=half")
    assert list(json.loads(flag.out)["sequences"]) == ["pond"]
    assert json.loads(option.out) == json.loads(flag.out)
    for given, message in (
        (("--set-data", "split"), "--set-data split was given; expected NAME=VALUE, each option"),
        (("--split", "half", "--set-data", "split=val"), "expected NAME=VALUE, each option once"),
        (
            ("--set-data", "need_frames=perhaps"),
            "data set davis2016: need_frames is 'perhaps'; give yes or no",
        ),
        (("--dataset", "otb", "--split", "val"), "data set otb has no option split"),
        (("--dataset", "vot", "--upright", "tight"), "give one of bounds, mean_area"),
    ):
        ran = spectrack(*args, *given)
        assert (ran.status, ran.out) == (2, "")
        assert message in ran.err
        assert ran.err.count("\n") == 1

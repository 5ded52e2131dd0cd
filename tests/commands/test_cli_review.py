"""``spectrack review``: the right frames, in words, with pictures; and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks


@pytest.fixture
def result(clip, tmp_path):
    """A result folder whose doubt peaks at frames 7 and 2; the first by disagreement."""
    track = Track(clip.size_wh)
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        track.append(Prediction(Box.from_mask(mask), mask, 0.9, True), stem)
    doubt = [0.1, 0.2, 0.5, 0.2, 0.1, 0.1, 0.7, 0.8, 0.7, 0.1]
    parts = {name: [0.05] * 10 for name in ("disagreement", "change", "weakness", "jump")}
    parts["disagreement"][7], parts["weakness"][2], parts["jump"][2] = 0.7, 0.3, 0.25
    track.info.update(doubt=doubt, doubt_parts=parts)
    return track.save(tmp_path / "result")


def test_the_list(spectrack, result):
    ran = spectrack("review", result, "--apart", 3)
    assert ran.status == 0, ran
    lines = [line.split(maxsplit=2) for line in ran.out.splitlines()]
    assert lines[0] == ["frame", "doubt", "why"]
    assert lines[1] == ["00007", "0.80", "methods disagree"]
    assert lines[2] == ["00002", "0.50", "weak response, mask jumped"]


def test_json_and_top(spectrack, result, clip_mp4):
    ran = spectrack("review", result, "--top", 1, "--json", "--video", clip_mp4)
    answer = json.loads(ran.out)
    assert answer["sheet"] is None
    (frame,) = answer["frames"]
    assert frame.pop("time_s") == pytest.approx(7 / 24, abs=0.01)
    assert frame == {
        "frame": 7,
        "stem": "00007",
        "object": 1,
        "doubt": 0.8,
        "reasons": ["methods disagree"],
    }


def test_the_sheet(spectrack, result, frames_folder, tmp_path):
    sheet = tmp_path / "deep" / "sheet.png"
    args = ("--apart", 3, "--sheet", sheet, "--video", frames_folder)
    ran = spectrack("review", result, *args)
    assert ran.status == 0, ran
    assert f"pictures: {sheet}" in ran.out
    rows = len(ran.out.splitlines()) - 2
    width, height = Image.open(sheet).size
    assert width > 480 * min(rows, 3)
    assert height > 300


def test_a_result_without_doubt(spectrack, clip, tmp_path):
    """Only the masks and scores tell: a frame in which the mask is four times as large."""
    track = Track(clip.size_wh)
    for t, mask in enumerate(clip.masks_thw):
        shown = np.ones_like(mask) if t == 5 else mask
        track.append(Prediction(Box.from_mask(shown), shown, 0.9, True))
    track.save(tmp_path / "result")
    answer = json.loads(spectrack("review", tmp_path / "result", "--json").out)
    assert answer["frames"][0]["frame"] == 5
    assert answer["frames"][0]["reasons"] == ["mask jumped"]


def test_several_objects(spectrack, result, tmp_path):
    one, other = Track.load(result), Track.load(result)
    other.info["doubt"] = [0.9] + [0.0] * 9
    Tracks({1: one, 4: other}).save(tmp_path / "both")
    found = json.loads(spectrack("review", tmp_path / "both", "--json").out)["frames"]
    assert [(f["object"], f["frame"]) for f in found[:2]] == [(4, 0), (1, 7)]
    only = json.loads(spectrack("review", tmp_path / "both", "--json", "--object", 1).out)
    assert {f["object"] for f in only["frames"]} == {1}


def test_what_refine_wrote_has_doubt(spectrack, truth_folder, frames_folder, tmp_path):
    out = tmp_path / "refined"
    args = ("--video", frames_folder, "--out", out, "--no-overlay")
    assert spectrack("refine", truth_folder, *args).status == 0
    parts = Track.load(out).info["doubt_parts"]
    assert set(parts) == {"change", "weakness", "jump"}
    assert spectrack("review", out).status == 0


def test_the_frames_of_a_track_come_by_what_correcting_them_promises(spectrack, result, tmp_path):
    track = Track.load(result)
    track.info.update(tracker="still", doubt=[0, 0.9, 0.0, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    track.save(tmp_path / "followed")
    ran = spectrack("review", tmp_path / "followed", "--apart", 3, "--json")
    found = json.loads(ran.out)["frames"]
    # Triangles of 20 frames: of all frames that have doubt, the fifth answers most of it.
    reach = 20
    doubts = track.info["doubt"]
    sums = [sum(d * (1 - abs(s - t) / reach) for s, d in enumerate(doubts)) for t in range(10)]
    best = max((t for t in range(10) if doubts[t]), key=lambda t: sums[t])
    assert found[0]["frame"] == best
    assert found[0]["use"] == pytest.approx(sums[best], abs=1e-3)
    assert found[0]["doubt"] == doubts[best]
    assert all(doubts[row["frame"]] > 0 for row in found)


def refused(ran, *words):
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert all(word in ran.err for word in words), ran.err


def test_mistakes(spectrack, result, frames_folder, tmp_path, clip):
    refused(spectrack("review", tmp_path / "none"), "not a complete result folder")
    refused(spectrack("review", result, "--top", 0), "--top 0")
    refused(spectrack("review", result, "--object", 9), "holds no object 9; it has 1")
    refused(spectrack("review", result, "--sheet", tmp_path / "a.png"), "give --video VIDEO too")
    video = ("--video", frames_folder)
    refused(spectrack("review", result, "--sheet", tmp_path / "a.txt", *video), ".png or .jpg")
    small = tmp_path / "small"
    small.mkdir()
    Image.new("RGB", (64, 64)).save(small / "00000.png")
    refused(spectrack("review", result, "--video", small), "the video is 64x64")
    Image.new("RGB", clip.size_wh).save(small / "00000.png")
    refused(spectrack("review", result, "--video", small), "holds 1 frames and the track 10")
    assert not (tmp_path / "a.png").exists()


def test_a_file_that_is_there_is_replaced_only_on_request(
    spectrack, result, frames_folder, tmp_path
):
    sheet = tmp_path / "holiday.png"
    sheet.write_text("mine")
    args = ("review", result, "--video", frames_folder, "--sheet")
    refused(spectrack(*args, sheet), "--sheet", "holiday.png is there; pass --overwrite")
    assert sheet.read_text() == "mine"
    refused(spectrack(*args, sheet / "under.png"), "holiday.png cannot be used")
    assert spectrack(*args, sheet, "--overwrite").status == 0
    assert Image.open(sheet).size[0] > 480
    (tmp_path / "folder.png").mkdir()
    refused(spectrack(*args, tmp_path / "folder.png", "--overwrite"), "is a folder; give a file")


@pytest.mark.parametrize("doubt", [[0.1], ["much"] * 10, "much", None, {"a": 1}])
def test_doubt_that_does_not_fit(spectrack, result, doubt):
    info = json.loads((result / "track.json").read_text())
    info["objects"]["1"]["doubt"] = doubt
    (result / "track.json").write_text(json.dumps(info))
    refused(spectrack("review", result), "does not fit its frames")

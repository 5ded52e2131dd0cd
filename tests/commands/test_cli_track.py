"""``spectrack track`` end to end."""

from __future__ import annotations

import csv
import json
import socket
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from random_sftrack import write_random_weights
from spectrack.errors import InputError
from spectrack.structures import Prediction
from spectrack.tracking.base import Tracker
from spectrack.tracking.explaining import Explainer
from spectrack.tracking.table import TRACKERS, TrackerEntry
from spectrack.tracks import Track, Tracks, write_index_png


@pytest.fixture
def track(spectrack, still, tmp_path):
    def run(video, *args):
        out = ("--out", tmp_path / "out")
        ran = spectrack("track", video, "--tracker", still, "--no-clean", *out, *args)
        assert ran.status == 0, ran
        return ran

    return run


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_the_result_folder(track, frames_folder, clip_box, clip, tmp_path):
    ran = track(frames_folder, "--box", clip_box, "--json")
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == [
        "boxes.csv",
        "masks",
        "overlay.mp4",
        "track.json",
    ]
    truth = clip.target.box.fill(clip.size_wh)
    names = sorted(p.name for p in (out / "masks").iterdir())
    assert names == [f"{stem}.png" for stem in clip.stems]
    for name in names:
        with Image.open(out / "masks" / name) as image:
            assert image.mode == "P"
            np.testing.assert_array_equal(np.asarray(image), truth)
    with (out / "boxes.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [tuple(float(r[k]) for k in "xywh") for r in rows] == [tuple(clip.target.box)] * 10
    info = json.loads((out / "track.json").read_text())
    made = info["objects"]["1"]
    assert made["source"] == str(frames_folder)
    assert made["tracker"] == "still"
    assert made["versions"]["spectrack"]
    assert made["timings"]["tracking_s"] >= 0
    with av.open(str(out / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
    drawn = decoded(out / "overlay.mp4")
    assert len(drawn) == 10
    changed = np.abs(drawn[0].astype(int) - clip.frames_thwc[0]).mean(axis=2)
    assert (
        changed[truth].mean() > 4 * changed[~clip.target.box.scale(1.5).fill(clip.size_wh)].mean()
    )
    answer = json.loads(ran.out)
    assert ran.err == ""
    assert answer["frames"] == 10
    assert answer["objects"]["1"]["found"] == 10
    assert answer["overlay"] == str(out / "overlay.mp4")


def test_text_for_people_says_where_the_results_are(track, frames_folder, clip_box, tmp_path):
    ran = track(frames_folder, "--box", clip_box, "--max-frames", 3, "--no-overlay")
    assert f"results: {tmp_path / 'out'}" in ran.out
    assert "3 frames followed with still" in ran.out
    assert not (tmp_path / "out" / "overlay.mp4").exists()
    assert len(Track.load(tmp_path / "out")) == 3


def test_several_boxes_and_an_indexed_mask(track, frames_folder, tmp_path):
    track(frames_folder, "--box", "5,5,20,20", "--box=-5,50,20,20", "--no-overlay")
    both = Tracks.load(tmp_path / "out")
    assert [t[0].box.w for t in both.values()] == [20, 20]
    index = np.zeros((80, 128), np.uint8)
    index[5:25, 5:25], index[50:60, 40:80] = 2, 9
    write_index_png(tmp_path / "index.png", index)
    track(frames_folder, "--mask", tmp_path / "index.png", "--overwrite")
    assert list(Tracks.load(tmp_path / "out")) == [2, 9]
    with Image.open(tmp_path / "out" / "masks" / "00009.png") as image:
        np.testing.assert_array_equal(np.asarray(image), index)


def test_a_finished_result_needs_overwrite(track, spectrack, frames_folder, clip_box, tmp_path):
    track(frames_folder, "--box", clip_box, "--no-overlay")
    before = (tmp_path / "out" / "track.json").read_bytes()
    args = ("--box", clip_box, "--tracker", "still", "--out", tmp_path / "out")
    again = spectrack("track", frames_folder, *args)
    assert again.status == 2
    assert "--overwrite" in again.err
    assert (tmp_path / "out" / "track.json").read_bytes() == before


class Fading(Tracker):
    """Its mask is 0.6 on the left of the box, 1 on the right; it never moves."""

    def _init(self, frame_hwc, target):
        soft = np.where(target.box.fill(self.size_wh), np.float32(1), np.float32(0))
        soft[:, : int(target.box.center[0])] *= np.float32(0.6)
        self._answer = Prediction(target.box, soft)
        return self._answer

    def _update(self, frame_hwc):
        return self._answer


def test_the_overlay_is_as_soft_as_the_masks_when_asked(spectrack, monkeypatch, tmp_path):
    monkeypatch.setitem(TRACKERS, "fading", TrackerEntry(f"{__name__}:Fading", "", "masks"))
    (tmp_path / "grey").mkdir()
    for t in range(3):
        Image.new("RGB", (128, 80), (90, 90, 90)).save(tmp_path / "grey" / f"{t}.png")
    command = ("track", tmp_path / "grey", "--box", "24,16,80,48", "--tracker", "fading")
    drawn = {}
    for name, flags in (("hard", ()), ("soft", ("--soft-overlay",))):
        out = tmp_path / name
        ran = spectrack(*command, "--no-clean", "--out", out, *flags)
        assert ran.status == 0, ran
        assert sorted(p.name for p in out.iterdir()) == sorted(
            ["boxes.csv", "masks", "overlay.mp4", "track.json"]
        )
        frames = np.array(decoded(out / "overlay.mp4"), float)
        assert len(frames) == 3
        tint = np.abs(frames - 90).mean(axis=(0, 3))
        drawn[name] = tint[36:50, 36:56].mean(), tint[36:50, 72:92].mean()
    left, right = drawn["hard"]
    assert left == pytest.approx(right, rel=0.1)
    left, right = drawn["soft"]
    assert left == pytest.approx(0.6 * right, rel=0.1)
    np.testing.assert_array_equal(
        Track.load(tmp_path / "hard").masks_thw(), Track.load(tmp_path / "soft").masks_thw()
    )


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_flow_on_a_lossless_file_equals_flow_on_frames(
    spectrack, frames_folder, clip_box, clip, tmp_path
):
    from spectrack.video.writer import VideoWriter

    with VideoWriter(tmp_path / "clip.mp4", 24, clip.size_wh, lossless=True) as writer:
        for frame in clip.frames_thwc:
            writer.write(frame)
    for name, video in (("frames", frames_folder), ("file", tmp_path / "clip.mp4")):
        out = ("--out", tmp_path / name, "--quiet", "--no-overlay")
        ran = spectrack("track", video, "--box", clip_box, "--tracker", "flow", *out)
        assert ran.status == 0, ran
    frames, file = Track.load(tmp_path / "frames"), Track.load(tmp_path / "file")
    np.testing.assert_array_equal(frames.masks_thw(), file.masks_thw())
    assert overlap(frames.mask(0), clip.masks_thw[0]) > 0.5


@pytest.fixture
def no_network(monkeypatch):
    """Whatever asks for the network fails."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_sftrack_follows_where_no_tracker_is_named(
    spectrack, frames_folder, clip_box, clip, tmp_path, no_network
):
    args = ("--max-frames", 6, "--out", tmp_path / "out", "--json")
    ran = spectrack("track", frames_folder, "--box", clip_box, *args)
    assert ran.status == 0, ran
    assert json.loads(ran.out)["tracker"] == "sftrack"
    track = Track.load(tmp_path / "out")
    assert track.info["settings"]["weights"] == ""
    scores = [overlap(track.mask(t), clip.masks_thw[t]) for t in range(6)]
    assert np.mean(scores) > 0.5


@pytest.fixture
def explained(spectrack, small_crops, frames_folder, clip_box, tmp_path):
    """Follow with untrained networks; give back what was said."""
    weights = write_random_weights(tmp_path / "w.safetensors")
    settings = (
        "--set",
        f"weights={weights}",
        "--set",
        "box_rule=robust",
        "--set",
        "inputs=kcf,mosse",
    )

    def run(*args):
        out = ("--out", tmp_path / "out", "--no-clean", "--no-overlay", "--overwrite")
        target = () if "--box" in args else ("--box", clip_box)
        ran = spectrack("track", frames_folder, *target, *settings, *out, *args)
        assert ran.status == 0, ran
        return ran

    return run


def sheet_of(folder: Path) -> np.ndarray:
    with Image.open(folder / "explain.png") as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def test_explain_writes_a_sheet_with_a_row_a_frame(explained, tmp_path):
    out = tmp_path / "out"
    answer = json.loads(explained("--explain", "--json").out)
    assert answer["explain"] == str(out / "explain.png")
    chosen = sheet_of(out)
    assert f"explain: {out / 'explain.png'}" in explained("--explain-frames", "0,4,9").out
    three = sheet_of(out)
    explained("--explain-frames", "4", "--max-frames", "5")
    one = sheet_of(out)
    assert three.shape[1] == one.shape[1] == chosen.shape[1]
    row = (three.shape[0] - one.shape[0]) // 2
    rest = one.shape[0] - row
    assert 6 <= (chosen.shape[0] - rest) / row <= 8
    assert "explain: " not in explained("--max-frames", "2").out
    assert not (out / "explain.png").exists()


def test_explain_shows_every_object(explained, tmp_path):
    frames = ("--explain-frames", "1,3", "--max-frames", "4")
    explained("--box", "5,5,20,20", *frames)
    one = sheet_of(tmp_path / "out")
    explained("--box", "5,5,20,20", "--box", "60,30,30,20", *frames)
    two = sheet_of(tmp_path / "out")
    both = Tracks.load(tmp_path / "out")
    assert [track[0].box.w for track in both.values()] == [20, 30]
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > 1.6 * one.shape[0]


def test_frames_that_were_shrunk_are_explained(explained, tmp_path):
    explained("--explain", "--max-frames", "3")
    whole = sheet_of(tmp_path / "out")
    explained("--explain", "--max-frames", "3", "--set", "largest=64")
    assert sheet_of(tmp_path / "out").shape == whole.shape


def test_a_sheet_that_cannot_be_drawn_is_told_and_costs_no_answer(explained, monkeypatch, tmp_path):
    def torn(explainer, title):
        raise InputError("the paper is torn; give another sheet")

    monkeypatch.setattr(Explainer, "sheet", torn)
    answer = json.loads(explained("--explain", "--max-frames", "3", "--json").out)
    assert answer["explain"] is None
    assert answer["warnings"] == ["explain.png is left out: the paper is torn; give another sheet"]
    assert len(Track.load(tmp_path / "out")) == 3
    assert not (tmp_path / "out" / "explain.png").exists()


def test_an_overlay_that_cannot_be_written_costs_no_answer(
    track, frames_folder, clip_box, monkeypatch, tmp_path
):
    def fail(path, *args, **kwargs):
        raise av.error.ArgumentError(22, "no room for sound")

    monkeypatch.setattr("spectrack.video.export.write_overlay", fail)
    answer = json.loads(track(frames_folder, "--box", clip_box, "--json").out)
    assert answer["overlay"] is None
    (warning,) = answer["warnings"]
    assert warning.startswith("overlay.mp4 is left out: ")
    assert "no room for sound" in warning
    out = tmp_path / "out"
    assert len(Track.load(out)) == 10
    assert sorted(p.name for p in out.iterdir()) == ["boxes.csv", "masks", "track.json"]


def test_an_input_that_fails_is_told_at_the_end(explained, monkeypatch):
    from spectrack.trackers.opencv.tracker import OpenCVTracker

    update = OpenCVTracker.update

    def break_down(self, frame_hwc):
        if self.settings.kind == "mosse":
            raise RuntimeError("out of cheese")
        return update(self, frame_hwc)

    monkeypatch.setattr(OpenCVTracker, "update", break_down)
    sentence = "input mosse failed (out of cheese) and is left out from here on"
    ran = explained("--max-frames", "3")
    assert f"warning: {sentence}\n" in ran.out
    assert "Warning" not in ran.err
    assert json.loads(explained("--max-frames", "3", "--json").out)["warnings"] == [sentence]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--tracker", "still", "--explain"), "tracker still fuses no others"),
        (("--tracker", "flow", "--explain-frames", "3"), "tracker flow fuses no others"),
        (("--explain-frames", "3,x"), "--explain-frames 3,x is no list of frame numbers"),
        (("--explain-frames", "1.5"), "is no list of frame numbers"),
        (("--explain-frames=-2",), "frames count from 0"),
        (("--explain-frames", "3,10"), "names frame 10 of 10; give numbers from 0 to 9"),
        (("--explain-frames", "3", "--max-frames", "3"), "names frame 3 of 3"),
        (("--explain-frames", ",".join(map(str, [*range(10), *range(99)]))), "99 frames"),
    ],
)
def test_explain_mistakes_are_told_before_work(
    spectrack, still, frames_folder, clip_box, tmp_path, args, sentence
):
    weights = ()
    if "--tracker" not in args:
        weights = ("--set", f"weights={write_random_weights(tmp_path / 'w.safetensors')}")
    out = ("--out", tmp_path / "out")
    ran = spectrack("track", frames_folder, "--box", clip_box, *out, *weights, *args)
    assert ran.status == 2
    assert ran.err.count("\n") == 1
    assert sentence in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.data
def test_dog_from_frames_and_from_an_mp4(spectrack, davis_root, tmp_path):
    from spectrack.datasets.davis import Davis2016
    from spectrack.video.cut import FirstFrames
    from spectrack.video.writer import write_video

    count = 6
    sequence = Davis2016(davis_root, sequences=["dog"])["dog"]
    box = ",".join(f"{v:g}" for v in sequence.target().box)
    folder = davis_root / "JPEGImages" / "480p" / "dog"
    with sequence.frames() as frames:
        write_video(tmp_path / "dog.mp4", FirstFrames(frames, count))
    tracks = {}
    for video in (folder, tmp_path / "dog.mp4"):
        out = tmp_path / f"out {video.suffix}"
        args = ("--box", box, "--out", out, "--max-frames", count, "--json")
        assert json.loads(spectrack("track", video, *args).out)["frames"] == count
        assert len(decoded(out / "overlay.mp4")) == count
        tracks[video.suffix] = Track.load(out)
    assert tracks[""].stems == list(sequence.stems[:count])
    for t in range(count):
        assert overlap(tracks[""].mask(t), tracks[".mp4"].mask(t)) > 0.9
        assert overlap(tracks[""].mask(t), sequence.truth_mask(t)) > 0.5

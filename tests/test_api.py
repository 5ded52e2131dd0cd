"""The verbs of the library."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import spectrack as st
from spectrack.metrics.boundary import boundary_f
from spectrack.metrics.regions import jaccard
from spectrack.tracking.base import Tracker


def test_track_one_object(frames_folder, clip, still):
    seen = []
    track = st.track(
        frames_folder,
        box=clip.target.box,
        tracker=still,
        max_frames=4,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert len(track) == 4
    assert track.stems == list(clip.stems[:4])
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert track.info["tracker"] == still
    assert track.info["source"] == str(frames_folder)


def test_track_from_arrays_and_mask_files(truth_folder, clip, still):
    from_array = st.track(clip.frames_thwc, mask=clip.masks_thw[0], tracker=still, clean=False)
    file = truth_folder / "00000.png"
    from_file = st.track(clip.frames_thwc, mask=file, tracker=still, clean=False)
    for track in (from_array, from_file):
        np.testing.assert_array_equal(track.mask(9), clip.masks_thw[0])


def test_track_cleans_unless_told_not_to(clip, still):
    mask = clip.masks_thw[0]
    cleaned = st.track(clip.frames_thwc, mask=mask, tracker=still)
    plain = st.track(clip.frames_thwc, mask=mask, tracker=still, clean=False)
    assert (cleaned.info["cleaned"], plain.info["cleaned"]) == (True, False)
    np.testing.assert_array_equal(cleaned.mask(0), mask)
    assert (cleaned.masks_thw() != plain.masks_thw()).any()


def test_track_several(clip, still):
    targets = {2: st.Target(box=(1, 2, 30, 30)), 5: st.Target(box=(60, 20, 20, 30))}
    tracks = st.track_all(clip.frames_thwc, targets, tracker=still, clean=False)
    assert list(tracks) == [2, 5]
    assert tracks[5][3].box == st.Box(60, 20, 20, 30)


def test_targets_may_be_boxes_and_masks(clip, truth_folder, still):
    """As `track` takes them; what is none of these is told."""
    frames, mask = clip.frames_thwc[:3], clip.masks_thw[0]
    box = st.Box.from_mask(mask)
    tight = st.track_all(frames, {3: st.Target(mask=mask)}, tracker=still, clean=False)
    boxes = (box, tuple(box), list(box), np.array(tuple(box)), np.array([tuple(box)]))
    for given in (*boxes, mask, mask[None], mask.tolist(), truth_folder / "00000.png"):
        tracks = st.track_all(frames, {3: given}, tracker=still, clean=False)
        assert tracks[3].boxes_xywh().tolist() == tight[3].boxes_xywh().tolist()
    for wrong, told in (
        ([tuple(box)], "targets of type list were given; give a dict"),
        ({1: (1, 2, 3)}, "is not four numbers"),
        ({1: [0] * 999}, r"^.{,160}$"),
        ({1: mask[..., None, None]}, r"^a mask of dtype bool and shape .{,99}$"),
        ({1: None}, "a target needs a box or a mask"),
    ):
        with pytest.raises(st.InputError, match=told):
            st.track_all(frames, wrong, tracker=still)


class Mine(Tracker):
    """A tracker of a user: its box grows with every frame."""

    def _init(self, frame_hwc, target):
        self._box = target.box
        return st.Prediction(self._box)

    def _update(self, frame_hwc):
        self._box = self._box.scale(1.1)
        return st.Prediction(self._box)


def test_track_with_a_tracker_of_ones_own(clip, tmp_path):
    by_instance = st.track(clip.frames_thwc, box=(40, 30, 10, 20), tracker=Mine())
    by_class = st.track(clip.frames_thwc, box=(40, 30, 10, 20), tracker=Mine)
    for track in (by_instance, by_class):
        assert track.info["tracker"] == "Mine"
        assert track.info["settings"] == {}
        widths = track.boxes_xywh()[:, 2]
        np.testing.assert_allclose(widths, 10 * 1.1 ** np.arange(10))
    assert st.Track.load(by_instance.save(tmp_path / "out")).info["tracker"] == "Mine"


def test_track_several_with_trackers_of_ones_own(clip):
    targets = {2: st.Target(box=(1, 2, 30, 30)), 5: st.Target(box=(60, 20, 20, 30))}
    made = []

    def make():
        made.append(Mine())
        return made[-1]

    tracks = st.track_all(clip.frames_thwc, targets, tracker=make, max_frames=3)
    assert len(made) == 2
    assert [tracks[key][2].box.w for key in (2, 5)] == pytest.approx([36.3, 24.2])
    assert tracks[5].info["tracker"] == "Mine"
    one = st.track_all(clip.frames_thwc, {9: targets[2]}, tracker=Mine(), max_frames=3)
    assert one[9].info["tracker"] == "Mine"


def test_track_mistakes_with_trackers_of_ones_own(clip):
    targets = {2: st.Target(box=(1, 2, 30, 30)), 5: st.Target(box=(60, 20, 20, 30))}
    frames, only = clip.frames_thwc, {1: targets[2]}
    one = Mine()
    with pytest.raises(st.InputError, match=r"settings rate, steps were given beside.*\(Mine\)"):
        st.track_all(frames, only, tracker=one, rate=0.1, steps=3)
    with pytest.raises(st.InputError, match="settings rate were given beside"):
        st.track_all(frames, only, tracker=Mine, rate=0.1)
    with pytest.raises(st.InputError, match="one Mine was given for 2 objects"):
        st.track_all(frames, targets, tracker=one)
    with pytest.raises(st.InputError, match="made a Mine twice, the same"):
        st.track_all(frames, targets, tracker=lambda: one)
    with pytest.raises(st.InputError, match="made a NoneType; it has to make a fresh Tracker"):
        st.track_all(frames, only, tracker=lambda: None)
    with pytest.raises(st.InputError, match="a int was given as tracker"):
        st.track_all(frames, only, tracker=3)


def test_track_past_a_broken_frame(frames_folder, tmp_path, still, clip):
    folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
    (folder / "00006.png").write_bytes(b"")
    asked = {"box": clip.target.box, "tracker": still}
    with pytest.raises(st.InputError, match=r"00006\.png is empty"):
        st.track(folder, **asked)
    with pytest.warns(RuntimeWarning, match=r"1 frame \(00006\)"):
        track = st.track(folder, **asked, skip_broken=True)
    assert track.info["broken_frames"] == ["00006"]
    assert [entry.score for entry in track] == [1.0] * 6 + [0.0] + [1.0] * 3


def test_sftrack_is_the_default_everywhere():
    import inspect
    from dataclasses import fields

    from spectrack.commands.demo import DemoCommand
    from spectrack.commands.track import TrackCommand

    verbs = {st.track: "tracker", st.track_all: "tracker", st.make_tracker: "name"}
    named = {inspect.signature(verb).parameters[name].default for verb, name in verbs.items()}
    for command in (DemoCommand, TrackCommand):
        named |= {field.default for field in fields(command) if field.name == "tracker"}
    assert named == {"sftrack"}


def test_explain_from_python(clip, tmp_path):
    from random_sftrack import write_random_weights
    from spectrack.tracking.explaining import Explainer

    weights = str(write_random_weights(tmp_path / "w.safetensors"))
    explainer = Explainer([0, 3])
    settings = {"weights": weights, "inputs": "kcf"}
    st.track(clip.frames_thwc[:4], box=clip.target.box, explain=explainer, **settings)
    sheet = explainer.sheet("koi")
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3


def test_what_cannot_be_explained_is_told(clip, still):
    from spectrack.tracking.explaining import Explainer

    with pytest.raises(st.InputError, match="does not fuse others"):
        st.track(clip.frames_thwc, box=clip.target.box, tracker=still, explain=Explainer())


def test_track_mistakes(clip, still):
    with pytest.raises(st.InputError, match="needs a box or a mask"):
        st.track(clip.frames_thwc)
    with pytest.raises(st.InputError, match="no target"):
        st.track_all(clip.frames_thwc, {})
    with pytest.raises(st.InputError, match="unknown"):
        st.track(clip.frames_thwc, box=(1, 1, 9, 9), tracker="nonsense")
    with pytest.raises(st.InputError, match="at least 1"):
        st.track(clip.frames_thwc, box=(1, 1, 9, 9), tracker=still, max_frames=0)


@pytest.mark.parametrize("preset", ["paper", "published"])
def test_refine_takes_arrays_folders_and_tracks(clip, truth_folder, frames_folder, still, preset):
    from_array = st.refine(clip.masks_thw, clip.frames_thwc, preset)
    from_folder = st.refine(truth_folder, frames_folder, preset)
    track = st.Track(clip.size_wh)
    for mask in clip.masks_thw:
        track.append(st.Prediction(st.Box.from_mask(mask), mask))
    from_track = st.refine(track, clip.frames_thwc, preset)
    expected = from_array.masks_thw()
    assert jaccard(expected.reshape(10, -1), clip.masks_thw.reshape(10, -1)) > 0.8
    np.testing.assert_array_equal(from_folder.masks_thw(), expected)
    np.testing.assert_array_equal(from_track.masks_thw(), expected)
    assert from_folder.stems == list(clip.stems)
    assert from_folder.info["preset"] == preset


def test_refine_mistakes(clip):
    with pytest.raises(st.InputError, match="choose from colour, deep, learned, paper, published"):
        st.refine(clip.masks_thw, clip.frames_thwc, "nonsense")
    with pytest.raises(st.InputError, match="9 masks were given for 10 frames"):
        st.refine(clip.masks_thw[1:], clip.frames_thwc, "paper")
    with pytest.raises(st.InputError, match="masks of 64x80 were given for frames of 128x80"):
        st.refine(clip.masks_thw[:, :, :64], clip.frames_thwc, "paper")
    nan = clip.masks_thw.astype(np.float32)
    nan[3, 2, 1] = np.nan
    with pytest.raises(st.InputError, match="NaN"):
        st.refine(nan, clip.frames_thwc, "paper")


def shifted(masks_thw: np.ndarray) -> np.ndarray:
    return np.roll(masks_thw, 3, axis=2)


def test_evaluate_is_the_mean_over_inner_frames(clip, truth_folder):
    result = shifted(clip.masks_thw)
    inner = range(1, 9)
    scores = st.evaluate(result, truth_folder)
    assert set(scores) == {"J", "F", "box_iou"}
    j = np.mean([jaccard(result[i], clip.masks_thw[i]) for i in inner])
    f = np.mean([boundary_f(result[i], clip.masks_thw[i]) for i in inner])
    assert scores["J"] == pytest.approx(j, abs=1e-12)
    assert scores["F"] == pytest.approx(f, abs=1e-12)
    assert 0 < scores["J"] < 1


def test_evaluate_matches_frames_by_stem(clip, truth_folder):
    reverse = st.Track(clip.size_wh)
    for i in reversed(range(10)):
        mask = clip.masks_thw[i]
        reverse.append(st.Prediction(st.Box.from_mask(mask), mask), clip.stems[i])
    assert st.evaluate(reverse, truth_folder)["J"] == 1.0


def test_evaluate_with_video_measures_consistency(clip, truth_folder, frames_folder):
    scores = st.evaluate(clip.masks_thw, truth_folder, frames_folder)
    assert scores["J"] == 1.0
    assert 0.5 < scores["tcont"] <= 1


def test_evaluate_mistakes(clip, truth_folder):
    with pytest.raises(st.InputError, match="the result has 7 frames but the truth 10"):
        st.evaluate(clip.masks_thw[:7], truth_folder)


def test_first_frames_of_a_video(clip_mp4, clip):
    from spectrack.api import open_frames

    with open_frames(clip_mp4, 4) as frames, open_frames(clip_mp4) as whole:
        assert (len(frames), len(whole)) == (4, 10)
        assert frames.size_wh == clip.size_wh
        np.testing.assert_array_equal(frames[3], whole[3])
        assert len(list(frames)) == len(list(frames)) == 4
        assert frames.times_s is not None
        assert len(frames.times_s) == 4
        with pytest.raises(IndexError):
            frames[4]


def test_five_lines_of_the_readme(clip_mp4, truth_folder, clip, tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text()
    code = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)[0]
    box = tuple(clip.target.box)
    monkeypatch.chdir(tmp_path)
    code = code.replace("(120, 80, 200, 160)", str(box)).replace("bike.mp4", str(clip_mp4))
    code = code.replace("annotations/", str(truth_folder)).replace('masks/"', f'{truth_folder}"')
    exec(compile(code, "README.md", "exec"), {})
    assert len(st.Track.load(tmp_path / "out")) == 10
    assert "'J'" in capsys.readouterr().out

"""The pool of inputs: side by side, one that fails is dropped, and what files can say."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from processes import PATIENCE_S
from random_sftrack import write_random_weights
from spectrack import threads
from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.trackers.sftrack.boxes import BoxReader
from spectrack.trackers.sftrack.feedback import Feedback
from spectrack.trackers.sftrack.inputs import Input, InputPool
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.loop import run, run_many
from spectrack.tracking.table import TRACKERS, TrackerEntry, make_tracker
from spectrack.video.reader import open_video


@dataclass(frozen=True)
class Settings:
    """Where the tracker breaks: never, or in the frame of this number."""

    breaks: int = -1


class Fragile(Tracker):
    """A box tracker that stays where it is until it breaks."""

    Settings = Settings
    met: threading.Barrier | None = None

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._breaks, self._frame = settings.breaks, -1

    def _answer(self):
        self._frame += 1
        if self._frame == self._breaks:
            raise RuntimeError("out of cheese")
        return Prediction(self._box)

    def _init(self, frame_hwc, target):
        self._box = target.box
        return self._answer()

    def _update(self, frame_hwc):
        if self.met is not None:
            self.met.wait(timeout=PATIENCE_S)
        return self._answer()


@pytest.fixture
def fragile(monkeypatch):
    """Names of trackers that hold, break in init, and break in the third frame."""
    for name, breaks in (("solid", -1), ("stillborn", 0), ("mortal", 2)):
        entry = TrackerEntry(f"{__name__}:Fragile", "for tests", "boxes", {"breaks": breaks})
        monkeypatch.setitem(TRACKERS, name, entry)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_random_weights(tmp_path_factory.mktemp("weights") / "w.safetensors")


@pytest.fixture
def make(weights):
    """A tracker with untrained networks and a box rule without any."""
    return partial(
        make_tracker, "sftrack", weights=str(weights), masks="feat2seg", box_rule="robust"
    )


FRAME = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
TARGET = Target(Box(20, 15, 30, 24))


def test_one_that_raises_in_init_is_dropped_with_a_warning(fragile):
    pool = InputPool(["stillborn", "solid"], 480)
    with pytest.warns(RuntimeWarning, match=r"input stillborn failed \(out of cheese\)"):
        said = pool.init(FRAME, TARGET)
    assert said[0] is None
    assert said[1].box == TARGET.box
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is told once
        again = pool.update(FRAME)
    assert again[0] is None
    assert again[1].box == TARGET.box


def test_one_that_raises_in_update_is_dropped_from_there_on(fragile):
    pool = InputPool(["mortal", "solid"], 480)
    assert all(h is not None for h in pool.init(FRAME, TARGET))
    assert all(h is not None for h in pool.update(FRAME))
    with pytest.warns(RuntimeWarning, match="input mortal failed"):
        said = pool.update(FRAME)
    assert [h is None for h in said] == [True, False]
    assert [one.failed for one in pool.inputs] == [True, False]
    pool.inputs[0].init(FRAME, TARGET)  # as feedback does within a video
    assert [h is None for h in pool.update(FRAME)] == [True, False]


def test_one_that_failed_in_a_video_is_there_again_in_the_next(fragile):
    pool = InputPool(["mortal", "solid"], 480)
    for _ in range(2):
        assert all(h is not None for h in pool.init(FRAME, TARGET))
        assert all(h is not None for h in pool.update(FRAME))
        with pytest.warns(RuntimeWarning, match="input mortal failed"):
            pool.update(FRAME)


def test_one_that_raises_while_it_prepares_is_dropped_with_a_warning(fragile, monkeypatch):
    pool = InputPool(["solid", "mortal"], longest=640)
    frame, target = np.zeros((40, 60, 3), np.uint8), Target(Box(10, 10, 20, 15))
    pool.init(frame, target)
    seen = []

    def prepare(tracker, frame_hwc):
        seen.append(frame_hwc)
        if tracker.settings.breaks == 2:
            raise RuntimeError("out of bread")

    monkeypatch.setattr(Fragile, "prepare", prepare)
    with pytest.warns(RuntimeWarning, match="mortal failed .out of bread."):
        answers = pool.update(frame)
    assert answers[0] is not None
    assert answers[1] is None
    assert len(seen) == 2
    assert all(one is frame for one in seen)


def test_inputs_work_side_by_side(fragile, monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 3)
    monkeypatch.setattr(Fragile, "met", threading.Barrier(3))
    pool = InputPool(["solid", "solid", "solid"], 480)
    pool.init(FRAME, TARGET)
    # Each waits for the other two inside update: one after the other, none would ever answer.
    assert [h.box for h in pool.update(FRAME)] == [TARGET.box] * 3


def test_each_answer_is_looked_at_on_its_own_thread_as_soon_as_it_is_there(fragile, monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 2)
    pool, seen, meet = InputPool(["solid", "mortal"], 480), {}, threading.Barrier(2)

    def look(place, answer):
        seen[place] = answer, threading.get_ident()
        meet.wait(timeout=PATIENCE_S)  # neither waits for the other's look to end

    pool.init(FRAME, TARGET)
    said = pool.update(FRAME, look)
    assert [seen[place][0] for place in (0, 1)] == said
    assert len({seen[place][1] for place in (0, 1)} - {threading.get_ident()}) == 2
    seen.clear()
    with pytest.warns(RuntimeWarning, match="input mortal failed"):
        pool.update(FRAME, lambda place, answer: seen.setdefault(place, answer))
    assert list(seen) == [0]


@pytest.mark.parametrize("longest", [45, 480])
def test_boxes_come_back_in_pixels_of_the_frame(fragile, monkeypatch, longest):
    shown = []
    update = Fragile.update

    def watched(self, frame_hwc):
        shown.append(frame_hwc.shape)
        return update(self, frame_hwc)

    monkeypatch.setattr(Fragile, "update", watched)
    pool = InputPool(["solid"], longest)
    pool.init(FRAME, TARGET)
    (said,) = pool.update(FRAME)
    assert tuple(said.box) == pytest.approx(tuple(TARGET.box))
    assert shown == [(30, 45, 3) if longest == 45 else (60, 90, 3)]


def test_a_file_of_boxes_and_a_folder_of_masks_are_inputs(clip, truth_folder, tmp_path):
    boxes = tmp_path / "boxes.csv"
    lines = [",".join(f"{v:g}" for v in Box.from_mask(mask)) for mask in clip.masks_thw]
    lines[2] = "nan,nan,nan,nan"
    boxes.write_text("\n".join(lines) + "\n")
    pool = InputPool([str(boxes), str(truth_folder)], 480)
    answers = [pool.init(clip.frames_thwc[0], clip.target)]
    answers += [pool.update(frame) for frame in clip.frames_thwc[1:]]
    assert [from_file is None for from_file, _ in answers] == [t == 2 for t in range(10)]
    for t, (from_file, from_folder) in enumerate(answers):
        if from_file is not None:
            assert from_file.box == Box.from_mask(clip.masks_thw[t])
        np.testing.assert_array_equal(from_folder.soft_hw == 255, clip.masks_thw[t])
    assert not any(one.restarts for one in pool.inputs)


@pytest.mark.parametrize("named", ["{}", "external:path={}", "nanomask:boxes=external:path={}"])
def test_what_comes_from_files_is_known_whatever_it_is_called(truth_folder, tmp_path, named):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("1,2,30,40\n")
    one = Input(named.format(boxes), 480)
    assert one.counts_frames
    assert not one.restarts
    assert one.gives_masks == named.startswith("nanomask")
    folder = Input(named.format(truth_folder), 480)
    assert not folder.restarts
    assert folder.gives_masks


def test_a_file_is_read_on_however_it_is_contradicted(fragile, tmp_path):
    said = [Box(5 + t, 40, 9, 8) for t in range(4)]
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("".join("{:g},{:g},{:g},{:g}\n".format(*box) for box in said))
    pool, soft = InputPool([f"external:path={boxes}", "solid"], 480), TARGET.box.fill((90, 60))
    reader = BoxReader("tight", None)
    back = Feedback(SFTrackSettings(), pool.inputs, reader, TARGET.box, (90, 60))
    hypotheses = pool.init(FRAME, TARGET)
    for box in said[1:]:
        assert back(FRAME, soft.astype(np.float32), hypotheses, lost=True) == ("solid",)
        hypotheses = pool.update(FRAME)
        assert hypotheses[0].box == box


def test_boxes_and_masks_of_files_are_shrunk_with_the_frames(make, tmp_path):
    """As large as the video in the file, as large as the frames that are seen in the answer."""
    from spectrack.datasets.synthetic.scene import make_clip
    from spectrack.tracks import write_index_png

    clip = make_clip(3, size_wh=(256, 160), seed=1)
    truths = [Box.from_mask(mask) for mask in clip.masks_thw]
    boxes, folder = tmp_path / "boxes.csv", tmp_path / "masks"
    boxes.write_text("".join("{:g},{:g},{:g},{:g}\n".format(*box) for box in truths))
    folder.mkdir()
    for t, mask in enumerate(clip.masks_thw):
        write_index_png(folder / f"{t:05d}.png", mask.astype(np.uint8))
    tracker = make(inputs=f"{boxes},{folder}", largest=128)
    for t, frame in enumerate(clip.frames_thwc):
        if t == 0:
            tracker.init(frame, Target(mask=clip.masks_thw[0]))
        else:
            tracker.update(frame)
        from_file, from_folder = tracker.explanation.hypotheses
        half = Box(*(v / 2 for v in truths[t]))
        assert from_file.box == from_folder.box == half
        small = clip.masks_thw[t].reshape(80, 2, 128, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(from_folder.soft_hw / 255, small, atol=0.01)
    assert not any(one.failed for one in tracker._tracker._pool.inputs)


def test_no_frame_is_enlarged_for_a_file_of_boxes(tmp_path, monkeypatch):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("100,80,40,30\n" * 2)
    one = Input(str(boxes), 480)
    monkeypatch.setattr("cv2.resize", None)
    assert one.begin(FRAME, TARGET, (900, 600)).box == one.update(FRAME).box == Box(10, 8, 4, 3)


def test_settings_of_an_input_reach_its_tracker(fragile, monkeypatch):
    entry = TrackerEntry(f"{__name__}:Fragile", "for tests", "boxes")
    monkeypatch.setitem(TRACKERS, "brittle", entry)
    pool = InputPool(["brittle:breaks=1", "brittle"], 480)
    assert [h.box for h in pool.init(FRAME, TARGET)] == [TARGET.box] * 2
    with pytest.warns(RuntimeWarning, match="brittle:breaks=1 failed"):
        said = pool.update(FRAME)
    assert [h is None for h in said] == [True, False]
    assert all(one.restarts for one in pool.inputs)


@pytest.mark.parametrize("text", ["flow:pixels", "flow:", "flow:pixels=1;=2"])
def test_a_setting_without_a_name_or_a_value_is_told(text):
    with pytest.raises(InputError, match=r"input 'flow:.*expected NAME=VALUE"):
        InputPool([text], 480)


def test_a_value_of_another_type_is_told():
    with pytest.raises(InputError, match="tracker flow: pixels is 'many'; give a whole number"):
        InputPool(["flow:pixels=many"], 480)


def test_a_setting_that_the_tracker_does_not_have_is_told():
    with pytest.raises(InputError, match="tracker flow has no setting colour"):
        InputPool(["flow:colour=red"], 480)


def test_a_file_that_is_not_there_is_told(make):
    with pytest.raises(InputError, match=r"none\.csv does not exist"):
        make(inputs="flow,none.csv")


def test_the_rest_goes_on_in_the_tracker(fragile, make, clip):
    tracker = make(inputs="solid,mortal,stillborn")
    with pytest.warns(RuntimeWarning, match="is left out from here on"):
        track = run(tracker, open_video(clip.frames_thwc), clip.target)
    assert len(track) == 10
    said = tracker.explanation.hypotheses
    assert said[0] is not None
    assert said[1:] == (None, None)


def test_all_that_raise_give_not_found_and_no_crash(fragile, make, clip):
    # Blank frames hold nothing that the search could take for the target.
    frames = np.full((8, *clip.frames_thwc.shape[1:]), 128, np.uint8)
    frames[:4] = clip.frames_thwc[:4]
    tracker = make(inputs="mortal,stillborn")
    with pytest.warns(RuntimeWarning, match="is left out from here on"):
        track = run(tracker, open_video(frames), clip.target)
    assert tracker.explanation.hypotheses == (None, None)
    last = track[7]
    assert (last.found, last.box, last.score) == (False, None, 0)


def test_a_file_of_boxes_next_to_a_tracker(make, clip, tmp_path):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("".join("{:g},{:g},{:g},{:g}\n".format(*clip.target.box) for _ in range(10)))
    tracker = make(inputs=f"kcf,{boxes}")
    track = run(tracker, open_video(clip.frames_thwc), clip.target)
    assert len(track) == 10
    assert tracker.explanation.hypotheses[1].box == clip.target.box
    assert tracker.explanation.names == ("kcf", str(boxes))


@pytest.mark.parametrize(
    "box",
    [(40, 30, 1, 1), (0, 0, 128, 80), (-5, -5, 200, 200), (120.5, 70.5, 7, 9), (0, 0, 128, 1)],
)
@pytest.mark.parametrize("first", ["box", "mask"])
def test_boxes_of_any_size_are_followed(make, clip, box, first):
    size = clip.size_wh
    target = Target(box) if first == "box" else Target(mask=Box(*box).fill(size))
    frames = open_video(clip.frames_thwc[:3])
    track = run(make(), frames, target)
    assert len(track) == 3
    assert track[0].found
    for entry in track:
        assert entry.found == (entry.box is not None)
        assert 0 <= entry.score <= 1
        if entry.box is not None:
            assert entry.box.clip(size) is not None


def test_a_target_that_leaves_at_once(make, clip):
    blank = np.full_like(clip.frames_thwc[0], 90)
    frames = np.stack([clip.frames_thwc[0], *[blank] * 5])
    track = run(make(), open_video(frames), clip.target)
    assert track[0].found
    assert not any(entry.found for entry in list(track)[2:])
    assert not track.masks_thw()[2:].any()


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (np.zeros((60, 90), np.uint8), "expected uint8 RGB"),
        (np.zeros((60, 90, 3), np.uint16), "expected uint8 RGB"),
        (np.zeros((60, 90, 1), np.uint8), "expected uint8 RGB"),
        (np.zeros((60, 91, 3), np.uint8), "a frame of 91x60 follows frames of 90x60"),
    ],
)
def test_frames_that_cannot_be_used_are_told(make, frame, sentence):
    tracker = make(inputs="kcf")
    tracker.init(FRAME, TARGET)
    with pytest.raises(InputError, match=sentence):
        tracker.update(frame)
    if frame.shape != (60, 91, 3):
        with pytest.raises(InputError, match=sentence):
            make(inputs="kcf").init(frame, TARGET)


def test_update_before_init_is_told(make):
    with pytest.raises(InputError, match="call init first"):
        make(inputs="kcf").update(FRAME)


def test_grey_and_16_bit_pictures_are_read_as_rgb(make, clip, tmp_path):
    import cv2

    for name, scale, kind in (("grey", 1, np.uint8), ("deep", 257, np.uint16)):
        folder = tmp_path / name
        folder.mkdir()
        for stem, frame in zip(clip.stems[:3], clip.frames_thwc, strict=False):
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            cv2.imwrite(str(folder / f"{stem}.png"), grey.astype(kind) * kind(scale))
        assert len(run(make(inputs="kcf"), open_video(folder), clip.target)) == 3


def test_two_objects_do_not_touch_each_other(make, clip):
    """Each answers as it does alone, whatever the other follows."""
    targets = {1: clip.target, 2: Target(Box(5, 50, 20, 20))}
    make = partial(make, inputs="flow,kcf")
    frames = clip.frames_thwc[:5]
    both = run_many({key: make() for key in targets}, open_video(frames), targets)
    for key, target in targets.items():
        alone = run(make(), open_video(frames), target)
        np.testing.assert_array_equal(alone.masks_thw(), both[key].masks_thw())
        assert [e.score for e in alone] == [e.score for e in both[key]]

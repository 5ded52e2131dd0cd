"""The loop, the table of names, and what they say about bad input."""

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.loop import run, run_many
from spectrack.tracking.table import TRACKERS, make_tracker, settings_of
from spectrack.video.reader import open_video
from spectrack.weights.places import state_of


class Counter(Tracker):
    """Answers with a box whose x is the number of frames seen."""

    def _init(self, frame_hwc, target):
        self.seen = 0
        return Prediction(target.box)

    def _update(self, frame_hwc):
        self.seen += 1
        return Prediction(Box(self.seen, 0, 2, 2), score=0.5)


FRAMES = np.zeros((4, 10, 12, 3), np.uint8)


def test_run_answers_once_a_frame():
    progress, shown = [], []
    track = run(
        Counter(),
        open_video(FRAMES),
        Target(box=(9, 1, 2, 2)),
        lambda done, total: progress.append((done, total)),
        lambda index, frame, prediction: shown.append((index, frame.shape, prediction.box.x)),
    )
    assert track.boxes_xywh()[:, 0].tolist() == [9, 1, 2, 3]
    assert [e.score for e in track] == [1, 0.5, 0.5, 0.5]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert shown == [(i, (10, 12, 3), x) for i, x in enumerate([9, 1, 2, 3])]
    assert track.size_wh == (12, 10)


def test_one_frame_and_no_frame():
    assert len(run(Counter(), open_video(FRAMES[:1]), Target(box=(1, 1, 2, 2)))) == 1
    with pytest.raises(InputError, match="no frames"):
        run(Counter(), [], Target(box=(1, 1, 2, 2)))


def test_several_objects_share_the_frames():
    targets = {1: Target(box=(1, 1, 2, 2)), 7: Target(box=(5, 1, 2, 2))}
    tracks = run_many({1: Counter(), 7: Counter()}, open_video(FRAMES), targets)
    assert list(tracks) == [1, 7]
    assert tracks[7].boxes_xywh()[0, 0] == 5
    with pytest.raises(InputError, match="one of each"):
        run_many({1: Counter()}, open_video(FRAMES), targets)


def test_frames_that_change_size_and_targets_outside_are_told():
    target = Target(box=(1, 1, 2, 2))
    with pytest.raises(InputError, match="one size"):
        run(Counter(), [FRAMES[0], FRAMES[0][:-1]], target)
    with pytest.raises(InputError, match="outside"):
        run(Counter(), open_video(FRAMES), Target(box=(50, 1, 2, 2)))
    with pytest.raises(InputError, match="uint8"):
        run(Counter(), [FRAMES[0].astype(np.float32)], target)


def test_a_restart_is_a_start_where_nothing_else_is_said():
    tracker = Counter()
    with pytest.raises(InputError, match="before init"):
        tracker.restart(FRAMES[0], Target(box=(1, 1, 2, 2)))
    tracker.init(FRAMES[0], Target(box=(1, 1, 2, 2)))
    tracker.update(FRAMES[1])
    assert tracker.restart(FRAMES[2], Target(box=(3, 1, 2, 2))).box == Box(3, 1, 2, 2)
    assert tracker.update(FRAMES[3]).box.x == 1
    with pytest.raises(InputError, match="one size"):
        tracker.restart(FRAMES[0][:-1], Target(box=(1, 1, 2, 2)))
    with pytest.raises(InputError, match="outside"):
        tracker.restart(FRAMES[0], Target(box=(50, 1, 2, 2)))
    with pytest.raises(InputError, match="before init"):  # neither here nor there
        tracker.update(FRAMES[0])


def test_every_name_can_be_made_or_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    for name, entry in TRACKERS.items():
        assert entry.description
        settings = {}
        if name == "external":
            boxes = tmp_path / "boxes.txt"
            boxes.write_text("1,2,3,4\n")
            settings["path"] = str(boxes)
        if "absent" in map(state_of, entry.weights):
            with pytest.raises(
                InputError,
                match=r"(get them by: spectrack weights pull|learn them by: spectrack train) ",
            ):
                make_tracker(name)
            continue
        tracker = make_tracker(name, **settings)
        first = tracker.init(FRAMES[0], Target(box=(1, 2, 5, 6)))
        assert first.box is not None
        assert (first.mask is not None) == (entry.gives == "masks" and name != "external")


def test_unknown_names_and_settings_are_told():
    with pytest.raises(
        InputError, match="one of sftrack, sftrack-fast, sftrack-permissive, flow, "
    ):
        make_tracker("magic")
    with pytest.raises(InputError, match="has no setting speed; it has"):
        make_tracker("flow", speed=3)
    with pytest.raises(InputError, match="has no setting kind"):
        make_tracker("kcf", kind="csrt")


def test_what_a_name_begins_with_may_be_given_and_what_it_decides_may_not():
    assert (settings_of("sftrack").every, settings_of("sftrack-fast").every) == (1, 2)
    assert settings_of("sftrack-fast", every="3").every == 3
    with pytest.raises(InputError, match="has no setting largest: its name decides that"):
        settings_of("sftrack-fast", largest=900)

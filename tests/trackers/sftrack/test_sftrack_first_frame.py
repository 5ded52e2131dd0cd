"""SFTrack++ learns its first frame where it is told to, and a new one for every target."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.tracking.fine_tuning import FineTuning
from spectrack.tracking.mask_in_box import mask_in_box_to_tune, shared_mask_in_box
from spectrack.tracking.table import make_tracker, settings_of


@pytest.fixture
def lessons(monkeypatch) -> list[tuple]:
    """What is learned from, instead of learning it."""
    seen = []

    def learned(self, frame_hwc, soft_hw, box):
        seen.append((self._steps, frame_hwc, soft_hw, box))
        return mask_in_box_to_tune()

    monkeypatch.setattr(FineTuning, "learned", learned)
    return seen


def test_each_target_is_learned_from_the_mask_it_begins_with(lessons) -> None:
    clip = make_clip(2, size_wh=(160, 120), seed=3)
    frames, mask = clip.frames_thwc, clip.masks_thw[0]
    tracker = SFTracker(SFTrackSettings(fine_tune=7))
    for target in (Target(Box.from_mask(mask), mask), Target(Box.from_mask(mask))):
        p = tracker.init(frames[0], target)
        steps, frame, soft, box = lessons[-1]
        assert steps == 7
        assert (frame == frames[0]).all()
        assert (soft == p.mask).all()
        assert box.iou(Box.from_mask(soft >= 0.5)) > 0.8
        assert tracker._segment._segment._network is not shared_mask_in_box()
        tracker.update(frames[1])
    assert len(lessons) == 2


@pytest.mark.parametrize("own", [{"fine_tune": 0}, {"masks": "feat2seg"}])
def test_nothing_is_learned_where_it_is_not_wanted(lessons, own) -> None:
    clip = make_clip(1, size_wh=(160, 120), seed=3)
    SFTracker(SFTrackSettings(**own)).init(
        clip.frames_thwc[0], Target(Box.from_mask(clip.masks_thw[0]))
    )
    assert not lessons


def test_graphs_learn_nothing(lessons, monkeypatch) -> None:
    """The network that ONNX Runtime would run is another one; what it is told is the same."""
    monkeypatch.setattr(
        "spectrack.trackers.sftrack.tracker.shared_mask_in_box",
        lambda weights, runtime: shared_mask_in_box(weights),
    )
    clip = make_clip(1, size_wh=(160, 120), seed=3)
    target = Target(Box.from_mask(clip.masks_thw[0]))
    for runtime, learned in (("onnx", 0), ("torch", 1)):
        own = SFTrackSettings(runtime=runtime, inputs="flow", fine_tune=1)
        SFTracker(own).init(clip.frames_thwc[0], target)
        assert len(lessons) == learned


@pytest.mark.parametrize("name", ["sftrack", "nanomask"])
@pytest.mark.parametrize("size_wh", [(160, 120), (320, 240)], ids=["whole", "shrunk"])
def test_a_restart_keeps_what_was_learned_and_remembered_of_the_first_frame(
    lessons, name, size_wh
) -> None:
    clip = make_clip(3, size_wh=(160, 120), seed=3)
    frames = [cv2.resize(frame, size_wh) for frame in clip.frames_thwc]
    masks = [cv2.resize(mask.astype(np.uint8), size_wh) > 0 for mask in clip.masks_thw]
    tracker = make_tracker(name, **({"largest": 160} if name == "sftrack" else {}))
    inner = getattr(tracker, "_tracker", tracker)
    tracker.init(frames[0], Target(Box.from_mask(masks[0])))
    box_segmenter = getattr(inner._segment, "_segment", inner._segment)
    network, first = box_segmenter._network, box_segmenter.memory._first
    later = Target(Box.from_mask(masks[1]), masks[1])
    tracker.restart(frames[1], later)
    assert getattr(inner._segment, "_segment", inner._segment) is box_segmenter
    assert box_segmenter._network is network
    assert box_segmenter.memory._first is first
    assert box_segmenter.memory._newest is not None
    assert len(lessons) == (name == "sftrack")
    p = tracker.update(frames[2])
    assert p.found
    assert jaccard(p.hard_mask(), masks[2]) > 0.5
    tracker.init(frames[1], later)  # another target knows nothing of it
    again = getattr(inner._segment, "_segment", inner._segment)
    assert again.memory._first is not first
    assert again.memory._newest is None


def test_a_restart_keeps_how_large_the_target_is_and_what_its_box_tracker_looks_for() -> None:
    """Half of the target, as behind an obstacle, is not taken for all of it."""
    clip = make_clip(3, size_wh=(160, 120), seed=3)
    frames, masks = clip.frames_thwc, clip.masks_thw
    tracker = SFTracker(SFTrackSettings(fine_tune=0))
    tracker.init(frames[0], Target(mask=masks[0]))
    fear, flow = (one._tracker for one in tracker._pool.inputs)
    template, state = fear._template, tracker._state
    half = masks[1].copy()
    half[:, : int(Box.from_mask(half).center[0])] = False
    answer = Target(mask=half)
    p = tracker.restart(frames[1], answer)
    assert p.box == answer.box
    assert np.array_equal(p.mask >= 0.5, half)
    now = np.count_nonzero(half)
    assert tracker._state.area == pytest.approx((state.area * now) ** 0.5)
    assert state.area > 1.5 * now
    assert np.array_equal(tracker._state.soft_hw >= 0.5, half)
    now_fear, now_flow = (one._tracker for one in tracker._pool.inputs)
    assert now_fear is fear
    assert fear._template is template
    assert Box(*fear._box).center[0] > state.box.center[0]  # it looks about the half
    assert now_flow is not flow
    both = np.maximum(masks[1], np.roll(masks[1], 9, axis=0))  # one that has grown is larger now
    tracker.restart(frames[1], Target(mask=both))
    assert tracker._state.area == np.count_nonzero(both) > state.area


@pytest.mark.parametrize("iterations", [0, 1])
def test_a_restart_from_a_box_finds_the_mask_in_it(iterations) -> None:
    clip = make_clip(3, size_wh=(160, 120), seed=3)
    tracker = SFTracker(SFTrackSettings(fine_tune=0, iterations=iterations))
    tracker.init(clip.frames_thwc[0], Target(mask=clip.masks_thw[0]))
    p = tracker.restart(clip.frames_thwc[1], Target(Box.from_mask(clip.masks_thw[1])))
    assert jaccard(p.hard_mask(), clip.masks_thw[1]) > 0.7
    assert jaccard(tracker.update(clip.frames_thwc[2]).hard_mask(), clip.masks_thw[2]) > 0.7


def test_names_differ_in_what_they_learn() -> None:
    assert settings_of("sftrack").fine_tune == 20
    assert settings_of("sftrack-permissive").fine_tune == settings_of("sftrack-fast").fine_tune == 0
    assert settings_of("sftrack-fast", fine_tune="5").fine_tune == 5


def test_fewer_steps_than_none_are_refused() -> None:
    with pytest.raises(InputError, match="fine_tune is -1; give 0 or more"):
        SFTrackSettings(fine_tune=-1)

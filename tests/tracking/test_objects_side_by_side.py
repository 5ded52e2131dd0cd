"""Objects followed at the same time are answered for as one after the other."""

import threading

import numpy as np
import pytest
import torch

from spectrack import threads
from spectrack.datasets.synthetic.things import Things
from spectrack.structures import Box, Target
from spectrack.tracking.loop import run_many
from spectrack.tracking.table import make_tracker
from spectrack.video.frames import ArrayFrames
from still_tracker import StillTracker


@pytest.fixture(scope="module")
def clip():
    frames, index = zip(*Things(3, (240, 160)).clip(6), strict=True)
    masks = {key: index[0] == key for key in (1, 2, 3)}
    return list(frames), {key: Target(Box.from_mask(m), m) for key, m in masks.items()}


def followed(clip, name, clean, processors, monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: processors)
    frames, targets = clip
    trackers = {key: make_tracker(name) for key in targets}
    return run_many(trackers, ArrayFrames(frames), targets, clean=clean)


@pytest.mark.parametrize(("name", "clean"), [("flow", True), ("nanomask", False)])
def test_answers_are_those_of_one_after_the_other(clip, name, clean, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # convolutions on several threads differ in their last bits
    try:
        alone = followed(clip, name, clean, 1, monkeypatch)
        beside = followed(clip, name, clean, 2, monkeypatch)
    finally:
        torch.set_num_threads(before)
    for key, track in alone.items():
        assert [e.box for e in beside[key]] == [e.box for e in track]
        assert [e.score for e in beside[key]] == [e.score for e in track]
        for t in range(len(track)):
            assert np.array_equal(beside[key].mask(t), track.mask(t))


class Where(StillTracker):
    """Notes the threads it is asked on."""

    def __init__(self, seen, side_by_side):
        super().__init__()
        self.side_by_side, self._seen = side_by_side, seen

    def _update(self, frame_hwc):
        self._seen.add(threading.get_ident())
        return super()._update(frame_hwc)


@pytest.mark.parametrize("allowed", [True, False])
def test_only_trackers_that_say_so_are_asked_on_other_threads(clip, allowed, monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 2)
    frames, targets = clip
    seen = set()
    trackers = {key: Where(seen, allowed) for key in targets}
    run_many(trackers, ArrayFrames(frames), targets)
    assert (seen == {threading.get_ident()}) is not allowed


def test_the_two_verbs_of_a_tracker_say_what_its_inputs_say():
    assert make_tracker("sftrack").side_by_side
    assert make_tracker("nanomask").side_by_side
    assert not make_tracker("sftrack", inputs="csrt,flow").side_by_side


def test_of_two_that_cross_no_pixel_is_of_both_and_each_keeps_its_own():
    frames, index = zip(*Things(2, (240, 160), crossing=True, period=120).clip(16), strict=True)
    masks = {key: index[0] == key for key in (1, 2)}
    targets = {key: Target(Box.from_mask(m), m) for key, m in masks.items()}
    said = []

    def note(t, frame_hwc, answers):
        said.append([answers[key].hard_mask() for key in (1, 2)])

    trackers = {key: make_tracker("flow") for key in targets}
    tracks = run_many(trackers, ArrayFrames(list(frames)), targets, on_frame=note)
    assert any((one & other).any() for one, other in said)  # before the joint step
    for t in range(len(index)):
        assert not (tracks[1].mask(t) & tracks[2].mask(t)).any()
    for key, track in tracks.items():
        pairs = [(track.mask(t), truth == key) for t, truth in enumerate(index)]
        shared = [(mask & visible).sum() / (mask | visible).sum() for mask, visible in pairs]
        assert np.mean(shared) > 0.85

"""STARK as a tracker: its templates, when the later one is taken over, and what settings mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.stark import tracker as tracker_module
from spectrack.trackers.stark.network import Answer
from spectrack.trackers.stark.settings import STARKSettings
from spectrack.trackers.stark.tracker import STARKTracker
from thin_stark import thin_stark

BOX = Box(30, 20, 16, 12)
MIDDLE = [0.4, 0.4, 0.6, 0.6]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def frames(rng):
    return [rng.integers(0, 256, (60, 80, 3), np.uint8) for _ in range(8)]


def make(scores=True, **settings):
    variant = "st50" if scores else "s50"
    return STARKTracker(
        STARKSettings(variant=variant, device="cpu", **settings), thin_stark(scores)
    )


def told(tracker, monkeypatch, logits):
    """Let the network say that the target is in the middle, with these scores in turn."""
    left = list(logits)

    def locate(templates, search):
        del templates, search
        return Answer(torch.tensor([MIDDLE]), torch.tensor([left.pop(0)]))

    monkeypatch.setattr(tracker._network, "locate", locate)


def test_the_template_is_taken_over_in_due_frames_of_high_score(frames, monkeypatch):
    tracker = make(interval=2)
    tracker.init(frames[0], Target(BOX))
    first = tracker.templates[0]
    told(tracker, monkeypatch, [9.0, -9.0, 9.0, 9.0, 9.0])
    seen = []
    cut = tracker_module.crop_about

    def noted(frame, box, factor, side):
        seen.append((frame, box, factor))
        return cut(frame, box, factor, side)

    monkeypatch.setattr(tracker_module, "crop_about", noted)
    later = []
    for frame in frames[1:6]:
        answer = tracker.update(frame)
        later.append(tracker.templates[1])
    assert tracker.templates[0] is first
    # frame 2 is due but unsure; frame 4 is due and sure
    assert [one is first for one in later] == [True, True, True, False, False]
    templates = [(frame, box) for frame, box, factor in seen if factor == 2]
    assert len(templates) == 1
    assert templates[0][0] is frames[4]
    assert answer.score == pytest.approx(1 / (1 + np.exp(-9)))


def test_the_template_is_of_the_box_just_found(frames, monkeypatch):
    tracker = make(interval=1)
    tracker.init(frames[0], Target(BOX))
    told(tracker, monkeypatch, [9.0])
    answer = tracker.update(frames[1])
    crop = tracker_module.crop_about(frames[1], answer.box, 2.0, 128)
    expected = tracker._tokens(crop)
    torch.testing.assert_close(tracker.templates[1].values, expected.values)
    assert answer.box != BOX


def test_stark_s_has_one_template_and_a_score_that_says_nothing(frames):
    tracker = make(scores=False)
    tracker.init(frames[0], Target(BOX))
    answers = [tracker.update(frame) for frame in frames[1:4]]
    assert len(tracker.templates) == 1
    assert {answer.score for answer in answers} == {1.0}


def test_templates_are_not_computed_again(frames, monkeypatch):
    tracker = make()
    tracker.init(frames[0], Target(BOX))
    sides = []
    encode = tracker._network.encode
    monkeypatch.setattr(
        tracker._network, "encode", lambda p, o: sides.append(p.shape[-1]) or encode(p, o)
    )
    for frame in frames[1:4]:
        tracker.update(frame)
    assert sides == [320, 320, 320]


def test_a_corrected_mask_moves_it_and_keeps_its_templates(frames):
    tracker = make()
    tracker.init(frames[0], Target(BOX))
    tracker.update(frames[1])
    before = tracker.templates[:]
    soft = np.zeros((60, 80), np.float32)
    soft[10:30, 40:70] = 1
    tracker.correct(frames[1], soft)
    assert tracker.box == Box(40, 10, 30, 20)
    assert all(a is b for a, b in zip(tracker.templates, before, strict=True))


@pytest.mark.parametrize(
    ("settings", "frames_between"),
    [
        ({}, 200),
        ({"benchmark": "trackingnet"}, 25),
        ({"benchmark": "vot20"}, 10),
        ({"benchmark": "vot20-lt"}, 200),
        ({"benchmark": "vot20-lt", "variant": "st101"}, 100),
        ({"benchmark": "vot20", "interval": 7}, 7),
    ],
)
def test_intervals_are_the_published_ones_unless_told(settings, frames_between):
    assert STARKSettings(**settings).frames_between == frames_between


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"interval": 0}, "interval is 0; give 1 frame or more"),
        ({"confidence": 1.5}, "confidence is 1.5; give a number from 0 to 1"),
    ],
)
def test_settings_out_of_range_are_told(settings, told):
    with pytest.raises(InputError, match=told):
        STARKSettings(**settings)


@pytest.mark.parametrize("scores", [False, True])
def test_a_network_of_the_other_kind_is_told(scores):
    variant = "s50" if scores else "st50"
    with pytest.raises(InputError, match=f"variant is {variant} but the network has"):
        STARKTracker(STARKSettings(variant=variant, device="cpu"), thin_stark(scores))

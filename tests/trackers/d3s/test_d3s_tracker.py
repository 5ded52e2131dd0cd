"""D3S as a tracker: how it starts, what moves it, and when it segments."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from small_d3s import LITTLE, small_d3s
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.d3s import tracker as tracker_module
from spectrack.trackers.d3s.crop import filled, grown
from spectrack.trackers.d3s.filter import Look
from spectrack.trackers.d3s.settings import D3SSettings
from spectrack.trackers.d3s.tracker import D3STracker
from spectrack.tracking.localisation import Flag, Sighting
from spectrack.tracking.patches import pair

BOX = Box(50, 40, 24, 20)
SIZE = (120, 160)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def network():
    return small_d3s()


@pytest.fixture
def frames(rng):
    return [rng.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(14)]


@pytest.fixture
def make(network):
    return lambda **given: D3STracker(D3SSettings(**{**LITTLE, **given}), network)


def ellipse(cx, cy, a, b):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 <= 1


class Told:
    """Lets filter and network say what a test wants, and notes what they were asked."""

    def __init__(self, tracker, monkeypatch, score=1.0, moved=(0.0, 0.0), flag=Flag.NORMAL):
        self.score, self.moved, self.flag = score, moved, flag
        self.mask, self.crops, self.learned = None, [], []
        self.tracker = tracker
        monkeypatch.setattr(tracker.filter, "look", self.look)
        monkeypatch.setattr(tracker.filter, "learn", self.learn)
        monkeypatch.setattr(tracker, "_extract", self.extract)
        monkeypatch.setattr(tracker, "_soft", self.soft)
        monkeypatch.setattr(tracker._network.segm_predictor, "forward", lambda *given: None)

    def look(self, frame, state):
        sighting = Sighting(self.flag, self.score, pair(self.moved))
        return Look(torch.zeros(1, 1, 1, 1), np.round(state.pos_yx), state.scale, sighting)

    def learn(self, number, look, state, believed):
        self.learned.append((number, state, believed))

    def extract(self, crop, frame):
        self.crops.append(crop)
        return (None,) * 4

    def soft(self, logits):
        return self.crops[-1].cut_mask(self.mask) * np.float32(0.98) + np.float32(0.01)


def test_a_mask_starts_it_as_it_is(make, frames):
    tracker, mask = make(), ellipse(62, 50, 14, 10)
    answer = tracker.init(frames[0], Target(mask=mask))
    np.testing.assert_array_equal(answer.mask, mask)
    assert tracker.rules.whole
    assert (tracker.rules.threshold, tracker.rules.slowest, tracker.rules.fastest) == (
        0.2,
        0.9,
        1.1,
    )
    # areas are told in pixels of the crop, 64 for four sides of the target
    side = 64 / tracker_module.Crop.about(pair((50, 62)), pair((21, 29)), 64).window
    assert tracker.state.areas[0] == pytest.approx(mask.sum() * side**2, rel=0.1)
    told = make(frame_area=True)
    told.init(frames[0], Target(mask=mask))
    assert told.state.areas == (float(mask.sum()),)


def test_a_box_is_refined_within_its_neighbourhood(make, frames, monkeypatch):
    tracker = make()
    seen = ellipse(62, 50, 11, 8)
    crops = []
    about = tracker_module.Crop.about
    monkeypatch.setattr(
        tracker_module.Crop, "about", lambda *a: crops.append(about(*a)) or crops[-1]
    )
    much = seen | ellipse(120, 100, 15, 15)  # something else of the kind
    monkeypatch.setattr(tracker, "_soft", lambda logits: crops[0].cut_mask(much))
    answer = tracker.init(frames[0], Target(BOX))
    hard = answer.mask >= 0.5
    assert (hard & seen).sum() / (hard | seen).sum() > 0.9
    assert not hard[85:, 100:].any()
    assert not tracker.rules.whole
    crop = crops[0]
    x, y, w, h = BOX
    right, bottom = x + w - 1, y + h - 1
    proxy = crop.cut_mask(
        filled(np.array([(x, y), (right, y), (right, bottom), (x, bottom)]), (160, 120))
    )
    learned = (crop.cut_mask(much) > 0.5) & grown(proxy > 0.1, pair((h, w)), crop)
    assert tracker.state.areas == (float(learned.sum()),)
    kept = tracker._template.target_nk.view(4, 4).numpy().astype(bool)
    np.testing.assert_array_equal(kept, learned[::16, ::16])


def test_where_the_network_sees_nothing_the_box_is_the_mask(make, frames, monkeypatch):
    tracker = make()
    monkeypatch.setattr(tracker, "_soft", lambda logits: np.zeros((64, 64), np.float32))
    answer = tracker.init(frames[0], Target(BOX))
    hard = answer.mask >= 0.5
    box = BOX.fill((160, 120))
    assert (hard & box).sum() / (hard | box).sum() > 0.8


def test_corners_start_it(make, frames):
    tracker = make(rotated=True)
    corners = np.array([(50, 40), (90, 50), (85, 70), (45, 60)], float)
    answer = tracker.init_corners(frames[0], corners)
    x, y, w, h = answer.box
    np.testing.assert_allclose((x + w / 2, y + h / 2), corners.mean(0))
    sides = np.linalg.norm(corners[0] - corners[1]) * np.linalg.norm(corners[1] - corners[2])
    assert (w - 1) * (h - 1) == pytest.approx(sides)
    for wrong in (corners[:3], corners * np.nan):
        with pytest.raises(InputError, match="give four of finite x and y"):
            tracker.init_corners(frames[0], wrong)


def test_a_mask_moves_it_and_what_follows(make, frames, monkeypatch):
    tracker = make(task="box")
    tracker.init(frames[0], Target(mask=ellipse(62, 50, 14, 10)))
    told = Told(tracker, monkeypatch, score=0.7, moved=(2.0, -1.0))
    scale = tracker.state.scale
    told.mask = ellipse(70, 55, 14, 10)
    answer = tracker.update(frames[1])
    # segmented where the filter saw the target
    np.testing.assert_allclose(
        told.crops[0].pos_yx, np.round((50.5, 62.5)) + np.array((2, -1)) * scale, rtol=1e-5
    )
    np.testing.assert_allclose(tracker.state.pos_yx, (55, 70), atol=0.6)
    assert answer.found
    assert answer.score == pytest.approx(0.7)
    expected = Box.from_mask(told.mask)
    assert answer.box.iou(expected) > 0.85  # the crop is coarse
    hard = answer.mask >= 0.5
    assert (hard & told.mask).sum() / (hard | told.mask).sum() > 0.9
    np.testing.assert_allclose(tracker.corners.mean(0), (70, 55), atol=0.6)
    ((number, state, believed),) = told.learned
    assert (number, believed) == (2, True)
    assert state is tracker.state
    assert state.scores == (1.0, 0.7)
    assert len(state.areas) == 2


def test_doubt_stops_segmenting_but_not_where_masks_are_asked_for(make, frames, monkeypatch):
    for task, segments in (("box", 0), ("mask", 1)):
        tracker = make(task=task)
        tracker.init(frames[0], Target(BOX))
        told = Told(tracker, monkeypatch)
        tracker._number = 5  # in the first frames nothing is doubted
        told.score, told.mask = 0.05, ellipse(62, 50, 12, 10)
        before = tracker.state
        answer = tracker.update(frames[1])
        assert len(told.crops) == segments
        assert told.learned[0][2] is False
        assert answer.found == bool(segments)
        assert tracker.state.scores == before.scores
        if not segments:
            assert answer.box.w == before.box.w
            assert not answer.mask.any()
            assert tracker.corners is None


def test_what_is_not_found_is_not_learned(make, frames, monkeypatch):
    tracker = make(task="box")
    tracker.init(frames[0], Target(BOX))
    told = Told(tracker, monkeypatch, score=-2.0, flag=Flag.NOT_FOUND)
    answer = tracker.update(frames[1])
    assert not answer.found
    assert answer.score == 0
    assert told.learned[0][2] is False
    # as published the score is taken in before
    assert tracker.state.scores == (1.0, -2.0)


def test_its_place_stays_in_the_frame(make, frames, monkeypatch):
    tracker = make()
    tracker.init(frames[0], Target(BOX))
    told = Told(tracker, monkeypatch, moved=(500.0, -700.0))
    told.mask = np.zeros(SIZE, bool)
    answer = tracker.update(frames[1])
    np.testing.assert_allclose(told.crops[0].pos_yx, (119, 0))
    np.testing.assert_allclose(answer.box.center, (0, 119), atol=1e-3)


def test_a_corrected_mask_moves_it(make, frames):
    tracker = make()
    tracker.init(frames[0], Target(BOX))
    tracker.update(frames[1])
    soft = np.zeros(SIZE, np.float32)
    soft[60:100, 90:138] = 1
    tracker.correct(frames[1], soft)
    assert tracker.state.box.iou(Box(90, 60, 48, 40)) > 0.99
    tracker.correct(frames[1], np.zeros(SIZE, np.float32))
    assert tracker.state.box.iou(Box(90, 60, 48, 40)) > 0.99


def test_the_box_given_comes_back_where_nothing_moves(make, frames):
    tracker = make()
    tracker.init(frames[0], Target(BOX))
    assert tracker.state.box == BOX


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"memory": 27}, "memory is 27; give more than 27"),
        ({"rate": 1.0}, "rate is 1; give a number between 0 and 1"),
        ({"threshold": 0.0}, "threshold is 0; give a number between 0 and 1"),
        ({"slowest": 1.2}, "slowest is 1.2; give a number between 0 and 1"),
        ({"fastest": 0.9}, "fastest is 0.9; give a number between 1 and inf"),
        ({"patch": 40}, "patch is 40; give a multiple of 32"),
        ({"every": 0}, "every is 0; give 1 or more"),
        ({"steps": -1}, "steps is -1; give 0 or more"),
        ({"search": 0.0}, "search is 0; give a number above 0"),
        ({"believed": float("nan")}, "believed is not a number"),
    ],
)
def test_settings_out_of_range_are_told(settings, told):
    with pytest.raises(InputError, match=told):
        D3SSettings(**settings)

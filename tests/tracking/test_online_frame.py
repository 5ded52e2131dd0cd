"""The frame of discriminative trackers with parts whose answers are known."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from spectrack.structures import Target
from spectrack.tracking.localisation import Flag, Sighting
from spectrack.tracking.online_frame import FrameSettings, OnlineTracker, prepared
from spectrack.tracking.online_parts import OnlineClassifier, View
from spectrack.tracking.patches import pair
from spectrack.tracking.target_state import TargetState
from spectrack.tracking.variations import Variations
from thin import randomise, thin_resnet

BOX = (40, 30, 20, 16)
FRAME = FrameSettings(side=64, search=4.0, variations=Variations(mirrored=True, dropouts=2))


@dataclass
class Told(OnlineClassifier):
    """Says what it was told to, and notes what it is asked."""

    answers: list = field(default_factory=list)
    started: list = field(default_factory=list)
    views: list = field(default_factory=list)
    learned: list = field(default_factory=list)

    def start(self, layers, samples, view, chance):
        self.started.append((layers, samples, view))

    def locate(self, layers, views):
        assert all(len(maps) == len(views) for maps in layers.values())
        self.views.append(views)
        return self.answers.pop(0)

    def learn(self, number, sighting, view, state):
        self.learned.append((number, sighting.flag, view.box(state.pos_yx, state.size_hw)))


@dataclass
class Larger:
    """Makes boxes larger by two pixels of the patch on every side."""

    trusts: bool = True
    seen: list = field(default_factory=list)

    def start(self, layers, box_xywh, chance):
        self.seen.append(box_xywh)
        assert set(layers) == {"layer2", "layer3"}
        assert all(len(maps) == 1 for maps in layers.values())

    def refine(self, layers, box_xywh):
        self.seen.append(box_xywh)
        x, y, w, h = box_xywh
        return (x - 2, y - 2, w + 4, h + 4) if self.trusts else None


@pytest.fixture
def frames(rng):
    return [rng.integers(0, 256, (90, 120, 3), dtype=np.uint8) for _ in range(4)]


def sighting(flag=Flag.NORMAL, score=0.7, moved=(0, 0), which=0):
    return Sighting(flag, score, pair(moved), which)


def make(answers, refiner=None, frame=FRAME):
    classifier = Told(list(answers))
    return OnlineTracker(None, frame, randomise(thin_resnet()), classifier, refiner), classifier


def test_the_first_frame_goes_to_both_parts(frames):
    refiner = Larger()
    tracker, classifier = make([], refiner)
    answer = tracker.init(frames[0], Target(BOX))
    assert tuple(answer.box) == BOX
    layers, samples, view = classifier.started[0]
    assert layers["layer3"].shape == (2, 16, 4, 4)  # dropouts are the classifier's own
    assert samples.patches_nchw.shape == (2, 3, 64, 64)
    side = 64 / 4 * np.array([20, 16]) / (20 * 16) ** 0.5
    assert refiner.seen[0][2:] == pytest.approx(tuple(side), rel=1e-5)
    box = view.box(tracker.state.pos_yx, tracker.state.size_hw)
    assert view.last_box == refiner.seen[0] == pytest.approx(box)


def test_the_target_goes_where_it_was_seen(frames):
    tracker, classifier = make([sighting(moved=(3, -5))], Larger(trusts=False))
    tracker.init(frames[0], Target(BOX))
    before = tracker.state.pos_yx
    answer = tracker.update(frames[1])
    view = classifier.views[0][0]
    expected = view.pos_yx + pair((3, -5)) * view.scale
    assert tracker.state.pos_yx == pytest.approx(expected)
    assert (answer.score, answer.found) == (pytest.approx(0.7), True)
    assert answer.box.w == pytest.approx(20)
    assert tuple(view.last_yx) == pytest.approx(tuple((before - view.pos_yx) / view.scale))


def test_the_box_that_fits_is_taken_and_learned_from(frames):
    tracker, classifier = make([sighting(flag=Flag.HARD_NEGATIVE)], Larger())
    tracker.init(frames[0], Target(BOX))
    scale = tracker.state.scale
    answer = tracker.update(frames[1])
    view = classifier.views[0][0]
    assert answer.box.w == pytest.approx(20 + 4 * view.scale, rel=1e-5)
    number, flag, box = classifier.learned[0]
    assert (number, flag) == (2, Flag.HARD_NEGATIVE)
    x, y, w, h = tracker._refiner.seen[1]
    assert box == pytest.approx((x - 1.5, y - 1.5, w + 4, h + 4), abs=1e-4)  # see View.place
    ratio = (answer.box.w * answer.box.h / (20 * 16)) ** 0.5
    assert tracker.state.scale == pytest.approx(scale * ratio, rel=1e-5)


def test_where_it_is_not_found_nothing_changes(frames):
    refiner = Larger()
    tracker, classifier = make([sighting(flag=Flag.NOT_FOUND, score=-2.0, moved=(9, 9))], refiner)
    tracker.init(frames[0], Target(BOX))
    answer = tracker.update(frames[1])
    assert (answer.found, answer.score, tuple(answer.box)) == (False, 0.0, BOX)
    assert len(refiner.seen) == 1
    assert classifier.learned[0][1] is Flag.NOT_FOUND


def test_without_refinement_the_best_of_the_scales_counts(frames):
    frame = FrameSettings(side=64, search=4.0, scales=(0.9, 1.0, 1.2))
    tracker, classifier = make([sighting(which=2)], None, frame)
    tracker.init(frames[0], Target(BOX))
    answer = tracker.update(frames[1])
    scales = [view.scale for view in classifier.views[0]]
    assert scales == sorted(scales)
    assert answer.box.w == pytest.approx(20 * 1.2, rel=0.05)
    assert answer.box.w / answer.box.h == pytest.approx(20 / 16)


def test_counting_from_what_was_asked_for(frames):
    frame = FrameSettings(side=64, search=4.0, rounded=True)
    tracker, classifier = make([sighting()], Larger(trusts=False), frame)
    tracker.init(frames[0], Target((40, 30, 20, 17)))
    tracker.update(frames[1])
    view = classifier.views[0][0]
    assert tuple(view.pos_yx) == (38, 50)  # 49.5 to the even number
    assert view.scale == tracker.state.scale


def test_a_corrected_mask_moves_it(frames):
    tracker, _ = make([sighting(moved=(3, -5))], Larger())
    tracker.init(frames[0], Target(BOX))
    tracker.update(frames[1])
    mask = np.zeros((90, 120), np.float32)
    mask[6:40, 40:90] = 0.49
    mask[10:30, 50:80] = 0.5
    tracker.correct(frames[1], mask)
    assert tuple(tracker.state.box) == (50, 10, 30, 20)
    tracker.correct(frames[1], np.minimum(mask, np.float32(0.49)))
    assert tuple(tracker.state.box) == (50, 10, 30, 20)


def test_a_box_of_the_patch_and_back():
    state = TargetState.about(Target(BOX).box, 4.0, (64, 64), (90, 120))
    view = View.of(pair((33, 47)), 1.3, (64, 64), state)
    pos, size = view.place(view.box(state.pos_yx, state.size_hw))
    assert pos == pytest.approx(state.pos_yx + 0.5 * 1.3, abs=1e-4)  # as published
    assert size == pytest.approx(state.size_hw, abs=1e-4)


def test_a_prepared_copy_answers_the_same_and_leaves_the_network(frames):
    holder = torch.nn.ModuleDict({"body": randomise(thin_resnet())})
    copy = prepared(holder, "body", torch.device("cpu"), half=True)
    x = torch.randn(1, 3, 64, 64)
    ours, theirs = copy["body"](x, ["layer3"]), holder["body"](x, ["layer3"])
    torch.testing.assert_close(ours["layer3"], theirs["layer3"], atol=1e-4, rtol=1e-4)
    assert isinstance(holder["body"].bn1, torch.nn.BatchNorm2d)
    assert hasattr(holder["body"], "layer4")
    assert not hasattr(copy["body"], "layer4")


def test_a_backbone_in_half_precision_gives_single(frames):
    tracker, _ = make([])
    pixels = torch.randint(0, 256, (1, 3, 64, 64)).float()
    with torch.no_grad():
        single = tracker.layers(pixels)
        tracker._backbone.half()
        half = tracker.layers(pixels)
    for name, maps in half.items():
        assert maps.dtype == torch.float32
        torch.testing.assert_close(maps, single[name], atol=0.02, rtol=0.02)

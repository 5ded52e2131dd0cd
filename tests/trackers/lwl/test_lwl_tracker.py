"""What LWL does where things go wrong, with small random networks."""

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.lwl.tracker import LWLSettings, LWLTracker
from thin_trackers import SMALL, one_thread, thin_lwl  # noqa: F401 (a fixture)

BOX = (40, 20, 30, 24)


def _follow(tracker, frames, box=BOX, mask=True):
    size = (frames[0].shape[1], frames[0].shape[0])
    target = Target(box, Box(*box).fill(size) if mask else None)
    return [tracker.init(frames[0], target), *(tracker.update(frame) for frame in frames[1:])]


@pytest.fixture
def frames(rng):
    return rng.integers(0, 256, (5, 80, 128, 3), dtype=np.uint8)


def test_boxes_come_from_the_mask_s_moments_and_every_frame_is_remembered(frames):
    tracker = LWLTracker(LWLSettings(**SMALL), thin_lwl())
    answers = _follow(tracker, frames)
    assert tracker.segmentation.memory.stored == 4
    for answer in answers[1:]:
        mask = answer.mask.astype(float)
        y, x = np.mgrid[0:80, 0:128]
        cy, cx = (mask * y).sum() / mask.sum(), (mask * x).sum() / mask.sum()
        h = 4 * np.sqrt((mask * (y - cy) ** 2).sum() / mask.sum())
        w = 4 * np.sqrt((mask * (x - cx) ** 2).sum() / mask.sum())
        expected = [cx - (w - 1) / 2, cy - (h - 1) / 2, w, h]
        assert list(answer.box) == pytest.approx(expected, abs=1e-2)
        assert answer.score == pytest.approx(mask[mask > 0.5].mean(), rel=1e-4)


def test_learning_is_every_so_many_frames(frames):
    tracker = LWLTracker(LWLSettings(every=3, **SMALL), thin_lwl())
    _follow(tracker, frames[:1])
    learned = []
    for frame in frames[1:]:
        before = tracker.segmentation.filter_ockk
        tracker.update(frame)
        learned.append(before is not tracker.segmentation.filter_ockk)
    assert learned == [False, False, True, False]  # frames 2 to 5


def test_nothing_seen_is_not_found_and_the_region_stays(frames):
    tracker = LWLTracker(LWLSettings(**SMALL), thin_lwl(empty=True))
    for answer in _follow(tracker, frames)[1:]:
        assert (answer.box, answer.found, answer.score) == (None, False, 0)
    assert tracker.placement.pos_yx.tolist() == [31.5, 54.5]


def test_a_start_from_a_box_is_the_network_s_own_and_soft(frames):
    tracker = LWLTracker(LWLSettings(start="box", **SMALL), thin_lwl(box_start=True))
    given = _follow(tracker, frames, mask=True)
    alone = _follow(tracker, frames, mask=False)
    assert len(np.unique(alone[0].mask)) > 2
    for a, b in zip(given, alone, strict=True):  # a mask that is given is not looked at
        assert np.array_equal(a.mask, b.mask)


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (37, 53)])
@pytest.mark.parametrize("start", ["mask", "box"])
def test_tiny_and_odd_frames(rng, shape, start):
    frames = rng.integers(0, 256, (3, *shape, 3), dtype=np.uint8)
    tracker = LWLTracker(LWLSettings(start=start, **SMALL), thin_lwl(box_start=True))
    for answer in _follow(tracker, frames, (0, 0, 1, 1)):
        assert answer.mask.shape == shape
        assert np.isfinite(answer.mask).all()


@pytest.mark.parametrize("start", ["mask", "box"])
def test_half_precision_where_it_is_wanted_changes_little(frames, start):
    full = LWLTracker(LWLSettings(start=start, **SMALL), thin_lwl(box_start=True))
    half = LWLTracker(LWLSettings(start=start, **SMALL), thin_lwl(box_start=True))
    half._network.feature_extractor.half()  # as on a GPU
    half._network.decoder.half()
    for a, b in zip(_follow(full, frames[:3]), _follow(half, frames[:3]), strict=True):
        assert a.mask == pytest.approx(b.mask, abs=0.02)


def test_what_cannot_be_is_told(frames):
    with pytest.raises(InputError, match="give mask or box"):
        LWLSettings(start="point")
    with pytest.raises(InputError, match="no box encoder"):
        LWLTracker(LWLSettings(start="box", **SMALL), thin_lwl())
    tracker = LWLTracker(LWLSettings(**SMALL), thin_lwl())
    with pytest.raises(InputError, match="call init first"):
        tracker.update(frames[0])

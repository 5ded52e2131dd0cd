"""What RTS does where things go wrong, with small random networks."""

import dataclasses

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.rts.settings import RTSSettings
from spectrack.trackers.rts.tracker import RTSTracker
from spectrack.tracking.loop import run
from spectrack.video.reader import open_video
from thin_trackers import SMALL, one_thread, thin_rts, thin_sta  # noqa: F401 (a fixture)

ALWAYS, NEVER = -1e9, 1e9
"""Thresholds with which the instance branch has found its target, or has lost it."""


def _tracker(empty=False, sta=None, **settings):
    return RTSTracker(RTSSettings(**{**SMALL, **settings}), thin_rts(empty), sta)


def _mask(frame, box):
    return Box(*box).fill((frame.shape[1], frame.shape[0]))


def _follow(tracker, frames, box=(40, 20, 30, 24), mask=True):
    target = Target(box, _mask(frames[0], box) if mask else None)
    return [tracker.init(frames[0], target), *(tracker.update(frame) for frame in frames[1:])]


@pytest.fixture
def frames(rng):
    return rng.integers(0, 256, (6, 80, 128, 3), dtype=np.uint8)


def test_answers_are_soft_masks_with_boxes_and_scores(frames):
    tracker = _tracker(presence=ALWAYS)
    answers = _follow(tracker, frames)
    assert answers[0].box == Box(40, 20, 30, 24)
    assert np.array_equal(answers[0].mask, _mask(frames[0], (40, 20, 30, 24)))
    for answer in answers[1:]:
        assert answer.mask.shape == (80, 128)
        assert answer.mask.dtype == np.float32
        assert 0 <= answer.mask.min() <= answer.mask.max() <= 1
        assert 0 <= answer.score <= 1
        assert answer.found
        assert answer.box == Box.from_mask(answer.mask > 0.5)


def test_the_same_frames_give_the_same_answers_and_init_starts_anew(frames):
    tracker = _tracker()
    first, second = _follow(tracker, frames), _follow(tracker, frames)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.mask, b.mask)
        assert a.box == b.box


def test_memory_does_not_grow(frames):
    tracker = _tracker(presence=ALWAYS, memory=4, instance_memory=7)
    _follow(tracker, frames[:2])
    blocks = [
        (m, m["features"].data_ptr())
        for m in (tracker.segmentation.memory, tracker.instance.memory)
    ]
    for _ in range(4):
        for frame in frames:
            tracker.update(frame)
    assert [m.stored for m, _ in blocks] == [4, 7]
    assert all(m["features"].data_ptr() == place for m, place in blocks)


def test_an_empty_mask_falls_back_on_the_instance_branch(frames):
    tracker = _tracker(empty=True, presence=ALWAYS)
    _follow(tracker, frames[:1])
    for frame in frames[1:]:
        answer = tracker.update(frame)
        assert answer.found
        assert not (answer.mask > 0.5).any()
        assert answer.box == tracker.instance.box
    assert tracker.instance.memory.stored == 5 + 5  # it goes on learning
    assert tracker.placement.pos_yx.tolist() != [31.5, 54.5]


def test_without_fallback_an_empty_mask_is_the_end_of_it(frames):
    tracker = _tracker(empty=True, presence=ALWAYS, fallback=False)
    answers = _follow(tracker, frames)[1:]
    assert all(a.box is None and not a.found and a.score == 0 for a in answers)
    assert tracker.placement.pos_yx.tolist() == [31.5, 54.5]


def test_lost_by_both_the_published_box_stays_and_the_paper_s_is_none(frames):
    published = _tracker(empty=True, presence=NEVER)
    answers = _follow(published, frames)[1:]
    assert all(a.box == Box(40, 20, 30, 24) and not a.found for a in answers)
    assert published.segmentation.memory.stored == 5  # forced in the first frames
    assert published.instance.memory.stored == 5
    paper = _tracker(empty=True, presence=NEVER, variant="paper")
    answers = _follow(paper, frames)[1:]
    assert all(a.box is None and not a.found for a in answers)
    assert paper.segmentation.memory.stored == 1


def test_a_lost_target_s_region_grows_back(frames):
    tracker = _tracker(empty=True, presence=ALWAYS)
    _follow(tracker, frames[:2])
    tracker.placement._scales.extend([0.9, 0.5])
    tracker.instance.found = False
    tracker.update(frames[2])
    assert tracker.placement.scale == pytest.approx(0.7)


def test_after_the_early_frames_failures_are_not_learned_from(frames):
    tracker = _tracker(empty=True, presence=ALWAYS, early=3, every=2)
    _follow(tracker, frames[:3])
    assert tracker.segmentation.memory.stored == 1  # the second frame, when the third came: failed


def test_frames_remembered_and_learned_from_after_the_early_ones(frames):
    stored, changes = {}, {}
    for variant in ("published", "paper"):
        tracker = _tracker(presence=ALWAYS, early=2, every=3, variant=variant, area=0)
        tracker.init(frames[0], Target((40, 20, 30, 24), _mask(frames[0], (40, 20, 30, 24))))
        sizes, learned = [], []
        for frame in frames[1:]:
            before = tracker.segmentation.filter_ockk
            tracker.update(frame)
            sizes.append(tracker.segmentation.memory.stored)
            learned.append(before is not tracker.segmentation.filter_ockk)
        stored[variant], changes[variant] = sizes, learned
    assert stored == {"published": [1, 2, 3, 4, 5], "paper": [1, 1, 2, 2, 2]}
    # frames 2 to 6; of them 4 is one to learn in
    assert changes["published"] == changes["paper"] == [False, False, True, False, False]


def test_small_masks_count_as_lost_in_the_published_variant_only(frames):
    published = _tracker(presence=NEVER, area=1e6)
    assert not _follow(published, frames)[-1].found
    paper = _tracker(presence=NEVER, area=1e6, variant="paper")
    assert _follow(paper, frames)[-1].found


def test_without_the_instance_branch_the_mask_alone_decides(frames):
    alone = _tracker(instance=False, area=0)
    answers = _follow(alone, frames)
    assert alone.instance is None
    for answer in answers[1:]:
        inside = answer.mask[answer.mask > 0.5]
        assert answer.score == pytest.approx(inside.mean(), rel=1e-4)
    lost = _follow(_tracker(empty=True, instance=False), frames)[-1]
    assert (lost.box, lost.found) == (None, False)


def test_conditioning_shows_the_decoder_the_scores(frames):
    with_scores = _follow(_tracker(presence=ALWAYS), frames[:2])[-1].mask
    without = _follow(_tracker(presence=ALWAYS, conditioning=False), frames[:2])[-1].mask
    alone = _follow(_tracker(instance=False), frames[:2])[-1].mask
    assert np.abs(with_scores - without).max() > 1e-4
    assert np.array_equal(without, alone)


@pytest.mark.parametrize("threshold", [0.2, 0.3, 0.4])
def test_the_threshold_decides_what_is_found(frames, threshold):
    tracker = _tracker(presence=threshold)
    _follow(tracker, frames[:1])
    peaks = []
    update = tracker.instance.update
    tracker.instance.update = lambda n, peak, *rest: peaks.append(peak) or update(n, peak, *rest)
    for frame in frames[1:]:
        tracker.update(frame)
        assert tracker.instance.found == (peaks[-1].score >= threshold)


@pytest.mark.parametrize("box", [(50, 30, 1, 1), (0, 0, 1, 1), (127, 79, 1, 1), (10, 5, 90, 1)])
@pytest.mark.parametrize("empty", [False, True])
def test_targets_of_one_pixel_or_one_row(frames, box, empty):
    answers = _follow(_tracker(empty=empty, presence=ALWAYS), frames, box)
    assert all(np.isfinite(a.mask).all() for a in answers)
    assert all(np.isfinite(list(a.box)).all() for a in answers if a.box is not None)


def test_a_target_that_leaves_the_view(frames):
    tracker = _tracker(empty=True, presence=ALWAYS)
    _follow(tracker, frames[:1], (-20, 60, 30, 40))
    for _ in range(5):
        for frame in frames:
            box = tracker.update(frame).box
            x, y = box.center
            assert -0.3 * box.w - 1 <= x <= 128 + 0.3 * box.w + 1
            assert -0.3 * box.h - 1 <= y <= 80 + 0.3 * box.h + 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 200), (150, 1), (37, 53)])
@pytest.mark.parametrize("empty", [False, True])
def test_tiny_and_odd_frames(rng, shape, empty):
    frames = rng.integers(0, 256, (4, *shape, 3), dtype=np.uint8)
    box = (0, 0, max(shape[1] // 2, 1), max(shape[0] // 2, 1))
    for answer in _follow(_tracker(empty=empty, presence=ALWAYS), frames, box):
        assert answer.mask.shape == shape


def test_black_frames_and_frames_without_contrast(frames):
    answers = _follow(_tracker(), np.zeros_like(frames))
    assert all(np.isfinite(a.mask).all() for a in answers)


def test_a_box_is_started_by_sta(frames):
    box = (40, 20, 30, 24)
    sta = thin_sta()
    first = _follow(_tracker(sta=sta), frames[:1], box, mask=False)[0]
    outside = ~_mask(frames[0], box)
    assert set(np.unique(first.mask)) == {0, 1}
    assert not first.mask[outside].any()
    other = _follow(_tracker(), frames[:1], box, mask=False)[0]
    assert not np.array_equal(first.mask, other.mask)


@pytest.mark.parametrize("sta", [None, "empty"])
def test_a_box_without_sta_is_started_by_our_own_networks(frames, sta):
    given = thin_sta(empty=True) if sta else None
    first = _follow(_tracker(sta=given), frames[:1], mask=False)[0]
    assert first.mask.any()
    assert not first.mask[~_mask(frames[0], (40, 20, 30, 24))].any()
    assert first.box == Box(40, 20, 30, 24)


def test_half_precision_changes_little(frames):
    half = _tracker(presence=ALWAYS)
    half._network.feature_extractor.half()  # as on a GPU
    half._network.decoder.half()
    expected = _follow(_tracker(presence=ALWAYS), frames[:3])
    for a, b in zip(_follow(half, frames[:3]), expected, strict=True):
        assert a.mask == pytest.approx(b.mask, abs=0.02)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("half", [False, True])
def test_a_gpu_says_the_same(frames, half):
    expected = _follow(_tracker(presence=ALWAYS), frames)
    found = _follow(_tracker(presence=ALWAYS, device="cuda", half=half), frames)
    for a, b in zip(found, expected, strict=True):
        assert a.mask == pytest.approx(b.mask, abs=0.03 if half else 0.003)


def test_it_runs_in_the_loop(frames):
    target = Target(mask=_mask(frames[0], (40, 20, 30, 24)))
    track = run(_tracker(), open_video(frames), target)
    assert len(track) == 6
    assert track.info["settings"] == dataclasses.asdict(RTSSettings(**SMALL).complete({}))


def test_frames_before_init_and_of_another_size_are_told(frames):
    tracker = _tracker()
    with pytest.raises(InputError, match="call init first"):
        tracker.update(frames[0])
    _follow(tracker, frames[:1])
    with pytest.raises(InputError, match="one size"):
        tracker.update(frames[1][:-1])

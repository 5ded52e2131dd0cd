"""The spectral filter behind a tracker: same masks as refining them afterwards, in one pass."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.streaming import refine_video
from spectrack.spectral.guided.stream import GuidedStream
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking import clean_object
from spectrack.tracking.base import Tracker
from spectrack.tracking.cleaning import Cleaner
from spectrack.tracking.loop import run, run_many
from spectrack.video.given_masks import ArrayMasks
from spectrack.video.reader import ArrayFrames


class Scripted(Tracker):
    """A tracker that gives prepared answers."""

    def __init__(self, predictions):
        super().__init__()
        self._answers = iter(predictions)

    def _init(self, frame_hwc, target):
        return next(self._answers)

    def _update(self, frame_hwc):
        return next(self._answers)


@pytest.fixture(scope="module")
def clip():
    return make_clip(20, (320, 192), seed=4)


@pytest.fixture(scope="module")
def rough(clip):
    """True masks with blocks missing for two frames at a time."""
    rng = np.random.default_rng(2)
    masks = clip.masks_thw.copy()
    for t in range(1, 18, 2):
        rows, cols = np.nonzero(masks[t])
        i = rng.integers(0, len(rows))
        masks[t : t + 2, rows[i] - 9 : rows[i] + 9, cols[i] - 9 : cols[i] + 9] = False
    return masks


def answers(masks, lost=()):
    return [
        Prediction(Box.from_mask(m), m, 0.5 + t / 100, t not in lost) for t, m in enumerate(masks)
    ]


def test_equals_refining_afterwards(clip, rough):
    target = Target(box=Box.from_mask(clip.masks_thw[0]))
    frames = ArrayFrames(clip.frames_thwc)
    track = run(Scripted(answers(rough)), frames, target, clean=True)
    want = refine_video(frames, ArrayMasks(rough))
    np.testing.assert_array_equal(track.masks_thw(), want.masks_thw())
    assert [e.score for e in track] == [0.5 + t / 100 for t in range(20)]
    before = jaccard_t(rough, clip.masks_thw).mean()
    assert jaccard_t(track.masks_thw(), clip.masks_thw).mean() > before


def test_given_first_mask_and_lost_frames_stay(clip, rough):
    target = Target(mask=rough[0])
    predictions = answers(rough, lost={7})
    track = run(Scripted(predictions), ArrayFrames(clip.frames_thwc), target, clean=True)
    np.testing.assert_array_equal(track.mask(0), rough[0])
    np.testing.assert_array_equal(track.mask(7), rough[7])
    assert not track[7].found
    assert track[7].box == predictions[7].box


def test_several_objects_one_of_boxes_only(clip, rough):
    boxes = [Prediction(Box(t, 2, 9, 9), None, 0.9) for t in range(20)]
    target = Target(box=(4, 4, 20, 20))
    tracks = run_many(
        {3: Scripted(boxes), 5: Scripted(answers(rough))},
        ArrayFrames(clip.frames_thwc),
        {3: target, 5: target},
        clean=True,
    )
    assert [e.box for e in tracks[3]] == [p.box for p in boxes]
    assert all(e.mask is None for e in tracks[3])
    alone = run(Scripted(answers(rough)), ArrayFrames(clip.frames_thwc), target, clean=True)
    np.testing.assert_array_equal(tracks[5].masks_thw(), alone.masks_thw())


def test_answers_come_in_order_and_all(clip, rough):
    cleaner, given = Cleaner(), []
    for t, prediction in enumerate(answers(rough)):
        given += cleaner.push(clip.frames_thwc[t], {1: prediction})
    assert 0 < len(given) < 20
    given += cleaner.flush()
    assert [round(p[1].score, 2) for p in given] == [round(0.5 + t / 100, 2) for t in range(20)]


def test_an_error_of_the_tracker_comes_through(clip, rough):
    frames, target = ArrayFrames(clip.frames_thwc), Target(box=(4, 4, 20, 20))
    with pytest.raises(StopIteration):
        run(Scripted(answers(rough[:5])), frames, target, clean=True)


def cleaned(frames, predictions, **settings):
    """All answers for object 1, in order."""
    cleaner, ready = Cleaner(**settings), []
    for frame, prediction in zip(frames, predictions, strict=True):
        ready += cleaner.push(frame, {1: prediction})
    return [answer[1] for answer in [*ready, *cleaner.flush()]]


def as_they_are(size_wh, settings):
    """The filter on small frames without enlarging them."""
    return GuidedStream(size_wh, 1, settings)


def test_small_frames_are_enlarged_for_the_filter(clip, rough, monkeypatch):
    """Frames of 320 x 192: the masks are nearer to the truth than without."""
    enlarged = cleaned(clip.frames_thwc, answers(rough))
    monkeypatch.setattr(clean_object, "stream_for", as_they_are)
    plain = cleaned(clip.frames_thwc, answers(rough))
    errors = [
        1 - jaccard_t(np.stack([p.mask >= 0.5 for p in found]), clip.masks_thw)[1:].mean()
        for found in (enlarged, plain)
    ]
    assert errors[0] < 0.8 * errors[1]


def test_a_shrunk_window_still_mends(clip, rough, monkeypatch):
    """A fifth fewer pixels a side of an object of few: little is lost, and boxes follow masks."""
    truth = clip.masks_thw
    monkeypatch.setattr(clean_object, "stream_for", as_they_are)
    whole, windowed = (
        cleaned(clip.frames_thwc, answers(rough), pixels=bound) for bound in (None, 40_000)
    )
    j_rough, j_whole, j_windowed = (
        jaccard_t(masks, truth)[1:].mean()
        for masks in (
            rough,
            np.stack([p.mask >= 0.5 for p in whole]),
            np.stack([p.mask >= 0.5 for p in windowed]),
        )
    )
    assert j_whole > j_rough
    assert j_windowed > j_rough
    assert j_windowed > j_whole - 0.02
    for answer, other in zip(windowed, whole, strict=True):
        assert answer.mask.shape == (192, 320)
        assert answer.mask.dtype == np.float32
        assert 0 <= answer.mask.min() <= answer.mask.max() <= 1
        assert answer.box.iou(other.box) > 0.85
        assert answer.score == other.score


def test_in_a_window_too_what_was_given_or_lost_stays(clip, rough):
    rough = rough.copy()
    rough[9] = False
    predictions = answers(rough, lost={7, 9})
    ready = cleaned(clip.frames_thwc, predictions, pixels=15_000, keep_first=[1])
    for t in (0, 7, 9):
        np.testing.assert_array_equal(ready[t].mask >= 0.5, rough[t])
        assert ready[t].box == predictions[t].box
        assert ready[t].found == predictions[t].found
    assert (ready[5].mask >= 0.5).any()


def far_apart(count=15, size_wh=(1280, 720)):
    """Two squares in opposite corners that come a little closer, and their masks with a notch."""
    rng = np.random.default_rng(5)
    width, height = size_wh
    ground = rng.integers(0, 100, (height, width, 3)).astype(np.uint8)
    frames, masks = [], {1: [], 2: []}
    for t in range(count):
        frame = ground.copy()
        for key, x, y in ((1, 30 + 4 * t, 40), (2, 1180 - 4 * t, 600)):
            frame[y : y + 60, x : x + 60] = (230, 200, 30 * key)
            mask = np.zeros((height, width), bool)
            mask[y : y + 60, x : x + 60] = True
            mask[y + 20 : y + 26, x : x + 12] = t % 3 != 1
            masks[key].append(mask)
        frames.append(frame)
    return frames, masks


def test_objects_far_apart_have_windows_of_their_own_and_memory_is_theirs():
    """Of a window of frames in memory, not of whole frames: 14 of two float planes an object."""
    frames, masks = far_apart()
    predictions = {key: answers(masks[key]) for key in masks}
    cleaner, ready, held = Cleaner(pixels=80_000), [], []
    tracemalloc.start()
    for t, frame in enumerate(frames):
        ready += cleaner.push(frame, {key: p[t] for key, p in predictions.items()})
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    whole_planes = 2 * 2 * 4 * 1280 * 720  # of a frame: two planes for each of two objects
    assert (held[12] - held[1]) / 11 < whole_planes / 2
    ready += cleaner.flush()
    assert len(ready) == 15
    alone = cleaned(frames, predictions[2], pixels=80_000)
    whole = cleaned(frames, predictions[2], pixels=None)
    for answer, want, other in zip(ready, alone, whole, strict=True):
        one, two = want.mask >= 0.5, other.mask >= 0.5
        assert (one & two).sum() / (
            one | two
        ).sum() > 0.99  # at full resolution a window is as good as the frame
        np.testing.assert_array_equal(answer[2].mask, want.mask)
        assert answer[2].box == want.box
        assert answer[1].mask[:200].any()
        assert not answer[1].mask[400:].any()


def test_the_track_says_how_doubtful_each_frame_is(clip, rough):
    """As refining afterwards does, which sees the same masks before and after."""
    target = Target(box=Box.from_mask(clip.masks_thw[0]))
    frames = ArrayFrames(clip.frames_thwc)
    track = run(Scripted(answers(rough)), frames, target, clean=True)
    want = refine_video(frames, ArrayMasks(rough))
    found = track.info["doubt_parts"]
    assert found.pop("score") == [round(1 - e.score, 4) for e in track]
    assert found == want.info["doubt_parts"]
    assert len(track.info["doubt"]) == 20
    bare = run(Scripted(answers(rough)), frames, target).info["doubt_parts"]
    assert set(bare) == {"score", "jump"}


def test_doubt_counts_area_in_pixels_of_the_frame(clip):
    """A window that shrinks more as its object grows must not make it look as if it stayed."""
    cleaner = Cleaner(pixels=15_000)
    masks = np.zeros((4, 192, 320), bool)
    for t, side in enumerate((40, 40, 40, 160)):
        masks[t, 10 : 10 + side, 20 : 20 + side] = True
    for frame, prediction in zip(clip.frames_thwc, answers(masks), strict=False):
        cleaner.push(frame, {1: prediction})
    list(cleaner.flush())
    jump = cleaner.info(1)["doubt_parts"]["jump"]
    assert max(jump[:3]) < 0.05
    assert jump[3] > 0.6  # a sixteenth: (1 - 1/16)^2 is 0.88; the filter may round corners
    assert cleaner.info(7) == {}

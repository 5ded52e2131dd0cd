"""The spectral filter behind a tracker: same masks as refining them afterwards, in one pass."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.streaming import refine_video
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.cleaning import Cleaner
from spectrack.tracking.loop import run, run_many
from spectrack.video.reader import ArrayFrames
from spectrack.video.soft_masks import ArrayMasks


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

"""What the network sees of a given mask, and the preset that is guided by it."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import jaccard
from spectrack.refinement.streaming import refine_video
from spectrack.tracking.mask_guide import GUIDED, MaskGuide, guide_of, refine_guided
from spectrack.tracking.mask_in_box import Segmented
from spectrack.video.reader import ArrayFrames
from spectrack.video.soft_masks import ArrayMasks


@pytest.fixture(scope="module")
def clip():
    return make_clip(5, (214, 120), seed=3)


@pytest.fixture
def guide():
    return MaskGuide()


def test_it_sees_the_object_that_the_mask_is_on(clip, guide):
    frame, truth = clip.frames_thwc[0], clip.masks_thw[0]
    rows, cols = np.nonzero(truth)
    given = truth.copy()
    given[: int(np.quantile(rows, 0.3))] = False  # a part is missing
    seen = guide(frame, given.astype(np.float32))
    assert seen.dtype == np.float32
    assert seen.shape == truth.shape
    assert 0 <= seen.min() <= seen.max() <= 1
    assert jaccard(seen >= 0.5, truth) > 0.6
    # far from the box nothing is seen
    far = np.ones_like(truth)
    top, left = max(rows.min() - 60, 0), max(cols.min() - 60, 0)
    far[top : rows.max() + 60, left : cols.max() + 60] = False
    assert not seen[far].any()


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_masks_with_nothing_to_look_at_are_their_own_guide(clip, guide, rows):
    soft = np.zeros((120, 214), np.float32)
    soft[50 : 50 + rows, 60:90] = 1
    np.testing.assert_array_equal(guide(clip.frames_thwc[0], soft), soft)


class Sees:
    """Sees the truth wherever it is asked to look, and notes what it is told."""

    def __init__(self, clip):
        self.clip, self.looks, self.started, self.kept = clip, 0, [], []

    def segment(self, frame_hwc, hints):
        self.looks += 1
        self.at = self.number(frame_hwc)
        whole = (slice(0, 120), slice(0, 214))
        return [Segmented(*whole, self.clip.masks_thw[self.at].astype(np.float32)) for _ in hints]

    def number(self, frame_hwc):
        (t,) = (t for t in range(5) if np.array_equal(self.clip.frames_thwc[t], frame_hwc))
        return t

    def start(self, frame_hwc, soft_hw):
        self.started.append((self.number(frame_hwc), soft_hw))

    def remember(self, soft_hw):
        self.kept.append((self.at, soft_hw))


def test_the_first_mask_that_it_agrees_with_is_remembered(clip, guide):
    guide._segmenter = sees = Sees(clip)
    given = clip.masks_thw.astype(np.float32)
    given[:2] = 0
    given[:2, 5:40, 5:40] = 1  # on something else
    for t in range(5):
        np.testing.assert_array_equal(guide(clip.frames_thwc[t], given[t]), clip.masks_thw[t])
    ((number, mask),) = sees.started
    assert number == 2
    np.testing.assert_array_equal(mask, given[2])
    assert sees.looks == 6  # a second time, with the memory
    assert not sees.kept


def test_known_masks_are_remembered_whatever_it_sees(clip, guide):
    guide._segmenter = sees = Sees(clip)
    given = np.roll(clip.masks_thw, 40, axis=2).astype(np.float32)  # it does not agree with any
    given[0] = clip.masks_thw[0]
    for t in range(5):
        guide(clip.frames_thwc[t], given[t], known=t in (1, 3))
    assert [number for number, _ in sees.started] == [0, 1]
    ((number, mask),) = sees.kept
    assert number == 3
    np.testing.assert_array_equal(mask, given[3])


def test_presets_that_ask_for_it_get_it():
    assert all(isinstance(guide_of(name), MaskGuide) for name in GUIDED)
    assert guide_of("colour") is None


def test_it_is_what_refine_does_with_the_guide(clip, guide):
    frames, masks = ArrayFrames(clip.frames_thwc), np.roll(clip.masks_thw, 2, axis=2)
    found = refine_guided(frames, ArrayMasks(masks))
    wanted = refine_video(frames, ArrayMasks(masks), "learned", guide=guide)
    np.testing.assert_array_equal(found.masks_thw(), wanted.masks_thw())
    plain = refine_video(frames, ArrayMasks(masks), "learned")
    assert not np.array_equal(found.masks_thw(), plain.masks_thw())

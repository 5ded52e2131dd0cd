"""What the network sees of a given mask, and the preset that is guided by it."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from spectrack.datasets.davis import Davis2016
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.metrics.regions import jaccard, jaccard_t
from spectrack.refinement.presets import PRESETS
from spectrack.refinement.streaming import refine_video
from spectrack.spectral.guided.settings import GUIDED_PRESETS
from spectrack.tracking.looks import Segmented
from spectrack.tracking.mask_guide import MaskGuide
from spectrack.video.given_masks import ArrayMasks
from spectrack.video.reader import ArrayFrames
from spectrack.video.soft_masks import open_masks


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


@pytest.mark.parametrize(
    ("seen", "told"), [(0.0, 0), (0.04, 0), (0.275, 0.25), (0.5, 0.5), (0.97, 1)]
)
def test_what_is_nearly_sure_is_sure(clip, guide, seen, told):
    class Even:
        def segment(self, frame_hwc, hints):
            return [Segmented(slice(0, 120), slice(0, 214), np.full((120, 214), seen, np.float32))]

        def start(self, frame_hwc, soft_hw):
            pass

    guide._segmenter = Even()
    answer = guide(clip.frames_thwc[0], clip.masks_thw[0].astype(np.float32))
    np.testing.assert_allclose(answer, told, atol=1e-6)


def test_every_object_has_a_guide_of_its_own():
    first, second = (PRESETS["learned"].make_guide() for _ in range(2))
    assert isinstance(first, MaskGuide)
    assert first is not second
    assert all(PRESETS[name].make_guide() is None for name in PRESETS if name != "learned")


def test_it_is_what_refine_does_with_the_guide(clip, guide):
    frames, masks = ArrayFrames(clip.frames_thwc), np.roll(clip.masks_thw, 2, axis=2)
    found = refine_video(frames, ArrayMasks(masks), "learned")
    settings = GUIDED_PRESETS["learned"]
    wanted = refine_video(frames, ArrayMasks(masks), settings, guide=guide)
    np.testing.assert_array_equal(found.masks_thw(), wanted.masks_thw())
    plain = refine_video(frames, ArrayMasks(masks), "colour")
    assert not np.array_equal(found.masks_thw(), plain.masks_thw())


def test_settings_that_want_a_guide_are_not_run_without(clip):
    frames, masks = ArrayFrames(clip.frames_thwc), ArrayMasks(clip.masks_thw)
    with pytest.raises(InputError, match=r"guidance 10.0, share 0.5\) and there is none"):
        refine_video(frames, masks, GUIDED_PRESETS["learned"])


@pytest.mark.parametrize(("method", "least"), [("siammask", 3.0), ("stm", -0.5)])
def test_published_masks_gain_more_than_by_colours(davis_root, method, least):
    """J of the first frames of `libby`; what refine_gains.py has for all of it is far above."""
    video, count = Davis2016(davis_root, "val", "480p")["libby"], 14
    with video.frames() as opened:
        frames = ArrayFrames(np.stack(list(islice(opened, count))))
        given = open_masks(davis_root / "Results" / "480p" / method / "libby", opened)[1]
        masks = ArrayMasks(np.stack([given[t] >= 0.5 for t in range(count)]))
    truth = np.stack([video.truth_mask(t) for t in range(count)])

    def gain(preset):
        track = refine_video(frames, masks, preset)
        before = jaccard_t([masks[t] >= 0.5 for t in range(count)], truth)
        return 100 * (jaccard_t(track.masks_thw(), truth) - before)[1:-1].mean()

    assert gain("learned") > gain("colour") + least

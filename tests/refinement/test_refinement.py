"""Refining a whole video: flow, gaps, alignment, fixed memory; and that it helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.flow.local import quick_flow
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.presets import PRESETS
from spectrack.refinement.streaming import refine_video, with_flow
from spectrack.spectral.guided.stream import GUIDED_PRESETS, GuidedStream
from spectrack.video.given_masks import ArrayMasks
from spectrack.video.reader import ArrayFrames


@pytest.fixture(scope="module")
def clip():
    return make_clip(12, (214, 120), seed=3)


@pytest.fixture(scope="module")
def damaged(clip):
    """The true masks with holes and specks that last for several frames."""
    rng = np.random.default_rng(5)
    masks = clip.masks_thw.copy()
    for _ in range(14):
        t, y, x = rng.integers(0, 10), rng.integers(0, 110), rng.integers(0, 204)
        masks[t : t + 3, y : y + 9, x : x + 9] = rng.random() < 0.5
        rows, cols = np.nonzero(clip.masks_thw[t])
        i = rng.integers(0, len(rows))
        masks[t : t + 2, rows[i] - 4 : rows[i] + 4, cols[i] - 4 : cols[i] + 4] = False
    return masks


class Gaps(ArrayMasks):
    """Masks of which some are missing."""

    def __init__(self, masks_thw, missing):
        super().__init__(masks_thw)
        self.gone = set(missing)

    def __getitem__(self, index):
        return None if index in self.gone else super().__getitem__(index)


def test_refining_brings_damaged_masks_closer_to_the_truth(clip, damaged):
    before = jaccard_t(damaged, clip.masks_thw).mean()
    track = refine_video(ArrayFrames(clip.frames_thwc), ArrayMasks(damaged))
    after = jaccard_t(track.masks_thw(), clip.masks_thw).mean()
    assert len(track) == 12
    # Half of the error goes, at least.
    assert after > (1 + before) / 2
    assert all(0.5 <= entry.score <= 1 for entry in track)


def test_flow_around_the_masks_is_enough(clip, damaged):
    frames = ArrayFrames(clip.frames_thwc)
    near = refine_video(frames, ArrayMasks(damaged)).masks_thw()
    whole = refine_video(frames, ArrayMasks(damaged), crop=False).masks_thw()
    assert jaccard_t(near, whole).min() > 0.97


def test_missing_masks_are_carried_by_flow(clip):
    masks = Gaps(clip.masks_thw, [0, 4, 5, 11])
    track = refine_video(ArrayFrames(clip.frames_thwc), masks)
    scores = jaccard_t(track.masks_thw(), clip.masks_thw)
    assert scores[[4, 5, 11]].min() > 0.8
    still = jaccard_t(clip.masks_thw[[3, 3, 10]], clip.masks_thw[[4, 5, 11]])
    assert scores[[4, 5, 11]].mean() > still.mean()


def test_flow_is_cropped_and_zero_elsewhere(clip):
    masks = np.zeros_like(clip.masks_thw)
    masks[:, 50:60, 100:110] = True
    items = list(with_flow(clip.frames_thwc, ArrayMasks(masks), quick_flow(), margin=20))
    assert [item.pair is None for item in items] == [True] + [False] * 11
    forward = items[1].pair.forward_hw2
    assert np.abs(forward[30:80, 80:130]).max() > 0
    forward[30:80, 80:130] = 0
    assert not forward.any()


def test_a_guide_is_asked_for_every_frame_with_its_mask_and_felt(clip, damaged):
    truth_of = {frame.tobytes(): t for t, frame in enumerate(clip.frames_thwc)}
    shown, told = [], []

    def guide(frame_hwc, soft_hw, known):
        shown.append(soft_hw >= 0.5)
        told.append(known)
        return clip.masks_thw[truth_of[frame_hwc.tobytes()]].astype(np.float32)

    given = damaged.copy()
    given[7] = clip.masks_thw[7]
    settings = replace(GUIDED_PRESETS["colour"], guidance=20, share=0.4)
    frames = ArrayFrames(clip.frames_thwc)
    track = refine_video(frames, Gaps(given, {4}), settings, guide=guide, fixed=[7])
    assert [t for t in range(12) if told[t]] == [7]
    for t in set(range(12)) - {4}:  # that one is carried over
        np.testing.assert_array_equal(shown[t], given[t])
    alone = refine_video(frames, Gaps(given, {4}), fixed=[7])
    left, wrong = (1 - jaccard_t(t.masks_thw(), clip.masks_thw).mean() for t in (track, alone))
    assert left < wrong / 2


def test_empty_masks_stay_empty_without_any_flow(clip):
    class NoFlow:
        def __call__(self, first_hwc, second_hwc):
            raise AssertionError("flow was asked for")

    track = refine_video(
        ArrayFrames(clip.frames_thwc), ArrayMasks(np.zeros_like(clip.masks_thw)), flow=NoFlow()
    )
    assert not track.masks_thw().any()
    assert not any(entry.found for entry in track)
    assert all(entry.box is None and entry.score == 0 for entry in track)


@pytest.mark.parametrize("preset", PRESETS)
def test_known_masks_stay_in_every_preset_and_are_felt(clip, damaged, preset):
    frames, masks = ArrayFrames(clip.frames_thwc), damaged.astype(np.float32)
    masks[5] = 0.6 * clip.masks_thw[5]  # soft: the known mask is what reaches one half
    refine = PRESETS[preset].load()
    track = refine(frames, ArrayMasks(masks), preset=preset, fixed=[5])
    np.testing.assert_array_equal(track.mask(5), clip.masks_thw[5])
    plain = refine(frames, ArrayMasks(masks), preset=preset)
    assert not np.array_equal(plain.mask(5), clip.masks_thw[5])
    assert not np.array_equal(track.mask(6), plain.mask(6))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("fixed", [[4], [-1], [12]])
def test_a_known_mask_that_is_missing_is_refused(clip, preset, fixed):
    masks = Gaps(clip.masks_thw, [4])
    with pytest.raises(InputError, match=f"frame {fixed[0]} was called known, but has no mask"):
        PRESETS[preset].load()(ArrayFrames(clip.frames_thwc), masks, preset=preset, fixed=fixed)


@pytest.mark.parametrize("count", [11, 13])
def test_wrong_number_of_masks(clip, count):
    masks = np.zeros((count, 120, 214), bool)
    with pytest.raises(InputError, match=f"{count} masks were given"):
        refine_video(ArrayFrames(clip.frames_thwc), ArrayMasks(masks))


def test_no_mask_at_all(clip):
    with pytest.raises(InputError, match="no frame has a mask"):
        refine_video(ArrayFrames(clip.frames_thwc), Gaps(clip.masks_thw, range(12)))


def test_one_frame(clip):
    track = refine_video(ArrayFrames(clip.frames_thwc[:1]), ArrayMasks(clip.masks_thw[:1]))
    assert jaccard_t(track.masks_thw(), clip.masks_thw[:1]).min() > 0.9


def test_the_window_does_not_grow(clip):
    stream = GuidedStream((214, 120))
    still = np.zeros((120, 214, 2), np.float32)
    given = 0
    for t in range(70):
        soft = clip.masks_thw[t % 12].astype(np.float32)
        given += len(stream.push(clip.frames_thwc[t % 12], soft, still, still))
        assert len(stream._window) <= stream.settings.iterations + 2
    assert given == 70 - stream.settings.iterations
    assert given + len(stream.flush()) == 70
    assert not stream._window

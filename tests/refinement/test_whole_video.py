"""The presets that hold the whole video: their feature, gaps, and the recipe itself."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.refinement.whole_video import fill_missing, motion_thw, refine_whole
from spectrack.spectral.sfseg.filter import PRESETS, sfseg


def test_gaps_take_the_nearest_earlier_mask():
    a, b = np.full((2, 3), 0.2, np.float32), np.full((2, 3), 0.7, np.float32)
    filled = fill_missing([None, a, None, None, b, None])
    assert filled[:, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.7, 0.7])
    with pytest.raises(InputError, match="no frame has a mask"):
        fill_missing([None, None])


def test_motion_is_the_mean_magnitude_over_its_99th_percentile(rng):
    flows = {
        pair: rng.normal(0, 3, (6, 8, 2)).astype(np.float32)
        for pair in [(0, 1), (1, 0), (1, 2), (2, 1)]
    }
    frames = [np.full((6, 8, 3), t, np.uint8) for t in range(3)]

    def flow(first, second):
        return flows[int(first[0, 0, 0]), int(second[0, 0, 0])]

    size = {pair: np.sqrt((f.astype(np.float64) ** 2).sum(-1)) for pair, f in flows.items()}
    expected = np.stack([size[0, 1], (size[1, 0] + size[1, 2]) / 2, size[2, 1]])
    expected = np.clip(expected / np.percentile(expected, 99), 0, 1)
    np.testing.assert_allclose(motion_thw(frames, flow), expected, atol=1e-6)


def test_motion_of_a_still_and_of_nothing():
    still = motion_thw([np.zeros((6, 8, 3), np.uint8)], lambda a, b: np.zeros((6, 8, 2)))
    assert still.shape == (1, 6, 8)
    assert not still.any()
    with pytest.raises(InputError, match="no frames"):
        motion_thw([], lambda a, b: a)


def test_the_recipe_is_sfseg_cut_at_its_threshold(clip):
    flow = lambda a, b: np.full((*a.shape[:2], 2), 1.0, np.float32)  # noqa: E731
    masks = [m.astype(np.float32) for m in clip.masks_thw]
    track = refine_whole(clip.frames_thwc, masks, "published", flow=flow)
    feature = np.ones(clip.masks_thw.shape, np.float32)
    smooth = sfseg(np.stack(masks), feature, PRESETS["published"])
    np.testing.assert_array_equal(track.masks_thw(), smooth >= PRESETS["published"].threshold)
    assert all(entry.found == bool(entry.mask.area) for entry in track)


def test_masks_of_other_frames_are_refused(clip):
    masks = [np.zeros((80, 128), np.float32)] * 4
    with pytest.raises(InputError, match="one mask of the frame's size for every frame"):
        refine_whole(clip.frames_thwc, masks, "paper", flow=lambda a, b: np.zeros((80, 128, 2)))

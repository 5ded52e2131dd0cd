"""Samples of NN_feat2seg: exact where they should be, kept, and the same from the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spectrack.datasets.synthetic.motion import MotionSettings
from spectrack.datasets.synthetic.stills import Still
from spectrack.structures import Box
from spectrack.trackers.sftrack.crop import SIDE, Crop
from spectrack.trackers.sftrack.train_feat2seg_data import (
    Samples,
    corrupted,
    jittered,
    sample,
    smooth_noise,
    still_samples,
)


@pytest.fixture(scope="module")
def stills() -> list[Still]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3):
        image = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
        mask = np.zeros((90, 120), dtype=bool)
        mask[30:70, 40:90] = True
        image[mask] = (200, 30, 30)
        found.append(Still(image, mask))
    return found


def test_sample_shows_box_picture_and_truth_in_one_crop() -> None:
    frame = np.zeros((100, 140, 3), dtype=np.uint8)
    truth = np.zeros((100, 140), dtype=bool)
    truth[40:60, 50:90] = True
    frame[truth] = (255, 0, 0)
    box = Box(50, 40, 40, 20)
    maps, mask = sample(frame, truth, box, None, None)
    np.testing.assert_array_equal(maps[0], mask)  # red where the target is
    np.testing.assert_allclose(maps[3].astype(int), mask.astype(int), atol=60)
    assert (maps[4] == 128).all()
    sx, sy = Crop.around(box).scale_xy
    assert mask.sum() / 255 == pytest.approx(800 * sx * sy, rel=0.02)


def test_samples_are_kept_and_the_same_from_the_same_seed(
    stills: list[Still], tmp_path: Path
) -> None:
    settings = MotionSettings(size_wh=(96, 96))
    made = [
        still_samples(stills, 6, seed, tmp_path / name, exact=False, settings=settings)
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    ]
    np.testing.assert_array_equal(made[0].maps_nchw, made[1].maps_nchw)
    assert not np.array_equal(made[0].truth_nhw, made[2].truth_nhw)
    again = still_samples([], 6, 1, tmp_path / "a", exact=False, settings=settings)
    np.testing.assert_array_equal(again.maps_nchw, made[0].maps_nchw)


def test_augmented_samples_keep_maps_and_truth_together() -> None:
    maps = np.zeros((1, 5, SIDE, SIDE), dtype=np.uint8)
    maps[0, 3, 20:50, 10:30] = 255
    samples = Samples(maps, maps[:, 3].copy())
    torch.manual_seed(0)
    seen = set()
    for _ in range(12):
        shown, truth = samples[0]
        torch.testing.assert_close(shown[3], truth)
        seen.add(int(truth[30, 20]))
    assert seen == {0, 1}  # mirrored, and not


def test_jitter_has_the_spread_asked_for() -> None:
    rng = np.random.default_rng(0)
    boxes = [jittered(Box(100, 50, 40, 20), 0.1, rng) for _ in range(4000)]
    centres = np.array([b.center for b in boxes])
    np.testing.assert_allclose(centres.mean(axis=0), (120, 60), atol=0.3)
    np.testing.assert_allclose(centres.std(axis=0), (4, 2), rtol=0.1)
    assert np.log([b.w / 40 for b in boxes]).std() == pytest.approx(0.1, rel=0.1)


def test_corrupted_masks_are_off_but_still_of_the_target() -> None:
    mask = np.zeros((120, 160), dtype=bool)
    mask[30:90, 40:120] = True
    rng = np.random.default_rng(0)
    overlaps = []
    for _ in range(40):
        soft = corrupted(mask, Box(40, 30, 80, 60), rng)
        assert soft.dtype == np.uint8
        hard = soft >= 128
        overlaps.append((hard & mask).sum() / (hard | mask).sum())
    assert 0.6 < np.mean(overlaps) < 0.97
    assert np.std(overlaps) > 0.03


def test_smooth_noise_is_smooth_and_of_unit_size() -> None:
    noise = smooth_noise((200, 240), 4, 10, np.random.default_rng(0))
    assert noise.shape == (4, 200, 240)
    assert 0.5 < noise.std() < 1.1
    assert np.abs(np.diff(noise, axis=2)).mean() < 0.25

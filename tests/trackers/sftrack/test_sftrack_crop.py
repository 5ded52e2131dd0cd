"""The crop of a hypothesis, against areas and plain resampling."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.trackers.sftrack.crop import SIDE, Crop


def test_crop_has_the_context_of_siamfc() -> None:
    crop = Crop.around(Box(100, 50, 60, 20))
    assert (crop.x2 - crop.x1, crop.y2 - crop.y1) == (100, 60)
    assert (crop.x1 + crop.x2) / 2 == 130
    assert (crop.y1 + crop.y2) / 2 == 60


@pytest.mark.parametrize(
    "box", [Box(20.3, 11.7, 33.1, 18.9), Box(-8, -5, 30, 30), Box(90, 60, 40, 40)]
)
def test_box_map_holds_the_area_of_the_box(box: Box) -> None:
    crop = Crop.around(box)
    sx, sy = crop.scale_xy
    assert crop.box_map(box).sum() == pytest.approx(box.area * sx * sy, rel=1e-4)


def test_box_map_is_the_limit_of_a_fine_raster() -> None:
    crop, box = Crop(10, 20, 60, 90), Box(22.4, 31.3, 17.9, 40.2)
    sx, sy = crop.scale_xy
    fine = 20
    x = crop.x1 + (np.arange(SIDE * fine) + 0.5) / fine / sx
    y = crop.y1 + (np.arange(SIDE * fine) + 0.5) / fine / sy
    inside = ((y >= box.y) & (y < box.y + box.h))[:, None] & ((x >= box.x) & (x < box.x + box.w))
    raster = inside.reshape(SIDE, fine, SIDE, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(crop.box_map(box), raster, atol=0.06)


def test_cut_of_a_ramp_reads_the_places_the_crop_covers() -> None:
    """A linear picture stays linear: the value tells the place."""
    x = np.tile(np.arange(200, dtype=np.float32) + 0.5, (100, 1))
    crop = Crop(30, 10, 94, 74)
    cut = crop.cut(x)
    expected = 30 + (np.arange(SIDE) + 0.5) * 64 / SIDE
    np.testing.assert_allclose(cut[5, 2:-2], expected[2:-2], atol=1e-3)


def test_outside_of_the_frame_is_filled() -> None:
    frame = np.full((40, 50, 3), 200, np.uint8)
    cut = Crop(-50, -40, 50, 40).cut(frame, 127)
    assert (cut[: SIDE // 2 - 1] == 127).all()
    assert (cut[SIDE // 2 + 1 :, SIDE // 2 + 1 :] == 200).all()
    assert (Crop(500, 500, 600, 600).cut(frame, 9) == 9).all()


@pytest.mark.parametrize(
    "crop", [Crop(10, 5, 74, 69), Crop(-20, -10, 44, 90), Crop(70, 30, 200, 99)]
)
def test_paste_brings_a_mask_back(crop: Crop) -> None:
    """A smooth mask cut and pasted is the same mask, inside frame and crop."""
    y, x = np.mgrid[:80, :100]
    mask = np.exp(-((x - 50) ** 2 + (y - 40) ** 2) / 800).astype(np.float32)
    out = np.zeros_like(mask)
    rows, cols = crop.paste(crop.cut(mask), out)
    assert (rows.start, rows.stop) == (max(crop.y1, 0), min(crop.y2, 80))
    assert (cols.start, cols.stop) == (max(crop.x1, 0), min(crop.x2, 100))
    inner = (slice(rows.start + 3, rows.stop - 3), slice(cols.start + 3, cols.stop - 3))
    np.testing.assert_allclose(out[inner], mask[inner], atol=0.03)
    out[rows, cols] = 0
    assert not out.any()


def test_paste_far_outside_changes_nothing() -> None:
    out = np.zeros((20, 30), np.float32)
    rows, cols = Crop(100, 100, 200, 200).paste(np.ones((SIDE, SIDE), np.float32), out)
    assert not out.any()
    assert rows.stop - rows.start == 0 == cols.stop - cols.start


def test_shifted_crop_pastes_into_a_part_of_the_frame() -> None:
    soft = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    whole, part = np.zeros((90, 120), np.float32), np.zeros((70, 80), np.float32)
    crop = Crop(30, 20, 100, 80)
    crop.paste(soft, whole)
    crop.shifted(-25, -15).paste(soft, part)
    np.testing.assert_array_equal(part, whole[15:85, 25:105])

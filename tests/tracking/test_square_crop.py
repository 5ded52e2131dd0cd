"""The square crop about a box: against ramps, padded arrays, and counting in small cells."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.square_crop import OUTSIDE, STRETCH, SquareCrop, filled_box

BOXES = [
    Box(30, 20, 40, 30),
    Box(30.3, 20.7, 41.9, 30.2),
    Box(50, 10, 3, 60),
    Box(5, 40, 90, 4),
    Box(60.5, 33.2, 1, 1),
    Box(-30, -10, 45, 50),
    Box(95, 70, 200, 9),
]


def ramp(width: int, height: int) -> np.ndarray:
    """A map whose value at the middle of pixel (x, y) is x / 200 + y / 500."""
    return (np.arange(width) / 200 + np.arange(height)[:, None] / 500).astype(np.float32)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("context", [1.0, 1.5])
def test_it_holds_the_box_with_its_context_and_is_not_stretched_too_far(box, context) -> None:
    crop = SquareCrop.around(box, context, 256)
    cx, cy = box.center
    for middle, start, size, side in ((cx, crop.x, crop.w, box.w), (cy, crop.y, crop.h, box.h)):
        assert start <= middle - side * context / 2 + 1e-9
        assert start + size >= middle + side * context / 2 - 1e-9
        assert size >= 16
        assert abs(start + size / 2 - middle) <= 1  # whole pixels around the same centre
    assert max(crop.w / crop.h, crop.h / crop.w) <= STRETCH * (1 + 2 / 16)


@pytest.mark.parametrize("shape", [(48, 48), (24, 48), (96, 60)])
def test_a_cut_ramp_has_the_values_of_the_places_it_shows(shape) -> None:
    frame = ramp(120, 110)
    crop = SquareCrop(10, 5, *shape, 48)
    sx, sy = crop.scale_xy
    x = crop.x + (np.arange(48) + 0.5) / sx - 0.5
    y = crop.y + (np.arange(48) + 0.5) / sy - 0.5
    rim = slice(2, -2)  # beyond the middles of the outermost pixels nothing is known
    expected = (x / 200 + y[:, None] / 500)[rim, rim]
    np.testing.assert_allclose(crop.cut(frame)[rim, rim], expected, atol=2e-4)


@pytest.mark.parametrize(
    "crop", [SquareCrop(20, 10, 60, 40, 96), SquareCrop(-15, -8, 60, 90, 96)], ids=["in", "beyond"]
)
def test_what_is_cut_comes_back_to_where_it_was(crop) -> None:
    frame = ramp(100, 70)
    rows, cols = crop.inside((100, 70))
    back = crop.back(crop.cut(frame), (100, 70))
    assert back.shape == frame[rows, cols].shape
    rim = slice(2, -2)
    np.testing.assert_allclose(back[rim, rim], frame[rows, cols][rim, rim], atol=2e-3)


@pytest.mark.parametrize("outside", [0, OUTSIDE])
@pytest.mark.parametrize("place", [(-12, -7), (80, 50), (-5, 30), (30, 20)])
def test_beyond_the_frame_it_is_filled(place, outside) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    crop = SquareCrop(*place, 32, 32, 32)  # as many pixels as the frame: nothing is resized
    wide = np.full((124, 154, 3), outside, np.uint8)
    wide[32:92, 32:122] = frame
    expected = wide[place[1] + 32 : place[1] + 64, place[0] + 32 : place[0] + 64]
    np.testing.assert_array_equal(crop.cut(frame, outside), expected)
    rows, cols = crop.inside((90, 60))
    held = np.zeros((60, 90, 3), np.uint8)
    held[rows, cols] = 1
    wide[:] = 0
    wide[place[1] + 32 : place[1] + 64, place[0] + 32 : place[0] + 64] = 1
    np.testing.assert_array_equal(held, wide[32:92, 32:122])


@pytest.mark.parametrize("place", [(-40, 10), (90, 10), (10, -33), (10, 60), (500, 500)])
def test_a_crop_wholly_beyond_the_frame_shows_and_gives_nothing(place) -> None:
    crop = SquareCrop(*place, 32, 32, 64)
    frame = np.full((60, 90, 3), 9, np.uint8)
    assert (crop.cut(frame, OUTSIDE) == OUTSIDE).all()
    assert crop.cut(frame, OUTSIDE).shape == (64, 64, 3)
    assert crop.cut(frame[..., 0].astype(np.float32)).shape == (64, 64)
    rows, cols = crop.inside((90, 60))
    assert frame[rows, cols].size == 0
    back = crop.back(np.ones((64, 64), np.float32), (90, 60))
    assert back.shape == frame[rows, cols].shape[:2]


@pytest.mark.parametrize(
    "box", [Box(-3.25, 10.5, 12.5, 20.5), Box(2, 6, 0.25, 0.5), Box(-50, -50, 200, 200)]
)
def test_the_shown_box_covers_what_counting_finds(box) -> None:
    """All edges lie on eighths of a pixel of the crop, so cells of that size tell exactly."""
    crop = SquareCrop(-8, 4, 32, 64, 32)
    fine = (np.arange(32 * 8) + 0.5) / 8
    x, y = crop.x + fine, crop.y + 2 * fine
    held = ((x >= box.x) & (x < box.x + box.w)) & ((y >= box.y) & (y < box.y + box.h))[:, None]
    expected = held.reshape(32, 8, 32, 8).mean((1, 3))
    np.testing.assert_allclose(crop.box_map(box), expected, atol=1e-6)
    assert crop.box_map(box).dtype == np.float32


def test_a_box_beyond_the_square_fills_nothing() -> None:
    assert not filled_box(40, 3, 5, 5, 32).any()
    assert not filled_box(-9, 3, 5, 5, 32).any()

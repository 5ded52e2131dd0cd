"""Masks of SiamMask: windows of layers, the way into the frame, thresholds, rotated boxes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spectrack.structures import Box
from spectrack.trackers.siammask.paste import (
    Square,
    levelled,
    rotated_box,
    rotated_rectangle,
    tight_box,
)
from spectrack.trackers.siammask.refinement import WINDOWS, Refinement, window
from thin import randomise


@pytest.mark.parametrize(("cells", "part"), list(zip((125, 63, 31), WINDOWS, strict=True)))
@pytest.mark.parametrize("cell", [(0, 0), (10, 12), (0, 24), (24, 3), (24, 24)])
def test_windows_are_those_of_padded_layers(cells, part, cell):
    maps = torch.randn(2, 3, cells, cells)
    scale, beyond, side = part
    padded = F.pad(maps, [beyond] * 4)
    row, column = scale * cell[0], scale * cell[1]
    expected = padded[..., row : row + side, column : column + side]
    assert torch.equal(window(maps, cell, *part), expected)


@torch.inference_mode()
def test_a_batch_of_targets_is_drawn_as_one_by_one():
    network = randomise(Refinement((2, 3, 4), 5))
    layers = [torch.randn(2, c, n, n) for c, n in ((2, 125), (3, 63), (4, 31))]
    correlation = torch.randn(2, 5, 1, 1)
    found = network(layers, correlation, (3, 20))
    assert found.shape == (2, 127, 127)
    for i in range(2):
        one = network([m[i : i + 1] for m in layers], correlation[i : i + 1], (3, 20))
        torch.testing.assert_close(one[0], found[i], atol=1e-5, rtol=1e-4)


def test_the_middle_cell_s_mask_lies_about_the_centre():
    y, x = np.mgrid[:127, :127] / 126 - 0.5
    soft = ((x / 0.3) ** 2 + (y / 0.2) ** 2 < 1).astype(np.float32)
    square = Square.of_cell((200.0, 150.0), 510, (12, 12))
    assert (square.x, square.y, square.side) == (200 - 255 + 128, 150 - 255 + 128, 254)
    found = square.paste(soft, (400, 300))
    assert found.shape == (300, 400)
    rows, columns = np.nonzero(found >= 0.5)
    # pixel 0 lies on the square's first, so that a mask of double size is half a pixel off
    assert (rows.mean(), columns.mean()) == pytest.approx((149.0, 199.0), abs=1)
    assert np.ptp(columns) == pytest.approx(0.6 * 254, abs=4)
    assert np.ptp(rows) == pytest.approx(0.4 * 254, abs=4)


def test_cells_are_eight_pixels_of_the_search_region_apart():
    first, second = (Square.of_cell((200.0, 150.0), 510, cell) for cell in ((3, 5), (4, 8)))
    assert (second.x - first.x, second.y - first.y) == (3 * 16, 16)


def test_what_lies_beyond_the_frame_is_cut_off():
    square = Square.of_cell((2.0, 3.0), 300, (12, 12))
    found = square.paste(np.ones((127, 127), np.float32), (60, 40))
    assert found.shape == (40, 60)
    assert found.min() == 1
    assert not Square(500.0, 500.0, 20.0).paste(np.ones((127, 127), np.float32), (60, 40)).any()


@pytest.mark.parametrize("threshold", [0.15, 0.3, 0.5, 0.9])
def test_levelled_masks_have_their_threshold_at_one_half_and_keep_their_order(threshold):
    soft = np.linspace(0, 1, 1001, dtype=np.float32)[None]
    found = levelled(soft, threshold)
    assert found.dtype == np.float32
    assert (found[0, 0], found[0, -1]) == (0, 1)
    assert (np.diff(found) > 0).all()
    away = np.abs(soft - threshold) > 1e-6
    np.testing.assert_array_equal((found >= 0.5)[away], (soft > threshold)[away])
    if threshold == 0.5:
        np.testing.assert_allclose(found, soft, atol=1e-7)


def tilted(angle: float, size_wh=(80, 30), centre=(100, 90)) -> np.ndarray:
    """A rotated rectangle, filled by its formula; bool (180, 200)."""
    y, x = np.mgrid[:180, :200].astype(float)
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    along = (x - centre[0]) * c + (y - centre[1]) * s
    across = -(x - centre[0]) * s + (y - centre[1]) * c
    return (np.abs(along) <= size_wh[0] / 2) & (np.abs(across) <= size_wh[1] / 2)


@pytest.mark.parametrize("angle", [0, 15, 45, 70, 90])
def test_a_rotated_rectangle_is_found_and_a_box_of_its_area_stands_for_it(angle):
    mask = tilted(angle)
    corners = rotated_rectangle(mask)
    assert corners.shape == (4, 2)
    assert corners.mean(0) == pytest.approx((100, 90), abs=0.5)
    assert sorted(np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)) == pytest.approx(
        [30, 80], abs=1.6
    )
    box = rotated_box(mask.astype(np.float32))
    assert box.center == pytest.approx((100.5, 90.5), abs=0.5)
    assert box.area == pytest.approx(81 * 31, rel=0.07)
    if angle in (0, 90):
        assert list(box) == pytest.approx(list(tight_box(mask.astype(np.float32))), abs=0.01)


def test_the_largest_piece_counts_and_small_ones_have_no_rectangle():
    mask = tilted(30)
    mask[5:20, 5:12] = True
    assert cv2.contourArea(rotated_rectangle(mask)) == pytest.approx(
        cv2.contourArea(rotated_rectangle(tilted(30)))
    )
    small = np.zeros((50, 50), bool)
    small[10:21, 10:21] = True  # its outline holds 10 x 10 square pixels
    assert rotated_rectangle(small) is None
    assert rotated_box(small.astype(np.float32)) is None
    small[21, 10:21] = True
    assert rotated_rectangle(small) is not None
    assert rotated_rectangle(np.zeros((9, 9), bool)) is None
    assert tight_box(np.zeros((9, 9), np.float32)) is None
    assert tight_box(small.astype(np.float32)) == Box(10, 10, 11, 12)

"""Where regions lie: the anchor against a spatial transformer, theta against squares drawn."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spectrack.structures import Box
from spectrack.trackers.pixelwise.region import (
    ANCHOR,
    Region,
    moved,
    theta_of_map,
    theta_of_mask,
    transformed_anchor,
)

SIDE = 32
THETAS = torch.tensor([[1.0, 0, 0], [0.4, 0.3, -0.5], [1.7, -0.6, 0.2], [0.05, 0.9, 0.9]]).double()
ASPECTS = torch.tensor([1.0, 16 / 9, 0.5, 2.0]).double()


def anchor_picture(side):
    picture = torch.zeros(1, 1, side, side, dtype=torch.float64)
    quarter = side // 4
    picture[..., quarter:-quarter, quarter:-quarter] = 1
    return picture


def test_the_anchor_is_what_a_spatial_transformer_samples():
    root = ASPECTS.sqrt()
    across, down = THETAS[:, 0] / root, THETAS[:, 0] * root
    nothing = torch.zeros_like(across)
    inverse = torch.stack(
        [
            torch.stack([1 / across, nothing, -THETAS[:, 1] / across], 1),
            torch.stack([nothing, 1 / down, -THETAS[:, 2] / down], 1),
        ],
        1,
    )
    grid = F.affine_grid(inverse, (len(THETAS), 1, SIDE, SIDE), align_corners=False)
    picture = anchor_picture(SIDE).expand(len(THETAS), -1, -1, -1)
    wanted = F.grid_sample(picture, grid, align_corners=False)[:, 0]
    found = transformed_anchor(THETAS, ASPECTS, SIDE)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert found.amax((1, 2))[:3].min() == 1


def test_its_slopes_are_those_of_differences():
    # away from where the profile has its corners
    theta = (THETAS[:3] + torch.tensor([0.013, 0.021, -0.017])).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda t: transformed_anchor(t, ASPECTS[:3], 8), (theta,))


@pytest.mark.parametrize("size_wh", [(640, 360), (200, 400), (300, 300)])
def test_on_the_frame_the_anchor_is_a_square_of_the_scale(size_wh):
    width, height = size_wh
    aspect = torch.tensor([width / height])
    theta = torch.tensor([[0.6, 0.1, -0.2]])
    shown = transformed_anchor(theta, aspect, 224)[0].numpy()
    box = Box.from_mask(cv2.resize(shown, size_wh) >= 0.5)
    side = 0.6 * ANCHOR * math.sqrt(width * height)
    assert box.w == pytest.approx(side, abs=4)
    assert box.h == pytest.approx(side, abs=4)
    assert box.center[0] == pytest.approx(0.55 * width, abs=2)
    assert box.center[1] == pytest.approx(0.4 * height, abs=2)
    region = Region.of_theta((0.6, 0.1, -0.2), size_wh, 2.0)
    assert region.side == pytest.approx(2 * side)
    assert region.theta(size_wh, 2.0) == pytest.approx((0.6, 0.1, -0.2))


def test_the_first_region_is_twice_the_longer_side_within_the_paper_s_range():
    mask = np.zeros((120, 200), bool)
    mask[30:50, 60:110] = True
    found = Region.of_theta(theta_of_mask(mask, 2.0, 56, 672), (200, 120), 2.0)
    assert (found.x, found.y, found.side) == pytest.approx((85, 40, 100))
    found = Region.of_theta(theta_of_mask(mask, 2.0, 150, 672), (200, 120), 2.0)
    assert found.side == pytest.approx(150)
    assert Region(5, 5, 900).within(56, 672).side == 672
    assert Region(5, 5, 900).within(56, 0).side == 900
    assert theta_of_mask(np.zeros((4, 4), bool), 2.0, 56, 672) is None


@pytest.mark.parametrize(("x", "side", "left"), [(10.0, 8, 6), (9.5, 7, 6), (-3.0, 20, -13)])
def test_a_crop_is_a_square_of_whole_pixels(x, side, left):
    crop = Region(x, 20, side).crop(32)
    assert (crop.x, crop.w, crop.h, crop.side) == (left, side, side, 32)


@pytest.mark.parametrize("size_wh", [(640, 360), (200, 400)])
def test_moments_of_a_square_give_the_anchor_on_it(size_wh):
    width, height = size_wh
    frame = np.zeros((height, width), np.float32)
    frame[60:120, 100:160] = 1
    shown = cv2.resize(frame, (112, 112), interpolation=cv2.INTER_AREA)
    aspect = torch.tensor([width / height])
    theta = theta_of_map(torch.from_numpy(shown)[None], aspect, torch.zeros(1, 3))
    found = Region.of_theta(tuple(theta[0].tolist()), size_wh, 1.0)
    assert (found.x, found.y) == pytest.approx((130, 90), abs=0.1)
    assert found.side == pytest.approx(60, rel=0.02)


def test_moments_are_the_sums_they_stand_for(rng):
    shown = rng.random((3, 8, 8)).astype(np.float64)
    shown[2] = 0
    aspect = np.array([1.5, 0.6, 1.0])
    before = torch.tensor([[0.5, 0.1, 0.2]], dtype=torch.float64).expand(3, -1)
    found = theta_of_map(torch.from_numpy(shown), torch.from_numpy(aspect), before)
    at = (np.arange(8) + 0.5) / 4 - 1
    for n in range(2):
        mass = shown[n].sum()
        x = sum(p * at[j] for (_, j), p in np.ndenumerate(shown[n])) / mass
        y = sum(p * at[i] for (i, _), p in np.ndenumerate(shown[n])) / mass
        xx = sum(p * (at[j] - x) ** 2 for (_, j), p in np.ndenumerate(shown[n])) / mass
        yy = sum(p * (at[i] - y) ** 2 for (i, _), p in np.ndenumerate(shown[n])) / mass
        # in units of the square root of the frame's area
        wide = math.sqrt(xx + 1 / 192) / 2 * math.sqrt(aspect[n])
        high = math.sqrt(yy + 1 / 192) / 2 / math.sqrt(aspect[n])
        scale = math.sqrt(12) * max(wide, high) / ANCHOR
        np.testing.assert_allclose(found[n], [scale, x, y], rtol=1e-12)
    np.testing.assert_array_equal(found[2], before[2])


def test_a_move_is_measured_in_sides_of_the_anchor():
    size_wh, theta = (640, 360), (0.5, 0.2, -0.1)
    before = Region.of_theta(theta, size_wh, 1.0)
    by = torch.tensor([[math.log(2), 0.5, -0.25]])
    after = moved(torch.tensor([theta]), by, torch.tensor([640 / 360]))
    region = Region.of_theta(tuple(after[0].tolist()), size_wh, 1.0)
    assert region.side == pytest.approx(2 * before.side, rel=1e-5)
    assert region.x == pytest.approx(before.x + 0.5 * before.side, rel=1e-5)
    assert region.y == pytest.approx(before.y - 0.25 * before.side, rel=1e-5)

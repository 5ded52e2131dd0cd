"""From a box to a mask: right on easy pictures, sane on all others."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from spectrack.structures import Box
from spectrack.tracking.colour import (
    ColourSettings,
    best_mask,
    ellipse_mask,
    geodesic_hw,
    mask_from_box,
    robust_box,
)


def disc_picture(rng, size=(120, 160), centre=(80, 60), radius=28, contrast=90):
    """A disc on soft noise, and its exact mask."""
    noise = gaussian_filter(rng.standard_normal((*size, 3)), (1.5, 1.5, 0)) * 25
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    mask = np.hypot(x - centre[0], y - centre[1]) <= radius
    picture = 100 + noise + contrast * mask[..., None] * np.array([1, -0.4, -0.8])
    return np.clip(picture, 0, 255).astype(np.uint8), mask


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("radius", [8, 28, 55])
def test_a_disc_is_cut_out(rng, radius):
    frame, truth = disc_picture(rng, radius=radius)
    assert iou(mask_from_box(frame, Box.from_mask(truth)), truth) > 0.85


def test_the_background_inside_the_box_is_left_out(rng):
    frame, truth = disc_picture(rng)
    truth &= np.arange(160)[None] < 75  # three quarters of the box is ground
    truth |= np.hypot(*(np.mgrid[:120, :160][::-1] - np.array([80, 60])[:, None, None])) < 6
    frame = np.where(truth[..., None], frame, 100).astype(np.uint8)
    assert iou(mask_from_box(frame, Box(50, 30, 60, 60)), truth) > 0.8


def test_a_target_cut_by_the_frame(rng):
    frame, truth = disc_picture(rng, centre=(10, 60))
    assert iou(mask_from_box(frame, Box.from_mask(truth)), truth) > 0.85


@pytest.mark.parametrize("kind", ["noise", "constant", "faint"])
@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 93, 61),
        (5, 5, 1, 1),
        (-9, -9, 500, 500),
        (0, 30, 93, 2),
        (0, 0, 0.3, 0.3),
        (90.5, 57.5, 8, 8),
        (10, 10, 40, 30),
        (20.5, 3.2, 3, 50),
    ],
)
def test_any_box_gives_a_mask_inside_it(rng, kind, box):
    frame = {
        "noise": rng.integers(0, 256, (61, 93, 3), dtype=np.uint8),
        "constant": np.full((61, 93, 3), 90, np.uint8),
        "faint": disc_picture(rng, (61, 93), (40, 30), 12, contrast=2)[0],
    }[kind]
    mask = mask_from_box(frame, Box(*box))
    assert mask.any()
    assert not (mask & ~Box(*box).fill((93, 61))).any()


def test_a_hopeless_picture_gives_the_ellipse():
    frame = np.full((60, 80, 3), 90, np.uint8)
    box = Box(20, 10, 40, 30)
    assert np.array_equal(mask_from_box(frame, box), ellipse_mask((80, 60), box))
    assert not mask_from_box(frame, Box(200, 10, 5, 5)).any()


def test_the_same_box_gives_the_same_mask(rng):
    frame, truth = disc_picture(rng, contrast=30)
    box = Box.from_mask(truth)
    first = mask_from_box(frame, box)
    rng.random()
    assert np.array_equal(first, mask_from_box(frame, box))


def test_geodesic_distance_equals_plain_relaxation(rng):
    features = rng.random((7, 9, 3)).astype(np.float32)
    outside = np.zeros((7, 9), bool)
    outside[0, 2] = outside[5, 8] = True
    expected = np.where(outside, 0.0, np.inf)
    for _ in range(63):
        for y in range(7):
            for x in range(9):
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        v, u = y + dy, x + dx
                        if 0 <= v < 7 and 0 <= u < 9:
                            step = np.linalg.norm(features[y, x] - features[v, u]) + 0.02
                            expected[y, x] = min(expected[y, x], expected[v, u] + step)
    assert np.allclose(geodesic_hw(features, outside), expected, atol=1e-5)


def test_best_mask_prefers_the_tight_fit_and_refuses_specks():
    box = Box(10, 10, 20, 20)
    tight, narrow, speck = (np.zeros((40, 40), bool) for _ in range(3))
    tight[10:30, 10:29], narrow[10:30, 10:20], speck[15, 15] = True, True, True
    assert best_mask([speck, narrow, tight], box, ColourSettings()) is tight
    assert best_mask([speck], box, ColourSettings()) is None


def test_robust_box_ignores_strays():
    mask = np.zeros((100, 200), bool)
    mask[20:60, 50:150] = True
    mask[99, 199] = True
    assert robust_box(mask).iou(Box(50, 20, 100, 40)) > 0.97
    assert robust_box(mask, 0.0) == Box.from_mask(mask)
    assert robust_box(np.zeros((4, 4), bool)) is None

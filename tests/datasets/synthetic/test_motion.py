"""Synthetic motion: masks are exact, hidden parts are left out, and a seed is a clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrack.datasets.synthetic import motion
from spectrack.datasets.synthetic.layers import Layer, Patch, fill, paint, shift, smear, visible
from spectrack.datasets.synthetic.motion import NO_MOTION, MotionSettings, Wander, synthetic_motion
from spectrack.datasets.synthetic.stills import PERMISSIVE, Still, Stills
from spectrack.errors import InputError

CENTRE, RADII = np.array([52.0, 40.0]), np.array([22.0, 14.0])


def in_ellipse(points_xy):
    return (((points_xy - CENTRE) / RADII) ** 2).sum(axis=-1) <= 1


def grid(height, width):
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(float)


@pytest.fixture
def still(rng):
    """A red ellipse before green noise."""
    image = np.zeros((90, 120, 3), np.uint8)
    image[..., 1] = rng.integers(100, 200, (90, 120))
    mask = in_ellipse(grid(90, 120))
    image[mask] = (200, 30, 30)
    return Still(image, mask)


@pytest.fixture
def others(rng):
    found = []
    for _ in range(3):
        mask = np.zeros((80, 70), bool)
        y, x = rng.integers(5, 35, 2)
        mask[y : y + 30, x : x + 25] = True
        found.append(Still(rng.integers(0, 256, (80, 70, 3), np.uint8), mask))
    return found


def iou(one, two):
    return (one & two).sum() / (one | two).sum()


def test_without_motion_every_frame_is_the_still(still, rng):
    clip = synthetic_motion(still, rng, 3, NO_MOTION)
    for frame, mask, place in zip(clip.frames_thwc, clip.masks_thw, clip.places_t33, strict=True):
        np.testing.assert_array_equal(frame, still.image_hwc)
        np.testing.assert_array_equal(mask, still.mask_hw)
        np.testing.assert_allclose(place, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("mirror", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_masks_and_pixels_go_where_the_places_say(still, seed, mirror):
    settings = replace(
        NO_MOTION, target=Wander(0.2, 0.1, 0.3, 0.1), camera=Wander(0.05, 0.05, 0.1), mirror=mirror
    )
    clip = synthetic_motion(still, np.random.default_rng(seed), 4, settings)
    places = clip.places_t33
    assert np.abs(np.diff(places, axis=0)).max() > 0.5, "nothing moved"
    assert (np.linalg.det(places[:, :2, :2]) < 0).all() == bool(mirror)
    for frame, mask, place in zip(clip.frames_thwc, clip.masks_thw, places, strict=True):
        back = np.linalg.inv(place)
        points = grid(*mask.shape) @ back[:2, :2].T + back[:2, 2]
        assert iou(mask, in_ellipse(points)) > 0.96
        near = in_ellipse(CENTRE + (points - CENTRE) * 1.2)
        assert (frame[near][:, 0] > 190).all(), "the target's colour is where its mask is"
        far = ~in_ellipse(CENTRE + (points - CENTRE) * 0.85)
        assert (frame[far][:, 0] < 30).all(), "none of it stays behind"


def test_the_zoom_gives_the_side_that_was_asked_for(still):
    for seed in range(8):
        settings = replace(NO_MOTION, sides=(0.5, 0.5), size_wh=(200, 160))
        clip = synthetic_motion(still, np.random.default_rng(seed), 1, settings)
        scale = np.sqrt(abs(np.linalg.det(clip.places_t33[0, :2, :2])))
        assert scale * 45 == pytest.approx(80, rel=1e-6)
        back = np.linalg.inv(clip.places_t33[0])
        points = grid(160, 200) @ back[:2, :2].T + back[:2, 2]
        assert iou(clip.masks_thw[0], in_ellipse(points)) > 0.95


def test_shrunk_targets_stay_in_their_place(still):
    settings = replace(NO_MOTION, sides=(0.12, 0.12), size_wh=(160, 160))
    clip = synthetic_motion(still, np.random.default_rng(3), 1, settings)
    place = clip.places_t33[0]
    centre = place[:2, :2] @ CENTRE + place[:2, 2]
    np.testing.assert_allclose(np.argwhere(clip.masks_thw[0]).mean(axis=0)[::-1], centre, atol=0.3)
    area = np.pi * RADII.prod() * np.linalg.det(place[:2, :2])
    assert clip.masks_thw[0].sum() == pytest.approx(area, rel=0.15)


def test_the_same_seed_gives_the_same_clip(still, others):
    clips = [
        synthetic_motion(still, np.random.default_rng(seed), 3, None, others) for seed in (5, 5, 6)
    ]
    np.testing.assert_array_equal(clips[0].frames_thwc, clips[1].frames_thwc)
    np.testing.assert_array_equal(clips[0].masks_thw, clips[1].masks_thw)
    assert (clips[0].frames_thwc != clips[2].frames_thwc).any()


def test_what_is_covered_is_not_in_the_mask(still, monkeypatch):
    blue = np.zeros((96, 96, 4), np.uint8)
    blue[2:-2, 2:-2] = (0, 0, 255, 255)
    monkeypatch.setattr(motion, "odd_shape", lambda image, rng: blue)
    settings = replace(NO_MOTION, occluder=1, least_visible=0, target=Wander(0.1))
    covered = 0
    for seed in range(6):
        clip = synthetic_motion(still, np.random.default_rng(seed), 2, settings)
        # Nothing else is red, so that redness is the target's share of a pixel.
        share = clip.frames_thwc[..., 0] / 200
        assert (clip.frames_thwc[..., 2] > 250).any(), "the occluder is in view"
        assert (share[clip.masks_thw] >= 0.49).all()
        assert (share[~clip.masks_thw] <= 0.51).all()
        covered += clip.masks_thw[0].sum() < 0.9 * still.mask_hw.sum()
    assert covered >= 3


def test_enough_is_seen_in_the_first_frame(still, others):
    settings = replace(NO_MOTION, occluder=1, distractors=2, least_visible=0.6)
    for seed in range(20):
        clip = synthetic_motion(still, np.random.default_rng(seed), 1, settings, others)
        assert clip.masks_thw.sum() >= 0.6 * still.mask_hw.sum()


def test_bends_change_the_shape_but_little_from_frame_to_frame(still):
    settings = replace(NO_MOTION, bend=0.05)
    clip = synthetic_motion(still, np.random.default_rng(1), 2, settings)
    before, after = iou(still.mask_hw, clip.masks_thw[0]), iou(*clip.masks_thw)
    assert 0.5 < before < 0.97
    assert before < after < 1


def test_sizes(still, rng):
    assert synthetic_motion(still, rng).frames_thwc.shape == (2, 240, 240, 3)
    wide = synthetic_motion(still, rng, 1, MotionSettings(size_wh=(64, 32)))
    assert wide.frames_thwc.shape == (1, 32, 64, 3)
    assert wide.masks_thw.shape == (1, 32, 64)
    own = synthetic_motion(still, rng, 1, MotionSettings(size_wh=None, longest=60))
    assert own.frames_thwc.shape == (1, 45, 60, 3)


def test_fill_keeps_what_is_known_and_stays_between_its_colours(rng):
    image = rng.integers(90, 110, (60, 80, 3), np.uint8)
    known = np.ones((60, 80), np.uint8)
    known[10:50, 20:70] = 0
    image[known == 0] = 255
    filled = fill(image, known)
    np.testing.assert_array_equal(filled[known > 0], image[known > 0])
    assert filled[known == 0].min() >= 89
    assert filled[known == 0].max() <= 111


def test_fill_of_a_single_colour_is_that_colour():
    image, known = np.full((50, 70, 3), 137, np.uint8), np.zeros((50, 70), np.uint8)
    known[:4, :4] = 1
    for detail in (False, True):
        assert np.abs(fill(image * known[..., None], known, detail).astype(int) - 137).max() <= 2


def test_paint_is_the_weighted_mean(rng):
    frame, colours = rng.integers(0, 256, (2, 12, 12, 3), np.uint8)
    opacity = rng.random((5, 6)).astype(np.float32)
    patch = Patch(slice(2, 7), slice(3, 9), colours[:5, :6], opacity)
    expected = frame.astype(float)
    weight = opacity[..., None]
    expected[2:7, 3:9] = weight * colours[:5, :6] + (1 - weight) * expected[2:7, 3:9]
    paint(frame, patch)
    assert np.abs(frame - expected).max() <= 1


def test_visible_multiplies_what_lets_through():
    half = Patch(slice(0, 2), slice(0, 4), np.zeros((2, 4, 3), np.uint8), np.full((2, 4), 0.7, "f"))
    thin = Patch(slice(0, 2), slice(0, 2), np.zeros((2, 2, 3), np.uint8), np.full((2, 2), 0.3, "f"))
    seen = visible(half, [thin, None], (6, 2))
    np.testing.assert_array_equal(seen, [[False, False, True, True, False, False]] * 2)
    assert not visible(None, [thin], (6, 2)).any()


def test_a_layer_out_of_view_is_not_drawn():
    layer = Layer(np.full((5, 5, 4), 255, np.uint8), shift(100, 0)[None])
    assert layer.draw(0, (50, 50)) is None


def test_smear_spreads_along_the_motion():
    dot = np.zeros((21, 21, 4), np.uint8)
    dot[10, 10] = 210
    spread = smear(dot, np.array([6.0, 0.0]))
    np.testing.assert_array_equal(np.flatnonzero(spread[10, :, 0]), np.arange(7, 14))
    np.testing.assert_array_equal(np.unique(spread), [0, 30])
    assert smear(dot, np.array([0.3, 0.4])) is dot


def test_bad_input(still, rng):
    empty = Still(still.image_hwc, np.zeros_like(still.mask_hw), "cats", "7")
    with pytest.raises(InputError, match="still cats/7 has an empty mask"):
        synthetic_motion(empty, rng)
    with pytest.raises(InputError, match="empty mask"):
        synthetic_motion(still, rng, others=[empty])
    with pytest.raises(InputError, match="0 frames"):
        synthetic_motion(still, rng, 0)
    with pytest.raises(InputError, match="sides of 16 or more"):
        MotionSettings(size_wh=(240, 8))
    with pytest.raises(InputError, match="two rising shares"):
        MotionSettings(sides=(0.8, 0.1))


def test_a_mask_of_one_pixel_and_a_mask_of_the_whole_still(still, rng):
    one = np.zeros_like(still.mask_hw)
    one[3, 4] = True
    for mask in (one, np.ones_like(one)):
        clip = synthetic_motion(Still(still.image_hwc, mask), rng, 2)
        assert clip.frames_thwc.shape == (2, 240, 240, 3)


@pytest.mark.data
def test_real_stills_keep_their_target_in_sight(data_root):
    folder = data_root / "stills"
    if not folder.is_dir():
        pytest.skip(f"stills not found at {folder}")
    stills = Stills(folder, PERMISSIVE)
    chosen = [stills[i] for i in range(0, len(stills), 80)]
    rng, sides = np.random.default_rng(0), []
    for still in chosen * 4:
        clip = synthetic_motion(still, rng, 2, None, chosen[:4])
        assert clip.masks_thw[0].any()
        rows, columns = np.nonzero(clip.masks_thw[0])
        sides.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    assert np.min(sides) < 40
    assert np.max(sides) > 120

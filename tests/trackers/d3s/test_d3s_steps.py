"""What D3S makes of a mask: crops, boxes, and the state that follows; against golden arrays."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from golden_notes import note
from siamese_golden import siamese_golden
from siamese_scheme import UNIT, first_picture, near, near_pixels
from spectrack.metrics.polygons import clip_to_box, polygon_area
from spectrack.structures import Box
from spectrack.trackers.d3s.crop import Crop, filled, grown
from spectrack.trackers.d3s.fit import Outline, area_preserving, fitted_box, tightened
from spectrack.trackers.d3s.state import (
    Rules,
    State,
    believe,
    doubt_of,
    reported_box,
    segmented,
)
from spectrack.tracking.patches import pair, plan_patch

SIDE = 384
TURNED = 0.01
"""1 - IoU of rotated rectangles that may lie between them, as OpenCV's versions round."""


def turned(cx, cy, degrees):
    """Coordinates of pixels along the axes of something that is turned."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    a = math.radians(degrees)
    along = (x - cx) * math.cos(a) + (y - cy) * math.sin(a)
    return along, -(x - cx) * math.sin(a) + (y - cy) * math.cos(a)


def ellipse(cx, cy, a, b, degrees=0):
    x, y = turned(cx, cy, degrees)
    return (x / a) ** 2 + (y / b) ** 2 <= 1


def rectangle(cx, cy, a, b, degrees=0):
    x, y = turned(cx, cy, degrees)
    return (np.abs(x) <= a) & (np.abs(y) <= b)


MASKS = {
    "ellipse": ellipse(190, 200, 90, 40, 25),
    "rect_tail": rectangle(180, 190, 60, 35, -20) | rectangle(180, 190, 130, 4, -20),
    "axis": rectangle(200, 150, 50, 80),
    "two": ellipse(120, 120, 50, 30) | ellipse(300, 300, 20, 20),
    "big": rectangle(192, 192, 170, 150, 5),
}


def near_turned(file, key, corners):
    """Assert that a rotated rectangle is met; the order of its corners depends on OpenCV."""
    stored = siamese_golden(file)[key].astype(float)
    other = stored.reshape(4, 2)
    both, _ = cv2.intersectConvexConvex(corners.astype(np.float32), other.astype(np.float32))
    apart = 1 - both / (polygon_area(corners) + polygon_area(other) - both)
    note(file, key, stored.shape, max(apart, 0.0), TURNED)
    assert apart < TURNED


@pytest.mark.parametrize("name", list(MASKS))
def test_boxes_of_masks_are_the_published_ones(name):
    mask = MASKS[name]
    near("d3s_fit", f"{name}_area", np.float64(mask.sum()), UNIT)
    for rotated, key in ((True, f"{name}_rot"), (False, f"{name}_aa")):
        found = fitted_box(mask, rotated)
        if rotated:
            near_turned("d3s_fit", key, found)
        else:
            near("d3s_fit", key, found, UNIT)


def test_the_upright_box_of_equal_area():
    corners = np.array([(10, 20), (60, 30), (50, 80), (0, 70)], float)
    near("d3s_fit", "aabb_from_poly", np.array([*area_preserving(corners)]), UNIT)


def slow_tightened(mask, box):
    """The same with every score counted pixel by pixel."""
    best, total = -1.0, mask.sum()

    def score(top, left, bottom, right):
        part = mask[top : bottom + 1, left : right + 1]
        if not part.size or part.sum() / total < 0.9:
            return -1.0
        return part.sum() / (0.25 * (part.size - part.sum()) + total)

    before = None
    while before != box:
        before = list(box)
        for side, step in ((0, 1), (1, 1), (2, -1), (3, -1)):
            moved = list(box)
            moved[side] += step
            if (found := score(*moved)) > best:
                best, box = found, moved
    return tuple(box)


def test_sides_move_inward_as_counted_pixel_by_pixel(rng):
    for _ in range(12):
        y, x = np.mgrid[:30, :40]
        cx, cy, a, b = rng.uniform((15, 10, 4, 3), (25, 20, 14, 9))
        mask = ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 <= 1
        mask[int(cy), :] |= rng.random() < 0.5
        box = Box.from_mask(mask)
        tlbr = [int(box.y), int(box.x), int(box.y + box.h) - 1, int(box.x + box.w) - 1]
        assert tightened(mask, tuple(tlbr)) == slow_tightened(mask, tlbr)


def test_what_is_too_small_has_no_box():
    mask = np.zeros((60, 60), bool)
    assert fitted_box(mask, True) is None
    mask[10:17, 10:17] = True  # its outline encloses 36 square pixels
    assert Outline.of(mask) is None
    mask[10:19, 10:19] = True
    assert Outline.of(mask).area == 64
    np.testing.assert_array_equal(fitted_box(mask, False)[[0, 2]], [[10, 10], [18, 18]])


CROP = Crop.about(pair((125.75, 130.5)), pair((70, 50)), SIDE)


@pytest.mark.parametrize(
    ("number", "box"), [(0, (101, 81, 50, 70)), (1, (-15.5, 200.2, 60.3, 55.7))]
)
def test_crops_are_the_published_ones(number, box):
    x, y, w, h = box
    crop = Crop.about(pair((y + h / 2, x + w / 2)), pair((h, w)), SIDE)
    cut = crop.cut(first_picture())
    near_pixels("d3s_crop", f"sample_target{number}_sub", cut[::8, ::8])
    near("d3s_crop", f"factor{number}", np.float64(crop.scale), UNIT)


@pytest.mark.parametrize(
    ("number", "pos", "size"),
    [
        (0, (116.4, 126.7), 288),
        (1, (20.2, 300.9), 405.6),
        (2, (116, 126), 700),
        (3, (100, 100), 200.5),
    ],
)
def test_patches_of_the_filter_are_the_published_ones(number, pos, size):
    image = first_picture()
    plan = plan_patch(
        pair(pos), pair((size, size)), (288, 288), image.shape[:2], "replicate", exact=True
    )
    near_pixels("d3s_crop", f"sample_patch{number}_sub", plan.cut(image)[..., ::8, ::8])


def test_a_crop_and_its_way_back(rng):
    """A large crop of a smooth mask, brought back, is the mask again."""
    y, x = np.mgrid[:120, :160]
    mask = ((x - 70) / 30) ** 2 + ((y - 60) / 22) ** 2 <= 1
    crop = Crop.about(pair((60, 70)), pair((44, 60)), SIDE)
    back = crop.paste(crop.cut_mask(mask), (160, 120)) > 0.5
    assert (back & mask).sum() / (back | mask).sum() > 0.99
    points = rng.uniform(0, 100, (5, 2))
    np.testing.assert_allclose(crop.to_frame((points - (70, 60)) * crop.scale + 192), points)


@pytest.mark.parametrize("pos", [(-400, 50), (30, 900), (0, 0), (119, 159)])
def test_crops_at_and_beyond_the_border(pos):
    image = first_picture()[:120, :160]
    crop = Crop.about(pair(pos), pair((30, 40)), 64)
    assert crop.cut(image).shape == (64, 64, 3)
    mask = np.ones(image.shape[:2], bool)
    assert crop.paste(crop.cut_mask(mask), (160, 120)).shape == (120, 160)


def test_a_huge_crop_is_sampled_not_copied():
    image = first_picture()
    near_one, far = (Crop(-9000, -9000, side, 96, (0.0, 0.0)) for side in (4000, 19000))
    assert (near_one.cut(image) == image[0, 0]).all()
    sampled = far.cut(image)
    assert (sampled[:40, :40] == image[0, 0]).all()
    assert (sampled[-40:, -40:] == image[-2, -2]).all()  # the last row and column are outside


def test_masks_of_corners_and_larger_ones():
    corners = np.array([(2, 3), (20, 3), (20, 30), (2, 30)], float)
    mask = filled(corners, (40, 50))
    assert mask.sum() == 19 * 28
    clipped = clip_to_box(corners, np.array([0, 0, 40, 50]))
    assert polygon_area(clipped) == polygon_area(corners)
    crop = Crop(0, 0, 40, 40, (20.0, 20.0))
    assert grown(mask[:40, :40], pair((27, 18)), crop).sum() == 23 * 32
    assert (
        grown(mask[:40, :40], pair((270, 180)), crop).sum() == 25 * 35
    )  # four pixels on each side, cut


CASES = [
    ("ellipse", True, 0.5, 4000),
    ("ellipse", False, 0.5, 4000),
    ("rect_tail", True, 0.5, 4000),
    ("axis", False, 4.0, 16000),
    ("axis", True, 0.5, 16000),
    ("two", True, 0.5, 300),
    ("two", True, 0.5, 2500),
    ("ellipse", True, 0.5, 9000),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_what_a_mask_changes(number):
    name, rotated, doubt, area = CASES[number]
    size, scale = pair((70, 50)), 1.3
    before = State(pair((131.25, 126.5)), size, scale, size / scale, areas=(area,))
    rules = Rules(rotated=rotated)
    if number == 7:
        rules = Rules(rotated=True, slowest=0.9, fastest=1.1, whole=True)
    soft = np.where(MASKS[name], np.float32(0.9), np.float32(0.1))
    seen = segmented(soft, CROP, before, doubt, rules)
    key, golden = f"case{number}", siamese_golden("d3s_state")
    near("d3s_state", f"{key}_pos", seen.state.pos_yx, UNIT)
    near("d3s_state", f"{key}_scale", np.float64(seen.state.scale), UNIT)
    near("d3s_state", f"{key}_mask_pixels", np.array(seen.state.areas), UNIT)
    if np.isnan(golden[f"{key}_region"]).any():
        assert seen.corners is None
        note("d3s_state", f"{key}_region", (1,), 0.0, UNIT)
    elif rotated:
        near_turned("d3s_state", f"{key}_region", seen.corners)
    else:
        box = reported_box(seen.corners, False)
        # the published program counts pixels from one
        near("d3s_state", f"{key}_region", np.array([box.x + 1, box.y + 1, box.w, box.h]), UNIT)


def test_the_crop_of_the_state():
    pixels = CROP.cut(first_picture()).astype(np.float32).transpose(2, 0, 1)[None] / 255
    mean, std = (
        np.array(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    near("d3s_state", "patch_sub", ((pixels - mean) / std)[..., ::16, ::16], 1e-2)


def test_the_soft_map_is_of_the_largest_piece_or_of_all():
    soft = np.where(MASKS["two"], np.float32(0.9), np.float32(0.1))
    state = State.start(pair((100, 100)), pair((70, 50)), Rules())
    one, both = (segmented(soft, CROP, state, 0.0, Rules(whole=w)).soft_ss for w in (False, True))
    assert one[120, 120] == both[120, 120] == np.float32(0.9)
    assert one[300, 300] == 0
    assert both[300, 300] == np.float32(0.9)
    assert one[120, 172] == np.float32(0.1)  # within three pixels of the outline
    assert one[120, 180] == 0


def test_nothing_is_seen_in_an_empty_mask():
    state = State.start(pair((100, 100)), pair((70, 50)), Rules())
    seen = segmented(np.zeros((SIDE, SIDE), np.float32), CROP, state, 0.0, Rules())
    assert seen.state is state
    assert seen.corners is None
    assert seen.soft_ss is None


def test_doubt_and_belief():
    state = State.start(pair((100, 120)), pair((70, 50)), Rules())
    assert state.scale == pytest.approx(math.sqrt(70 * 50) * 4.5 / 256)
    assert doubt_of(state, 5, 0.01) == 0
    assert doubt_of(state, 6, 0.25) == 4
    assert doubt_of(state, 6, -0.5) == -2  # as in the published program
    assert doubt_of(state, 6, 0.0) == math.inf
    after = believe(state, pair((500, -300)), 0.6, (240, 320))
    assert after.scores == (1.0, 0.6)
    np.testing.assert_allclose(after.pos_yx, (240 + 21, -15), rtol=1e-6)
    np.testing.assert_allclose(after.size_hw, (70, 50), rtol=1e-6)
    for n in range(40):
        after = believe(after, pair((100, 120)), n / 40, (240, 320))
    assert len(after.scores) == 25
    assert after.scores[-1] == 39 / 40


def test_scale_keeps_the_target_in_its_limits():
    state = State.start(pair((5, 5)), pair((4, 8)), Rules())
    after = believe(state, pair((5, 5)), 1.0, (240, 320))
    np.testing.assert_allclose(after.size_hw, (10, 20), rtol=1e-5)
    large = State.start(pair((5, 5)), pair((400, 200)), Rules())
    np.testing.assert_allclose(
        believe(large, pair((5, 5)), 1.0, (240, 320)).size_hw, (240, 120), rtol=1e-5
    )

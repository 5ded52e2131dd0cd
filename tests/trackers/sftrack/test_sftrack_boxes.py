"""Boxes of masks: rules against slow versions, the crop against OpenCV's, the learned one."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.sftrack.boxes import (
    BOX_RULES,
    BoxReader,
    LearnedBox,
    area_crop,
    box_maps,
    crop_about,
    from_edges,
    largest_rule,
    rotated_corners,
    rotated_rule,
    tight_rule,
    to_edges,
)
from spectrack.trackers.sftrack.seg2box import SIDE, BoxGuess, Seg2Box


class Says(Seg2Box):
    """A network that always says the same edges, and keeps what it was shown."""

    def __init__(self, *edges: float) -> None:
        super().__init__((4, 4), 4, 4)
        self.edges, self.asked = edges, 0

    def forward(self, maps_nchw):
        self.seen = maps_nchw.numpy().copy()
        self.asked += 1
        return BoxGuess(torch.tensor([self.edges]), torch.zeros(1, 4, SIDE), torch.tensor([0.7]))


def blobs(rng, shape=(60, 80)):
    return ndimage.gaussian_filter(rng.random(shape), 4).astype(np.float32) * 12 - 5.5


@pytest.mark.parametrize("seed", range(5))
def test_largest_part_is_that_of_scipy(seed):
    soft = blobs(np.random.default_rng(seed)).clip(0, 1)
    labels, count = ndimage.label(soft >= 0.75, structure=np.ones((3, 3)))
    assert count > 1
    areas = np.bincount(labels.ravel())[1:]
    rows, cols = ndimage.find_objects(labels)[int(areas.argmax())]
    expected = Box.from_xyxy(cols.start, rows.start, cols.stop, rows.stop)
    assert largest_rule(soft) == expected


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 70.0])
def test_rotated_rectangle_is_found_again(angle):
    drawn = cv2.boxPoints(((100.0, 80.0), (70.0, 30.0), angle))
    y, x = np.mgrid[:160, :200] + 0.5
    turn = math.radians(angle)
    along = (x - 100) * math.cos(turn) + (y - 80) * math.sin(turn)
    across = (y - 80) * math.cos(turn) - (x - 100) * math.sin(turn)
    soft = ((abs(along) <= 35) & (abs(across) <= 15)).astype(np.float32)
    corners = rotated_corners(soft)
    gaps = np.linalg.norm(corners[:, None] - drawn[None], axis=-1)
    # Whole pixels lie inside, so corners may lie a pixel's diagonal outside.
    assert gaps.min(axis=1).max() < 1.5
    assert sorted(gaps.argmin(axis=1)) == [0, 1, 2, 3]
    found = cv2.pointPolygonTest
    for row, col in np.argwhere(soft > 0):
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            assert found(corners, (float(col + dx), float(row + dy)), True) > -1e-2
    x1, y1 = corners.min(axis=0)
    x2, y2 = corners.max(axis=0)
    assert rotated_rule(soft).xyxy == pytest.approx((x1, y1, x2, y2))


def test_rules_differ_as_they_should():
    soft = np.zeros((40, 60), np.float32)
    soft[10:20, 10:30] = 0.9
    soft[20:30, 10:14] = 0.6  # doubtful
    soft[35, 55] = 1.0  # stray
    assert tight_rule(soft) == Box(10, 10, 46, 26)
    assert tight_rule(soft, 0.95) == Box(55, 35, 1, 1)
    assert largest_rule(soft) == Box(10, 10, 20, 10)
    assert BOX_RULES["robust"](soft) == Box(10, 10, 20, 20)


@pytest.mark.parametrize("name", [*BOX_RULES, "learned"])
def test_every_way_knows_the_edge_cases(name):
    torch.manual_seed(0)
    rule = LearnedBox(Seg2Box()) if name == "learned" else BOX_RULES[name]
    assert rule(np.zeros((20, 30), np.float32)) is None
    assert rule(np.full((20, 30), np.nan, np.float32)) is None
    with pytest.raises(InputError, match="height, width"):
        rule(np.zeros((3, 20, 30), np.float32))
    with pytest.raises(InputError, match="height, width"):
        rule(np.zeros((0, 30), np.float32))
    dot = np.full((20, 30), np.nan, np.float32)
    dot[0, 29] = 1.0
    whole = np.full((20, 30), np.inf, np.float32)
    for soft, box in ((dot, Box(29, 0, 1, 1)), (whole, Box(0, 0, 30, 20))):
        found = rule(soft)
        assert found is not None
        assert found.area > 0
        assert found.clip((30, 20)) == found
        if name != "learned":
            assert found == box


def test_area_crop_is_that_of_opencv_on_whole_pixels(rng):
    soft = rng.random((100, 150), dtype=np.float32)
    crop = Box(20, 10, 96, 80)
    expected = cv2.resize(soft[10:90, 20:116], (36, 30), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(area_crop(soft, crop, (36, 30)), expected, atol=1e-5)


def test_area_crop_between_pixels_is_the_mean_of_a_fine_grid(rng):
    soft = rng.random((12, 14), dtype=np.float32)
    crop = Box(-2.25, 3.5, 8.0, 11.0)  # reaches out on the left and below
    fine = 8  # whole eighths of pixels, so the fine sum is exact
    padded = np.pad(np.kron(soft, np.ones((fine, fine))), 10 * fine)
    top, left = round((3.5 + 10) * fine), round((-2.25 + 10) * fine)
    cut = padded[top : top + 88, left : left + 64]
    expected = cut.reshape(11, 8, 16, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(area_crop(soft, crop, (16, 11)), expected, atol=1e-6)


def test_consensus_is_the_mean_of_filled_boxes():
    boxes = [Box(10, 10, 20, 20), Box(14, 10, 20, 10), Box(500, 500, 5, 5)]
    soft = np.zeros((64, 64), np.float32)
    mask, consensus = box_maps(soft, boxes, Box(0, 0, 64, 64))
    filled = np.mean([box.fill((64, 64)) for box in boxes], axis=0)
    np.testing.assert_allclose(consensus, filled, atol=1e-6)
    assert not mask.any()
    assert not box_maps(soft, [], Box(0, 0, 64, 64)).any()


def test_edges_there_and_back():
    crop, box = Box(-5, 10, 50, 40), Box(7.5, 12.25, 20, 30)
    assert from_edges(to_edges(box, crop), crop).xyxy == pytest.approx(box.xyxy)
    outside = to_edges(Box(-100, 20, 1000, 10), crop)
    assert outside == [0.0, 0.25, 1.0, 0.5]


def test_learned_box_looks_about_the_mask_and_comes_back_to_the_frame():
    soft = np.zeros((100, 120), np.float32)
    soft[20:40, 60:100] = 0.8  # w 40, h 20, so p 30: crop 45..115, 5..55
    network = Says(0.5, 0.25, 1.0, 0.75)
    box, confidence = LearnedBox(network).find(soft, [Box(60, 20, 40, 20)])
    assert box.xyxy == pytest.approx((80, 17.5, 115, 42.5))
    assert confidence == pytest.approx(0.7)
    mask, consensus = network.seen[0]
    np.testing.assert_allclose(mask, 0.8 * consensus, atol=1e-5)
    assert mask.sum() / SIDE**2 == pytest.approx(0.8 * 800 / (70 * 50), rel=1e-4)
    assert not network.training


def test_learned_box_is_clipped_and_never_without_area():
    soft = np.zeros((50, 50), np.float32)
    soft[:10, :10] = 1
    assert LearnedBox(Says(0.0, 0.0, 1.0, 1.0))(soft) == Box(0, 0, 15, 15)
    for edges in ((0.0, 0.0, 0.1, 1.0), (0.5, 0.5, 0.5, 0.9)):
        assert LearnedBox(Says(*edges)).find(soft) == (Box(0, 0, 10, 10), 0.0)


def test_a_second_look_is_about_the_first_box():
    soft = np.zeros((100, 100), np.float32)
    soft[40:60, 40:60] = 1
    soft[0, 0] = 1  # stray
    network = Says(0.25, 0.25, 0.5, 0.5)
    first = LearnedBox(network)(soft)
    assert first.xyxy == pytest.approx((0, 0, 30, 30))  # of the crop -30..90
    second = LearnedBox(network, looks=2)(soft)
    assert second.xyxy == pytest.approx((0, 0, 15, 15))  # of the crop -15..45
    assert network.asked == 3
    np.testing.assert_allclose(network.seen[0, 0].mean(), 26 / 60**2, rtol=1e-4)
    with pytest.raises(InputError, match="at least one"):
        LearnedBox(network, looks=0)


def test_crop_has_the_papers_context():
    assert crop_about(Box(10, 20, 30, 10)) == Box(0, 10, 50, 30)


def outside(box: Box, mask_hw: np.ndarray) -> float:
    """Share of a mask's pixels whose centres lie outside a box, counted one by one."""
    x1, y1, x2, y2 = box.xyxy
    rows, cols = np.nonzero(mask_hw)
    held = (cols + 0.5 > x1) & (cols + 0.5 < x2) & (rows + 0.5 > y1) & (rows + 0.5 < y2)
    return 1 - float(held.mean())


@pytest.mark.parametrize(("rule", "most"), [("tight", 0), ("rotated", 0), ("learned", 0.02)])
def test_the_box_read_holds_the_mask(rule, most):
    soft = np.zeros((60, 80), dtype=np.float32)
    soft[10:50, 20:70] = 0.9
    soft[5:10, 22:30] = 0.6
    reader = BoxReader(rule, Says(0.45, 0.45, 0.55, 0.55))  # a network that sees the middle alone
    assert outside(reader(soft), soft >= 0.5) <= most
    assert (reader.rule is None) == (rule == "learned")
    assert reader(np.zeros((60, 80), np.float32)) is None


def test_a_learned_box_that_holds_the_mask_stays_as_it_is():
    soft = np.zeros((60, 80), dtype=np.float32)
    soft[20:40, 30:50] = 1
    network = Says(0.1, 0.1, 0.9, 0.9)
    assert BoxReader("learned", network)(soft) == LearnedBox(network)(soft)

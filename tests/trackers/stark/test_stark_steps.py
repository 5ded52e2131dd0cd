"""STARK's crops, the way back into the frame, and losses, against golden arrays and by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from siamese_golden import siamese_golden
from siamese_scheme import UNIT, first_picture, near
from spectrack.structures import Box
from spectrack.trackers.stark.crop import clipped, crop_about, given, in_frame
from spectrack.trackers.stark.train_losses import box_in_crop, box_loss, overlaps

BOX = Box(101, 81, 50, 70)
CROPS = [
    (BOX, 2, 128),
    (BOX, 5, 320),
    (Box(-15.5, 200.2, 60.3, 55.7), 5, 320),
    (Box(290, 5, 40, 30), 2, 128),
]
FRAME_WH = (320, 240)


def corners(boxes_n4):
    """Centres and sizes as corners."""
    middle, half = boxes_n4[:, :2], boxes_n4[:, 2:] / 2
    return torch.cat([middle - half, middle + half], 1)


@pytest.mark.parametrize("number", range(4))
def test_crops_are_the_reference(number):
    box, factor, side = CROPS[number]
    crop = crop_about(first_picture(), box, factor, side)
    # a grey level of 255: how OpenCV rounds differs from version to version
    near("stark_misc", f"crop{number}_sub", crop.pixels_hwc[::4, ::4], 1 / 255)
    near("stark_misc", f"att{number}_sub", crop.outside_hw[::4, ::4], 0)
    near("stark_misc", f"resize{number}", np.float32(crop.scale), 1e-7)


def test_what_is_outside_is_what_a_whole_mask_says(rng):
    """Made along lines; here as the published program makes it, pixel by pixel."""
    frame = rng.integers(0, 256, (40, 60, 3), np.uint8)
    for _ in range(30):
        x, y = rng.uniform(-10, 55), rng.uniform(-10, 35)
        box = Box(x, y, *rng.uniform(4, 30, 2))
        window = int(np.ceil(np.sqrt(box.w * box.h) * 5))
        left, top = round(box.center[0] - window / 2), round(box.center[1] - window / 2)
        mask = np.ones((window, window), np.float32)
        right = window - max(left + window - 60 + 1, 0)
        below = window - max(top + window - 40 + 1, 0)
        mask[max(0, -top) : max(below, 0), max(0, -left) : max(right, 0)] = 0
        expected = cv2.resize(mask, (64, 64)).astype(bool)
        np.testing.assert_array_equal(crop_about(frame, box, 5, 64).outside_hw, expected)


def test_a_crop_beside_the_frame_is_black_and_outside():
    crop = crop_about(np.full((20, 30, 3), 200, np.uint8), Box(-80, 5, 10, 10), 2, 16)
    assert not crop.pixels_hwc.any()
    assert crop.outside_hw.all()


def test_a_crop_of_a_huge_window_takes_little_memory():
    frame = np.full((1000, 2000, 3), 90, np.uint8)
    crop = crop_about(frame, Box(0, 0, 2000, 1000), 5, 320)
    inside = crop.pixels_hwc[~crop.outside_hw]
    assert (inside == 90).all()
    assert 1 - crop.outside_hw.mean() == pytest.approx(2000 * 1000 / 7072**2, rel=0.02)


def test_boxes_are_clipped_as_the_reference_does():
    boxes = [(-5, -6, 30, 40), (310, 230, 40, 50), (100, 100, 3, 4), (-50, 20, 30, 40)]
    found = [list(clipped(Box(*box).xyxy, FRAME_WH)) for box in boxes]
    near("stark_misc", "clip", np.array(found), 1e-7)


def test_boxes_in_tiny_frames_stay_in_them():
    assert clipped((3, 3, 2, 1), (6, 8)) == Box(0, 0, 6, 8)


def test_the_way_back_into_the_frame_is_the_reference():
    golden = siamese_golden("stark_misc")
    found = corners(torch.from_numpy(golden["map_back_in"])[None].double())[0].tolist()
    scale = 320 / 296
    box = Box.from_xyxy(*in_frame(found, BOX, scale))
    near("stark_misc", "map_back", np.array(list(box)), 1e-6)


def test_the_true_box_in_a_crop_is_the_reference():
    found = box_in_crop(BOX, Box(90, 95, 60, 66), 320 / 315, 320)
    near("stark_misc", "train_box_norm", np.array(list(found)), 1e-6)


def test_losses_are_the_reference():
    found = corners(torch.tensor([[0.5, 0.5, 0.2, 0.3], [0.2, 0.6, 0.1, 0.4]]))
    truth = corners(torch.tensor([[0.45, 0.5, 0.25, 0.3], [0.7, 0.6, 0.1, 0.1]]))
    loss = box_loss(found, truth)
    near("stark_misc", "giou_loss", loss.giou, UNIT)
    near("stark_misc", "l1", loss.l1, UNIT)
    near("stark_misc", "iou", overlaps(found, truth)[1], UNIT)
    assert float(loss.total) == pytest.approx(2 * float(loss.giou) + 5 * float(loss.l1))


def test_a_box_inside_out_leaves_only_l1():
    found = torch.tensor([[0.2, 0.2, 0.5, 0.5], [0.6, 0.2, 0.5, 0.5]], requires_grad=True)
    truth = torch.tensor([[0.2, 0.2, 0.5, 0.5], [-0.5, 0.2, 0.5, 1.5]])
    loss = box_loss(found, truth)
    assert float(loss.giou.detach()) == 0
    # the truth is cut to [0, 1]
    assert float(loss.l1.detach()) == pytest.approx((0.6 + 0.5) / 8)
    loss.total.backward()
    assert found.grad is not None


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(-6, -6, 20, 20), Box(-6, -6, 20, 20)),
        (Box(-100, 5, 105, 4), Box(0, 5, 5, 4)),
        (Box(0, 0, 1000, 20), Box(0, 0, 60, 20)),
    ],
    ids=["at the rim", "beside the frame", "huge"],
)
def test_boxes_that_people_give(box, expected):
    assert given(box, (60, 40)) == expected

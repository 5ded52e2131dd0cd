"""Masks from clicks: where they are placed, which box is believed, and that clicks are obeyed."""

from __future__ import annotations

import numpy as np
import pytest

import spectrack as st
from random_mask_in_box import write_random_mask_in_box
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.tracking.looks import Segmented, crop_spots
from spectrack.tracking.points import (
    Point,
    PointSegmenter,
    boxes_about,
    checked,
    obeying,
    worth,
)
from spectrack.tracking.square_crop import SquareCrop

SIZE = (96, 72)
THING = Box(30, 20, 26, 34)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    from spectrack.tracking.mask_in_box import shared_mask_in_box

    path = write_random_mask_in_box(tmp_path_factory.mktemp("weights") / "w.safetensors")
    return shared_mask_in_box(str(path))


def test_spots_lie_where_the_clicks_are():
    """Against the Gaussian of the training, and an image with one bright pixel, cut alike."""
    crop = SquareCrop.around(Box(10.0, 20.0, 40.0, 40.0), 1.5, 256)
    for x, y in [(30, 40), (12, 55)]:
        spots = crop_spots(crop, ((x + 0.5, y + 0.5),))
        image = np.zeros(SIZE[::-1], np.float32)
        image[y, x] = 1
        seen = crop.cut(image)
        rows, cols = np.nonzero(seen > 0.5 * seen.max())
        row, col = np.unravel_index(spots.argmax(), spots.shape)
        assert abs(row - rows.mean()) <= 1
        assert abs(col - cols.mean()) <= 1
        assert spots.max() == pytest.approx(1, abs=0.02)
        down = np.exp(-(((np.arange(256) - row) / (0.02 * 256)) ** 2) / 2)
        np.testing.assert_allclose(spots[:, col], down, atol=0.06)
    assert not crop_spots(crop, ((95.0, 1.0),)).any()


class Told:
    """Stands for the network: what is seen in a box is the thing's part of it."""

    def __init__(self):
        self.asked, self.hints = [], []

    def segment(self, frame_hwc, hints):
        self.asked += [hint.box for hint in hints]
        soft = [self.seen(hint.box) for hint in hints]
        return [Segmented(slice(0, SIZE[1]), slice(0, SIZE[0]), one) for one in soft]

    def looks(self, frame_hwc, box, hint=None):
        self.hints.append(hint)
        return [self.seen(box)]

    def seen(self, box):
        inside = box.scale(1.3).fill(SIZE) & THING.fill(SIZE)
        return 0.02 + 0.9 * inside.astype(np.float32)


def test_the_box_is_found_that_is_the_box_of_its_mask():
    segment = PointSegmenter.__new__(PointSegmenter)
    segment._segment = told = Told()
    soft = segment(np.zeros((*SIZE[::-1], 3), np.uint8), [Point(40, 30)])
    found = Box.from_mask(soft >= 0.5)
    assert found.iou(THING) > 0.9
    assert max(box.iou(THING) for box in told.asked) > 0.9
    assert told.hints[-1].wanted == ((40, 30),)
    told.hints.clear()
    segment(np.zeros((*SIZE[::-1], 3), np.uint8), [Point(3, 3, False)], mask_hw=THING.fill(SIZE))
    assert [hint.unwanted for hint in told.hints] == [((3, 3),)] * 2
    np.testing.assert_array_equal(told.hints[0].soft_hw, THING.fill(SIZE) * 255)
    assert told.hints[1].soft_hw is None


def test_boxes_hold_the_clicks_and_stay_inside():
    for clicks in [((5.0, 5.0),), ((2.0, 70.0), (90.0, 10.0))]:
        boxes = boxes_about(clicks, SIZE)
        assert boxes
        for box in boxes:
            assert all(
                box.x <= x <= box.x + box.w and box.y <= y <= box.y + box.h for x, y in clicks
            )
            assert box.clip(SIZE).iou(box) == pytest.approx(1)


def test_worth_by_hand():
    soft = np.zeros((10, 10), np.float32)
    soft[2:6, 2:6] = 0.8
    box = Box(2, 2, 8, 4)
    assert worth(soft, box, ((3, 3),), ((9, 9),)) == pytest.approx(0.8 * 0.5 * 0.8)
    assert worth(np.zeros((4, 4), np.float32), box, (), ()) == 0


def test_clicks_are_obeyed_where_their_colour_goes():
    frame = np.full((*SIZE[::-1], 3), 40, np.uint8)
    frame[20:54, 30:56] = (200, 40, 40)
    frame[30:40, 60:70] = (40, 40, 200)
    soft = np.zeros(SIZE[::-1], np.float32)
    soft[20:54, 30:40] = 0.9
    points = [Point(50, 40), Point(33, 50, wanted=False), Point(64, 35)]
    out = obeying(frame, soft, points, Box(30, 20, 40, 34))
    for p in points:
        assert (out[int(p.y), int(p.x)] >= 0.5) == p.wanted
    hard = out >= 0.5
    assert not hard[:, :30].any()  # nothing of another colour was taken
    assert hard[30:40, 60:70].mean() > 0.5
    assert not hard[30:40, 57:59].any()
    np.testing.assert_array_equal(obeying(frame, soft, [Point(35, 25)], THING), soft)
    # Two clicks of one colour side by side part it between them.
    out = obeying(frame, soft, [Point(44, 40), Point(52, 40, wanted=False)], THING)
    assert out[40, 44] >= 0.5
    assert out[40, 52] < 0.5


def test_with_a_network_every_click_is_obeyed(clip, network, tmp_path):
    frame, segment = clip.frames_thwc[0], PointSegmenter(network)
    points = [Point(60, 40), Point(20, 20, wanted=False), Point(61, 44)]
    for given in ({}, {"box": Box(40, 30, 50, 30)}, {"mask_hw": clip.masks_thw[0]}):
        soft = segment(frame, points, **given)
        assert soft.dtype == np.float32
        assert 0 <= soft.min() <= soft.max() <= 1
        assert [bool(soft[int(p.y), int(p.x)] >= 0.5) for p in points] == [True, False, True]


def test_from_python_and_what_is_refused(clip, tmp_path):
    path = str(write_random_mask_in_box(tmp_path / "w.safetensors"))
    frame = clip.frames_thwc[0]
    mask = st.segment(frame, points=[(60, 40), (20, 20, False)], weights=path)
    assert mask[40, 60]
    assert not mask[20, 20]
    for points, words in [
        ([(500, 1)], "outside the 128x80 frame"),
        ([(5, 5, False)], "no point on the thing"),
        ([(5, 5), (5.2, 5.3, False)], "as thing and as background"),
        ([(5,)], "is not x, y, wanted"),
        ([("a", 3)], "is not x, y, wanted"),
    ]:
        with pytest.raises(InputError, match=words):
            st.segment(frame, points=points, weights=path)
    with pytest.raises(InputError, match="nothing says where"):
        st.segment(frame)
    with pytest.raises(InputError, match="no point was given"):
        st.segment(frame, mask=clip.masks_thw[0])
    assert checked([Point(1, 2, False)], SIZE, needs_one=False) == ((), ((1, 2),))

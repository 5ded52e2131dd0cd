"""Boxes drawn as the first one was: against boxes and masks whose margins are known."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.given_box import (
    DOUBT,
    LIMBS,
    SHARE,
    SMALL,
    SPREAD,
    SPREADS,
    GivenBox,
)

SIZE_WH = (200, 120)


def soft(box: Box) -> np.ndarray:
    return box.fill(SIZE_WH).astype(np.float32)


def test_a_margin_grows_with_the_target() -> None:
    first, given = Box(60, 40, 40, 20), Box(40, 35, 70, 30)  # 20 left, 10 right, 5 up and down
    off = 1 - given.iou(first)
    belief = off**2 / (off**2 + DOUBT**2)
    assert off == pytest.approx(1 - 800 / 2100)
    assert belief > 0.98
    answer = GivenBox.of(given, soft(first))(soft(Box(60, 40, 80, 40)))
    assert answer is not None
    x1, y1, x2, y2 = answer.xyxy
    np.testing.assert_allclose(
        [60 - x1, 40 - y1, x2 - 140, y2 - 80], belief * np.array([40, 10, 20, 10])
    )


def test_a_margin_within_the_error_of_masks_is_hardly_believed() -> None:
    given = Box(59.5, 40, 40.5, 20)  # half a pixel in forty: 1 - IoU = 0.0123
    drawn = GivenBox.of(given, soft(Box(60, 40, 40, 20)))
    off = 0.5 / 40.5
    assert drawn.margins == pytest.approx((0.0125 * off**2 / (off**2 + DOUBT**2), 0, 0, 0))


def test_box_trackers_near_the_mask_have_a_share_and_others_none() -> None:
    mask = soft(Box(60, 40, 40, 20))
    boxes = [Box(56, 38, 48, 24), Box(56, 38, 48, 28), Box(0, 0, 30, 30)]
    answer = GivenBox(share=0.25)(mask, boxes)
    assert answer is not None
    expected = np.array([60, 40, 100, 60]) + 0.25 * np.array([-4, -2, 4, 4])
    np.testing.assert_allclose(answer.xyxy, expected)
    assert GivenBox(share=0.25)(mask, boxes[2:]) == Box(60, 40, 40, 20)


def test_where_the_given_box_is_tight_later_ones_are() -> None:
    mask = soft(Box(60, 40, 40, 20))
    assert GivenBox.of(Box(60, 40, 40, 20), mask)(mask, [Box(56, 38, 48, 24)]) == Box(
        60, 40, 40, 20
    )
    assert GivenBox.of(Box(30, 20, 100, 60), mask).share == pytest.approx(SHARE, rel=0.01)


def test_the_mask_stays_inside_whatever_is_drawn() -> None:
    mask = soft(Box(60, 40, 40, 20))
    answer = GivenBox.of(Box(70, 45, 20, 10), mask)(mask, [Box(66, 42, 28, 16)])
    assert answer is not None
    rows, cols = answer.slices(SIZE_WH)
    assert mask[rows, cols].sum() >= 0.98 * mask.sum()


def test_borders_and_empty_masks() -> None:
    nothing = np.zeros(SIZE_WH[::-1], dtype=np.float32)
    first = Box(0, 0, 40, 20)
    assert GivenBox.of(Box(-30, -10, 70, 30), soft(first)) == GivenBox()  # cut off there
    assert GivenBox.of(first, nothing) == GivenBox()
    assert GivenBox.of(Box(500, 0, 4, 4), soft(first)) == GivenBox()
    assert GivenBox()(nothing, [first]) is None
    wide = GivenBox((1.0, 1.0, 1.0, 1.0))(soft(Box(150, 90, 40, 20)))
    assert wide is not None
    assert wide.xyxy == (110, 70, 200, 120)


def test_a_box_without_its_margins() -> None:
    drawn = GivenBox.of(Box(26, 19, 55, 26), soft(Box(31, 17, 40, 20)))
    np.testing.assert_allclose(drawn.tighten(Box(26, 19, 55, 26)).xyxy, (31, 17, 71, 37))
    np.testing.assert_allclose(drawn.tighten(Box(52, 38, 110, 52)).xyxy, (62, 34, 142, 74))


def test_a_mask_that_has_spread_is_cut_towards_the_box_trackers_box() -> None:
    boxes = [Box(60, 40, 40, 20), Box(0, 0, 9, 9)]  # the second is of something else
    for width in (40, 45, 50, 56, 62, 70):
        mask = soft(Box(60, 40, width, 20))
        mask[0, 0] = 0.3  # far off and below a half
        weight = np.clip((np.log(width / 40) - SPREADS) / (SPREAD - SPREADS), 0, 1)
        cut = GivenBox().cut(mask, boxes)
        if weight == 0:
            assert cut is mask
        else:
            right = 60 + width + weight * (40 - width)
            expected = mask * Box.from_xyxy(60, 40, right, 60).fill(SIZE_WH)
            np.testing.assert_array_equal(cut, expected)
            assert np.count_nonzero(mask) == width * 20 + 1, "the mask given stays as it was"
    assert weight == 1
    assert np.count_nonzero(cut[:, 100:]) == 0


def test_how_much_larger_is_judged_by_the_first_frame() -> None:
    first, mask = soft(Box(60, 40, 20, 20)), soft(Box(60, 40, 40, 20))
    box = Box(60, 40, 20, 20)
    assert GivenBox.of(box, first).cut(mask, [box]) is not mask
    # The given box held but a half of the target, and so does the box tracker's later.
    half = GivenBox.of(box, mask)
    kept = half.cut(mask, [box])
    assert np.count_nonzero(kept >= 0.5) > 0.97 * 800


def test_nothing_is_cut_without_a_box_near_or_without_a_mask() -> None:
    mask, empty = soft(Box(60, 40, 40, 20)), soft(Box(0, 0, 0, 0))
    assert GivenBox().cut(mask, [Box(150, 90, 20, 20)]) is mask
    assert GivenBox().cut(mask, []) is mask
    assert GivenBox().cut(empty, [Box(60, 40, 40, 20)]) is empty


def test_a_large_target_may_have_limbs() -> None:
    first, wide = Box(20, 20, 64, 64), Box(20, 20, 80, 64)
    more = LIMBS * np.log2(64 / SMALL)
    assert SPREADS < np.log(80 / 64) < SPREADS + more
    mask = soft(wide)
    assert GivenBox().cut(mask, [first]) is mask
    much = soft(Box(20, 20, 150, 64))
    weight = min((np.log(150 / 64) - more - SPREADS) / (SPREAD - SPREADS), 1)
    assert 0 < weight < 1
    right = 170 + weight * (84 - 170)
    expected = much * Box.from_xyxy(20, 20, right, 84).fill(SIZE_WH)
    np.testing.assert_allclose(GivenBox().cut(much, [first]), expected)

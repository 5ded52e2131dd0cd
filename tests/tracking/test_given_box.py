"""Boxes drawn as the first one was: against boxes and masks whose margins are known."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.given_box import DOUBT, SHARE, GivenBox

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

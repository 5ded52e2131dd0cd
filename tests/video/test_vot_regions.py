"""Regions as VOT writes them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.video.vot_regions import VotMask, box_line, mask_line, parse_region


def test_a_mask_by_hand():
    """Rows of the rectangle one after the other, background first (VOT2020)."""
    mask = np.zeros((4, 6), bool)
    mask[1, 2:4] = True
    mask[2, 3:5] = True
    # 2..4 wide, 1..2 high: 110 / 011
    assert mask_line(mask) == "m2,1,3,2,0,2,2,2"
    region = parse_region("m2,1,3,2,0,2,2,2")
    assert isinstance(region, VotMask)
    np.testing.assert_array_equal(region.fill((6, 4)), mask)
    shorter = parse_region("m2,1,3,2,0,2")  # what the runs leave is background
    assert isinstance(shorter, VotMask)
    assert shorter.fill((6, 4)).sum() == 2


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_masks_come_back(height, width, random):
    mask = np.array([[random.random() < 0.5 for _ in range(width)] for _ in range(height)])
    region = parse_region(mask_line(mask))
    assert isinstance(region, VotMask)
    np.testing.assert_array_equal(region.fill((width, height)), mask)


def test_masks_beyond_the_frame_are_cut():
    region = parse_region("m-1,-1,3,3,0,9")
    assert isinstance(region, VotMask)
    assert region.fill((4, 4)).sum() == 4
    assert region.fill((4, 4))[:2, :2].all()
    away = parse_region("m9,9,2,2,0,4")
    assert isinstance(away, VotMask)
    assert not away.fill((4, 4)).any()


def test_the_box_of_a_mask_is_around_what_it_fills():
    region = parse_region("m-2,5,4,3,5,2")  # the middle of its second row, nothing else
    assert isinstance(region, VotMask)
    assert region.box == Box(-1, 6, 2, 1)
    assert VotMask(3, 3, np.zeros((2, 2), bool)).box is None


def test_other_regions():
    assert parse_region("1\n") == 1
    assert parse_region("0.0000") == 0
    assert parse_region("1.5,2,3,4") == Box(1.5, 2, 3, 4)
    assert parse_region("1 2\t3,4") == parse_region("1;2;3;4,") == Box(1, 2, 3, 4)
    assert parse_region("nan,nan,nan,nan") is None
    np.testing.assert_array_equal(parse_region("0,0,2,0,2,2,0,2"), [[0, 0], [2, 0], [2, 2], [0, 2]])
    assert parse_region(box_line(Box(1.5, 2, 3, 4))) == Box(1.5, 2, 3, 4)
    assert parse_region(box_line(None)) is None


@pytest.mark.parametrize(
    "line",
    ["", "x", "5", "1,2,3", "1,2,-3,4", "1,inf,3,4", "1,2,3,nan", "m1,2,3", "m0,0,2,2,0,5",
     "m0,0,2,2,-1,2", "m0,0,99999999,99999999,1", "m0,0,-1,2", "m0,0,1,1,x", "1,2,3,4,5,6,7",
     "1," * 2001 + "1"],
)  # fmt: skip
def test_what_is_no_region_is_told(line):
    with pytest.raises(InputError, match="is no region"):
        parse_region(line)

"""Box, Mask, Target, Prediction: exact round trips and plain geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spectrack.errors import InputError
from spectrack.structures import Box, Mask, Prediction, Target

SIDES = st.integers(1, 24)
NUMBERS = st.floats(-50, 50, allow_nan=False)
LENGTHS = st.floats(0, 60, allow_nan=False)
BOXES = st.builds(Box, NUMBERS, NUMBERS, LENGTHS, LENGTHS)
WHOLE = st.builds(
    Box, st.integers(-9, 20), st.integers(-9, 20), st.integers(0, 20), st.integers(0, 20)
)
HARD = hnp.arrays(bool, st.tuples(SIDES, SIDES))


@given(HARD)
def test_mask_round_trip_is_exact(hard: np.ndarray) -> None:
    mask = Mask.encode(hard)
    decoded = mask.decode()
    assert decoded.dtype == np.bool_
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, hard)
    assert mask.area == hard.sum()
    assert mask.box == Box.from_mask(hard)
    assert Mask.encode(np.asfortranarray(hard)) == mask
    assert hash(Mask.encode(hard.astype(np.float32) * 0.3)) == hash(mask)


@given(HARD)
def test_box_of_a_mask_is_tight(hard: np.ndarray) -> None:
    box = Box.from_mask(hard)
    if not hard.any():
        assert box is None
        return
    assert box is not None
    filled = box.fill((hard.shape[1], hard.shape[0]))
    assert (filled | ~hard).all()
    rows, cols = np.nonzero(hard)
    assert tuple(box) == (
        cols.min(),
        rows.min(),
        cols.max() - cols.min() + 1,
        rows.max() - rows.min() + 1,
    )
    assert filled.sum() == box.area


@given(WHOLE, WHOLE)
def test_iou_equals_counting_pixels(first: Box, second: Box) -> None:
    size_wh = (60, 60)
    moved = [Box(b.x + 10, b.y + 10, b.w, b.h) for b in (first, second)]
    a, b = (box.fill(size_wh) for box in moved)
    union = (a | b).sum()
    assert first.iou(second) == pytest.approx((a & b).sum() / union if union else 0.0)
    assert first.iou(second) == second.iou(first)


@given(BOXES, st.floats(0.1, 5))
def test_scaling_keeps_the_centre(box: Box, factor: float) -> None:
    scaled = box.scale(factor)
    assert scaled.center == pytest.approx(box.center, abs=1e-9)
    assert scaled.area == pytest.approx(box.area * factor**2, abs=1e-9)
    assert Box.from_xyxy(*box.xyxy).area == pytest.approx(box.area, abs=1e-9)


@given(BOXES, SIDES, SIDES)
def test_clip_stays_inside_both(box: Box, width: int, height: int) -> None:
    part = box.clip((width, height))
    if part is None:
        assert box.iou(Box(0, 0, width, height)) == 0
        return
    x1, y1, x2, y2 = part.xyxy
    assert -1e-9 <= x1 <= x2 <= width + 1e-9
    assert -1e-9 <= y1 <= y2 <= height + 1e-9
    assert part.area <= box.area + 1e-9
    both = part.area / (box.area + width * height - part.area)
    assert box.iou(Box(0, 0, width, height)) == pytest.approx(both, abs=1e-9)


@pytest.mark.parametrize("values", [(0, 0, -1, 2), (0, 0, 2, -1), (math.nan, 0, 1, 1)])
def test_box_refuses(values: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="box"):
        Box(*values)


@pytest.mark.parametrize("value", ["abc", "1,2,3", [1, 2, 3], [1, 2, 3, 4, 5], 7, [1, 2, 3, "x"]])
def test_box_needs_four_numbers(value) -> None:
    with pytest.raises(InputError, match=r"is not four numbers; give x,y,w,h"):
        Box.coerce(value)


def test_box_coerce_accepts_arrays() -> None:
    assert Box.coerce(np.array([1, 2, 3, 4])) == Box(1, 2, 3, 4) == Box.coerce(Box(1, 2, 3, 4))


def test_mask_of_the_wrong_shape() -> None:
    with pytest.raises(InputError, match=r"shape \(2, 3, 1\)"):
        Mask.encode(np.zeros((2, 3, 1)))
    assert Mask.empty((5, 4)).decode().shape == (4, 5)
    assert Mask.empty((5, 4)).box is None


def test_target_takes_its_box_from_the_mask() -> None:
    hard = np.zeros((10, 12), np.uint8)
    hard[2:5, 3:9] = 255
    target = Target(mask=hard)
    assert target.box == Box(3, 2, 6, 3)
    assert target.mask is not None
    assert target.mask.dtype == np.bool_
    target.check((12, 10))
    with pytest.raises(InputError, match="mask is 12x10 but the frame is 10x12"):
        target.check((10, 12))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs a box or a mask"),
        ({"mask": np.zeros((3, 3))}, "empty"),
        ({"mask": np.ones((3, 3, 3))}, "shape"),
        ({"box": (1, 2, 3)}, "four numbers"),
    ],
)
def test_target_refuses(given: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Target(**given)


@pytest.mark.parametrize(
    ("box", "said"),
    [((0, 0, 0, 5), "no area"), ((20, 0, 5, 5), "outside"), ((-9, -9, 9, 9), "outside")],
)
def test_target_outside_the_frame(box: tuple[float, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Target(box=box).check((20, 10))


def test_prediction_threshold_is_inclusive() -> None:
    soft = np.array([[0.49, 0.5, 0.51]], np.float32)
    assert Prediction(None, soft).hard_mask().tolist() == [[False, True, True]]
    hard = soft > 0.5
    assert Prediction(None, hard).hard_mask() is hard
    assert Prediction(None).hard_mask() is None


def test_masks_have_a_short_repr(rng: np.random.Generator) -> None:
    mask = rng.random((200, 300)) > 0.5
    assert repr(Mask.encode(mask)) == f"Mask(300x200, area {mask.sum()})"

"""J and box overlap against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spectrack.errors import InputError
from spectrack.metrics.regions import box_iou_t, jaccard, jaccard_t, paired
from spectrack.structures import Box

PAIRS = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)


@given(PAIRS)
def test_jaccard_equals_sets_of_pixels(pair):
    mask, truth = ({tuple(p) for p in np.argwhere(m)} for m in pair)
    expected = len(mask & truth) / len(mask | truth) if mask | truth else 1.0
    assert jaccard(*pair) == expected == jaccard(*reversed(pair))


def test_any_integer_is_foreground():
    ids = np.array([[0, 3], [7, 0]], dtype=np.uint8)
    assert jaccard(ids, ids > 0) == 1
    assert jaccard(ids, np.array([[False, True], [False, False]])) == 0.5


def test_jaccard_over_time(rng):
    masks = rng.random((4, 5, 6)) < 0.5
    truths = rng.random((4, 5, 6)) < 0.5
    expected = (masks & truths).sum((1, 2)) / (masks | truths).sum((1, 2))
    np.testing.assert_allclose(jaccard_t(masks, truths), expected)
    with pytest.raises(InputError, match="differ in number"):
        jaccard_t(masks[:3], truths)
    with pytest.raises(InputError, match="differ in number"):
        jaccard_t(masks, truths[:3])


@pytest.mark.parametrize(
    ("mask", "truth", "message"),
    [
        (np.zeros((2, 3), bool), np.zeros((3, 2), bool), "one size"),
        (np.zeros((2, 3), np.float32), np.zeros((2, 3), bool), "hard mask"),
        (np.zeros((2, 3), bool), np.zeros((2, 3)), "hard mask"),
        (np.zeros((1, 2, 3), bool), np.zeros((2, 3), bool), "height, width"),
    ],
)
def test_jaccard_refuses(mask, truth, message):
    with pytest.raises(InputError, match=message):
        jaccard(mask, truth)


def test_box_overlap_counts_frames_out_of_sight():
    a, b = Box(0, 0, 4, 4), Box(2, 0, 4, 4)
    found = box_iou_t([a, a, None, None], [a, b, None, b])
    np.testing.assert_allclose(found, [1, 8 / 24, 1, 0])
    assert box_iou_t([a], [None])[0] == 0


def test_pairing_is_lazy():
    pairs = paired(iter(range(10**12)), iter([5]))
    assert next(pairs) == (0, 5)
    with pytest.raises(InputError):
        next(pairs)

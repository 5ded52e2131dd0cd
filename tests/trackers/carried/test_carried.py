"""The tracker that carries a mask by flow: known motion, corrections, and nothing to carry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, Target
from spectrack.trackers.carried.tracker import CarriedTracker

HEIGHT, WIDTH = 120, 160
SHIFT = (4, 3)


def picture(t: int) -> np.ndarray:
    """A textured plane that moves by SHIFT a frame."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, (HEIGHT + 60, WIDTH + 60, 3), dtype=np.uint8)
    wide = cv2.GaussianBlur(wide, (0, 0), 2)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    y, x = 30 - t * SHIFT[1], 30 - t * SHIFT[0]
    return np.ascontiguousarray(wide[y : y + HEIGHT, x : x + WIDTH])


def truth(t: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[40 + 3 * t : 70 + 3 * t, 50 + 4 * t : 90 + 4 * t] = True
    return mask


def test_a_mask_follows_a_known_motion_and_so_does_the_flow() -> None:
    tracker = CarriedTracker()
    tracker.init(picture(0), Target(mask=truth(0)))
    assert tracker.flow_pair() is None
    for t in range(1, 4):
        answer = tracker.update(picture(t))
        assert jaccard(answer.hard_mask(), truth(t)) > 0.95
        pair = tracker.flow_pair()
        inside = truth(t)
        np.testing.assert_allclose(
            np.median(pair.backward_hw2[inside], axis=0), (-SHIFT[0], -SHIFT[1]), atol=0.2
        )
        np.testing.assert_allclose(
            np.median(pair.forward_hw2[truth(t - 1)], axis=0), SHIFT, atol=0.2
        )


def test_it_goes_on_from_a_corrected_mask() -> None:
    tracker = CarriedTracker()
    tracker.init(picture(0), Target(mask=truth(0)))
    other = np.zeros((HEIGHT, WIDTH), np.float32)
    other[60:100, 20:60] = 1
    tracker.correct(picture(0), other)
    moved = np.zeros((HEIGHT, WIDTH), bool)
    moved[63:103, 24:64] = True
    assert jaccard(tracker.update(picture(1)).hard_mask(), moved) > 0.95
    before = tracker.update(picture(2)).mask
    tracker.correct(picture(2), np.zeros((HEIGHT, WIDTH), np.float32))  # says nothing
    after = tracker.update(picture(3))
    assert after.found
    assert before.any()


def test_a_mask_that_leaves_the_view_is_not_found_again() -> None:
    tracker = CarriedTracker()
    first = np.zeros((HEIGHT, WIDTH), bool)
    first[0:4, 0:4] = True
    tracker.init(picture(7), Target(mask=first))
    for t in range(6, -1, -1):
        answer = tracker.update(picture(t))
    assert not answer.found
    assert answer.box is None
    assert tracker.update(picture(0)).found is False


@pytest.mark.parametrize("given", [Target(Box(50, 40, 40, 30)), Target(mask=truth(0))])
def test_the_first_answer_is_what_was_given(given) -> None:
    answer = CarriedTracker().init(picture(0), given)
    assert tuple(answer.box) == (50, 40, 40, 30)

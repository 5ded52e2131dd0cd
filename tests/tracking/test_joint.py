"""No pixel of two objects."""

import numpy as np
import pytest

from spectrack.structures import ABSENT, Box, Prediction
from spectrack.tracking.joint import share_pixels


def soft(rng, size_hw=(12, 16)):
    return rng.random(size_hw, dtype=np.float32)


def owner_by_formula(softs):
    """Soft aggregation, pixel by pixel: the largest odds, the background's from all masks."""
    p = np.stack(softs).astype(np.float64)
    all_odds = np.concatenate([np.prod(1 - p, axis=0)[None], p])
    return (all_odds / (1 - all_odds)).argmax(0)


def test_each_pixel_goes_where_the_formula_says(rng):
    softs = [soft(rng) for _ in range(3)]
    found = share_pixels({k: Prediction(None, m) for k, m in enumerate(softs, start=1)})
    owner = owner_by_formula(softs)
    assert set(np.unique(owner)) == {0, 1, 2, 3}
    for key, one in found.items():
        assert np.array_equal(one.hard_mask(), owner == key)


def test_masks_that_do_not_meet_stay_to_the_last_bit(rng):
    left, right = soft(rng), soft(rng)
    left[:, 8:], right[:, :8] = 0, 0
    found = share_pixels({1: Prediction(None, left), 2: Prediction(None, right)})
    assert np.array_equal(found[1].mask, left)
    assert np.array_equal(found[2].mask, right)


def test_only_pixels_that_two_claim_change_and_the_given_arrays_do_not(rng):
    one, other = soft(rng), soft(rng)
    other[:, :10] = 0
    before = one.copy(), other.copy()
    found = share_pixels({1: Prediction(None, one), 2: Prediction(None, other)})
    assert np.array_equal(found[1].mask[:, :10], one[:, :10])
    assert not np.array_equal(found[1].mask, one)
    assert np.array_equal(before[0], one)
    assert np.array_equal(before[1], other)


@pytest.mark.parametrize(("scores", "owner"), [((0.9, 0.4), 1), ((0.4, 0.9), 2), ((0.5, 0.5), 2)])
def test_of_hard_masks_the_surer_object_keeps_what_both_claim(scores, owner):
    mask = np.ones((4, 4), dtype=bool)
    found = share_pixels(
        {k: Prediction(None, mask, s) for k, s in zip((1, 2), scores, strict=True)}
    )
    assert [one.hard_mask().all() for one in found.values()] == [owner == 1, owner == 2]
    assert found[3 - owner].hard_mask().sum() == 0


def test_a_surer_mask_takes_pixels_whatever_the_scores():
    """The rule before gave all that two claim to the object of the higher score."""
    near, far = np.full((2, 4), 0.9, np.float32), np.full((2, 4), 0.6, np.float32)
    found = share_pixels({1: Prediction(None, near, 0.5), 2: Prediction(None, far, 0.8)})
    assert found[1].hard_mask().all()
    assert not found[2].hard_mask().any()


def test_boxes_and_answers_without_masks_stay(rng):
    lost = Prediction(None, np.zeros((12, 16), np.float32), 0.0, found=False)
    given = {
        1: Prediction(Box(1, 2, 3, 4), soft(rng), 0.7),
        2: Prediction(Box(2, 2, 3, 4), soft(rng), 0.6),
        3: Prediction(Box(2, 2, 3, 4)),
        4: lost,
        5: ABSENT,
    }
    found = share_pixels(given)
    assert list(found) == list(given)
    assert [one.box for one in found.values()] == [one.box for one in given.values()]
    assert [found[k] for k in (3, 4, 5)] == [given[k] for k in (3, 4, 5)]


def test_a_mask_that_is_faint_is_not_heard():
    """It would leave less to the background, which has this pixel by a hair."""
    said = {
        key: Prediction(None, np.full((1, 1), p, np.float32)) for key, p in ((1, 0.444), (2, 0.2))
    }
    faint = Prediction(None, np.full((1, 1), 0.0035, np.float32))
    assert owner_by_formula([one.mask for one in said.values()])[0, 0] == 0
    assert owner_by_formula([one.mask for one in (*said.values(), faint)])[0, 0] == 1
    found = share_pixels(said | {3: faint})
    assert not any(one.hard_mask().any() for one in found.values())

"""Views of an object whose truth is known: crops, shown boxes, motion, other objects."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.object_views import (
    Conditions,
    Shot,
    off,
    shot,
    turned,
    with_other,
    worn,
)

SIDE = 96
SIZE = (160, 120)
INSIDE = (200, 30, 30)


def look(motion: np.ndarray | None = None, **changes) -> Conditions:
    plain = {"gain_c": np.ones(3), "offset": 0.0, "gamma": 1.0, "grey": False}
    return Conditions(np.eye(2) if motion is None else motion, **(plain | changes))


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A red ellipse on blue: its colour tells the mask, wherever it is warped to."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.ellipse(mask, (90, 55), (28, 17), 25, 0, 360, 1, -1)
    frame = np.full((*SIZE[::-1], 3), (20, 30, 160), np.uint8)
    frame[mask > 0] = INSIDE
    return frame, mask > 0


def seen(image: np.ndarray) -> np.ndarray:
    return image[..., 0].astype(int) - image[..., 1] >= 80


def tight(map_ss: np.ndarray) -> np.ndarray:
    return np.array(Box.from_mask(map_ss).xyxy)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_truth_is_where_the_object_is_seen(scene, seed, flip) -> None:
    rng = np.random.default_rng(seed)
    one = shot(*scene, rng, side=SIDE, conditions=look(turned(rng, 15, 0.2, flip=flip)), spread=0.1)
    assert one.image_ssc.shape == (SIDE, SIDE, 3)
    assert set(np.unique(one.truth_ss)) == {0, 255}
    differs = seen(one.image_ssc) != (one.truth_ss > 0)
    assert differs.sum() <= 0.01 * (one.truth_ss > 0).sum()


@pytest.mark.parametrize("seed", range(4))
def test_what_cannot_be_believed_is_where_it_is_seen(scene, seed) -> None:
    """A green strip of the frame, of which nothing is known; beyond the frame all is."""
    frame, mask = scene
    known = np.ones_like(mask)
    known[50:70, 60:160] = False
    frame = np.where(known[..., None], frame, np.uint8([20, 220, 30])).astype(np.uint8)
    rng = np.random.default_rng(seed)
    conditions = look(turned(rng, 15, 0.2))
    one = shot(frame, mask, rng, side=SIDE, conditions=conditions, spread=0.1, sure_hw=known)
    green = one.image_ssc[..., 1] > 150
    assert green.sum() > 500
    assert ((one.sure_ss == 0) != green).sum() <= 0.05 * green.sum()
    whole = shot(*scene, rng, side=SIDE, conditions=conditions, spread=0.1)
    assert whole.sure_ss is None


@pytest.mark.parametrize("seed", range(4))
def test_the_shown_box_fits_the_truth_where_nothing_is_off(scene, seed) -> None:
    """Within a pixel of the frame, which is a few of the crop."""
    rng = np.random.default_rng(seed)
    one = shot(*scene, rng, side=SIDE, conditions=look(turned(rng, 15, 0.2)), spread=0.0)
    pixel = 1.5 * SIDE / 60  # the object is about 60 wide and the crop at least 1.3 times that
    assert np.abs(tight(one.box_ss > 127) - tight(one.truth_ss)).max() <= pixel


def test_without_motion_the_truth_is_the_resized_crop(scene) -> None:
    """An exact crop of twice the size: of whole pixels, so that NumPy alone can tell it."""
    frame, mask = scene
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    w, h = cols[-1] + 1 - cols[0], rows[-1] + 1 - rows[0]

    class Still:
        """Chance that never is."""

        def uniform(self, low, high, *size):
            return (np.asarray(low) + high) / 2

        def normal(self, *args):
            return np.zeros(args[2]) if len(args) > 2 else 0.0

    one = shot(frame, mask, Still(), side=SIDE, conditions=look(), spread=0.0, context=(1.5, 1.5))
    across, down = (np.arange(SIDE) + 0.5) / SIDE - 0.5, (np.arange(SIDE) + 0.5) / SIDE - 0.5
    x = np.floor((cols[0] + cols[-1] + 1) / 2 + across * 1.5 * w).astype(int)
    y = np.floor((rows[0] + rows[-1] + 1) / 2 + down * 1.5 * h).astype(int)
    nearest = mask[np.clip(y, 0, 119)][:, np.clip(x, 0, 159)]
    both = (nearest & (one.truth_ss > 0)).sum()
    either = (nearest | (one.truth_ss > 0)).sum()
    assert both / either > 0.97
    expected = (SIDE - SIDE / 1.5) / 2
    box = tight(one.box_ss > 127)
    np.testing.assert_allclose(box, [expected, expected, SIDE - expected, SIDE - expected], atol=1)


def test_chance_is_that_of_the_seed(scene) -> None:
    def made(seed: int) -> Shot:
        rng = np.random.default_rng(seed)
        one = shot(*scene, rng, side=SIDE, conditions=Conditions.draw(rng), spread=0.1)
        other = shot(*scene, rng, side=SIDE, conditions=Conditions.draw(rng), spread=0.1)
        one = with_other(one, other, rng)
        return Shot(worn(one.image_ssc, rng), one.truth_ss, one.box_ss)

    for name in Shot.__slots__:
        np.testing.assert_array_equal(getattr(made(3), name), getattr(made(3), name))
    assert (made(3).image_ssc != made(4).image_ssc).any()


def test_nothing_and_almost_nothing_give_no_view(scene) -> None:
    frame, mask = scene
    rng = np.random.default_rng(0)
    for pixels in (0, 2):
        few = np.zeros_like(mask)
        few[10, 10 : 10 + pixels] = True
        assert shot(frame, few, rng, side=SIDE, conditions=look(), spread=0.0) is None


def test_colours_follow_gain_gamma_and_offset() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, 2)
    gain = np.array([0.8, 1.0, 1.3])
    found = look(gain_c=gain, offset=7.0, gamma=1.4).colours(image)
    expected = 255 * (image / 255) ** 1.4 * gain + 7
    np.testing.assert_allclose(found, np.clip(expected, 0, 255), atol=0.5001)
    grey = look(grey=True).colours(np.random.default_rng(0).integers(0, 255, (4, 4, 3), np.uint8))
    assert (grey == grey[..., :1]).all()


def test_boxes_are_off_by_shares_of_their_sides() -> None:
    rng = np.random.default_rng(1)
    box = Box(10, 20, 40, 80)
    made = np.array([tuple(off(box, 0.1, rng)) for _ in range(4000)])
    centres = made[:, :2] + made[:, 2:] / 2 - box.center
    np.testing.assert_allclose(centres.std(0), [4, 8], rtol=0.06)
    np.testing.assert_allclose(np.log(made[:, 2:] / (40, 80)).std(0), 0.1, rtol=0.06)
    assert tuple(off(box, 0.0, rng)) == pytest.approx(tuple(box))


def test_a_turn_keeps_areas_and_a_flip_mirrors() -> None:
    rng = np.random.default_rng(2)
    for flip in (False, True):
        for _ in range(20):
            sign = -1 if flip else 1
            assert np.linalg.det(turned(rng, 20, 0.3, flip=flip)) == pytest.approx(sign)


def test_another_object_hides_the_target_or_lies_behind_it(scene) -> None:
    """What is left of the truth is seen in its colour, but for the soft border."""
    rng = np.random.default_rng(5)
    frame, mask = scene
    green = np.where(mask[..., None], np.uint8([30, 220, 30]), frame).astype(np.uint8)
    hidden = 0
    for _ in range(30):
        one = shot(frame, mask, rng, side=SIDE, conditions=look(), spread=0.0)
        other = shot(green, mask, rng, side=SIDE, conditions=look(), spread=0.0)
        both = with_other(one, other, rng)
        left = both.truth_ss > 0
        assert not (left & (one.truth_ss == 0)).any()
        assert left.sum() >= 0.3 * (one.truth_ss > 0).sum()
        np.testing.assert_array_equal(both.box_ss, one.box_ss)
        inner = cv2.erode(left.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        assert seen(both.image_ssc)[inner].all()
        hidden += int(left.sum() < (one.truth_ss > 0).sum())
    assert 0 < hidden < 30

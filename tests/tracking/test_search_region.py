"""Where the next search region goes."""

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.patches import pair
from spectrack.tracking.search_region import Placement, box_about, centre_of


def _placement():
    return Placement(Box(230, 120, 60, 50), 6, (480, 832), (0.8, 1.2))


def test_the_first_region_is_so_many_sides_of_the_target():
    place = _placement()
    assert place.pos_yx.tolist() == [144.5, 259.5]
    assert place.scale == pytest.approx(6 * np.sqrt(3000) / np.sqrt(480 * 832), rel=1e-6)
    assert place.base_hw * place.scale == pytest.approx([50, 60], rel=1e-6)
    patch = place.region((520, 300), (30, 52))
    assert patch.output_hw == (480, 832)
    assert patch.pos_yx == pytest.approx(place.pos_yx, abs=9)  # inside, and eight patch pixels on


def test_boxes_and_centres_are_each_other_s_inverse():
    box = Box(10.5, 20.25, 7, 9)
    assert list(box_about(centre_of(box), pair((9, 7)))) == pytest.approx(list(box))


def test_scale_follows_within_limits_and_the_aspect_stays():
    place = _placement()
    first = place.scale
    place.follow(pair((10, 20)), pair((500, 600)))
    assert place.scale == pytest.approx(1.2 * first, rel=1e-6)
    assert place.size_hw == pytest.approx([60, 72], rel=1e-5)
    place.follow(None, pair((1, 1)))  # half an answer is none: place and size stay
    assert place.pos_yx.tolist() == [10, 20]
    assert place.scale == pytest.approx(1.2 * first, rel=1e-6)
    place.follow(pair((11, 20)), pair((1, 1)))
    assert place.scale == pytest.approx(0.96 * first, rel=1e-6)


def test_a_lost_target_is_looked_for_as_in_the_reference(golden):
    place = _placement()
    place._scales.clear()
    place._scales.extend([1, 1.3, 0.9, 1.1, 1.4, 1])
    found = []
    for _ in range(6):
        place.wait()
        found.append(place.scale)
    golden.compare("geometry", "lost_rescale", np.array(found), 1e-6)
    place.follow(None, None)
    place.wait()
    assert place._lost == 1


def test_history_is_bounded():
    place = _placement()
    for i in range(500):
        place.follow(pair((i, i)), pair((50, 60)))
    for _ in range(500):
        place.wait()
    assert len(place._scales) == 60
    assert np.isfinite(place.scale)

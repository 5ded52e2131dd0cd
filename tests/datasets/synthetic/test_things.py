"""Several things with exact masks."""

import numpy as np
import pytest

from spectrack.datasets.synthetic.things import Things
from spectrack.errors import InputError


def test_pixels_outside_all_masks_are_the_ground_that_stays():
    things = Things(3, (160, 96))
    (first, index), (later, moved) = things.render(0), things.render(9)
    ground = (index == 0) & (moved == 0)
    assert np.array_equal(first[ground], later[ground])
    assert not np.array_equal(index, moved)
    assert set(np.unique(index)) == {0, 1, 2, 3}


def test_things_apart_never_touch_and_crossing_ones_hide_each_other():
    apart, crossing = Things(8, (160, 96)), Things(2, (160, 96), crossing=True)
    full = (apart.render(0)[1] == 1).sum()
    for time in range(0, 60, 3):
        sizes = np.bincount(apart.render(time)[1].ravel(), minlength=9)[1:]
        assert sizes.min() > 0.9 * full
    hidden = [np.bincount(crossing.render(t)[1].ravel(), minlength=3)[1] for t in range(60)]
    assert min(hidden) < 0.7 * max(hidden)


@pytest.mark.parametrize("count", [0, 9])
def test_too_many_things_are_told(count):
    with pytest.raises(InputError, match="1 to 8"):
        Things(count)

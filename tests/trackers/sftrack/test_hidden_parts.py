"""Parts that come out on the far side of what hides a target: which are believed, and when."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack.hidden_parts import (
    AT_ONCE,
    GAP,
    LARGER,
    LEAST,
    NARROW,
    NARROWS,
    WHOLE,
    WIDENS,
    HiddenParts,
)
from spectrack.trackers.sftrack.memory_segmenter import MemorySegmenter
from spectrack.tracking.table import make_tracker

USUAL = Box(10, 20, 100, 40)
LEFT = (slice(20, 60), slice(10, 70))
"""What is seen of it: 2,400 pixels, 60 of its 100 columns."""


def mask(*areas: tuple[slice, slice], value: float = 0.9) -> np.ndarray:
    """A soft mask of the frame with filled areas."""
    soft = np.zeros((100, 200), dtype=np.float32)
    for rows, cols in areas:
        soft[rows, cols] = value
    return soft


def looking() -> HiddenParts:
    """What is known of the target when its left part alone is seen."""
    hidden = HiddenParts(USUAL)
    assert hidden.larger(Box.from_mask(mask(LEFT) >= 0.5)) is not None
    return hidden


def test_a_larger_box_is_looked_at_where_a_side_is_missing() -> None:
    hidden = HiddenParts(USUAL)
    assert hidden.larger(Box(10, 20, 100 * NARROW, 40)) is None
    narrow = hidden.larger(Box(10, 20, 60, 40))
    assert narrow.center == pytest.approx((40, 40))
    assert (narrow.w, narrow.h) == pytest.approx((2 * 100 - 60, LARGER * 40))
    low = HiddenParts(USUAL).larger(Box(10, 20, 100, 30))
    assert (low.w, low.h) == pytest.approx((LARGER * 100, 2 * 40 - 30))


def test_every_second_frame_until_something_is_shown() -> None:
    hidden, left = HiddenParts(USUAL), mask(LEFT)
    own, part = Box.from_mask(left >= 0.5), (slice(30, 40), slice(80, 90))
    looked = []
    for frame in range(9):
        looked.append(hidden.larger(own) is not None)
        if looked[-1]:
            hidden.added(left, mask(LEFT, part) if frame >= 4 else left)
    assert looked == [True, False, True, False, True, True, True, True, True]


def test_usual_sides_follow_quickly_up_and_slowly_down() -> None:
    hidden = HiddenParts(Box(0, 0, 100, 50))
    hidden.follow(Box(0, 0, 120, 40))
    wide, high = 100 + WIDENS * 20, 50 - NARROWS * 10
    seen = hidden.larger(Box(0, 0, 50, 20))
    assert (seen.w, seen.h) == pytest.approx((2 * wide - 50, 2 * high - 20))


def test_a_part_beyond_a_gap_is_added_as_it_was_seen() -> None:
    left, part = mask(LEFT), (slice(30, 40), slice(80, 100))
    wide = mask((slice(15, 65), slice(10, 72)), part, value=0.8)  # spreads, too
    expected = left.copy()
    expected[part] = np.float32(0.8)
    np.testing.assert_array_equal(looking().added(left, wide), expected)


@pytest.mark.parametrize(
    ("area", "value"),
    [
        ((slice(30, 40), slice(70 + GAP - 1, 90)), 0.9),
        ((slice(62, 70), slice(20, 40)), 0.9),
        ((slice(30, 40), slice(100, 10 + int(100 * WHOLE) + 1)), 0.9),
        ((slice(30, 40), slice(80, 100)), 0.6),
        ((slice(30, 33), slice(80, 87)), 0.9),
    ],
    ids=["touches", "higher than it is", "wider than it is", "unsure", "a crumb"],
)
def test_what_is_no_part_of_the_target(area, value) -> None:
    left, wide = mask(LEFT), mask(LEFT)
    wide[area] = value
    if area[0].start == 62:  # 50 rows with it
        assert WHOLE * USUAL.h < 50
    assert looking().added(left, wide) is left


def test_what_lies_within_the_box_of_the_mask_is_no_part() -> None:
    """A mask with a hole, and something in the hole."""
    ring = mask(LEFT)
    ring[25:55, 15:65] = 0
    wide = ring.copy()
    wide[36:44, 36:44] = 0.9  # small enough to be believed at once elsewhere
    assert LEAST * 900 < 64 < AT_ONCE * 900
    hidden = HiddenParts(USUAL)
    assert hidden.larger(Box.from_mask(ring >= 0.5)) is not None
    assert hidden.added(ring, wide) is ring


def test_a_large_part_must_have_been_there_the_last_time() -> None:
    left, large = mask(LEFT), (slice(30, 50), slice(75, 95))
    own = Box.from_mask(left >= 0.5)
    assert AT_ONCE * 2400 < 400  # pixels of it
    hidden = looking()
    assert hidden.added(left, mask(LEFT, large)) is left
    assert hidden.larger(own) is not None
    moved = mask(LEFT, (slice(32, 52), slice(80, 100)))
    np.testing.assert_array_equal(hidden.added(left, moved), moved)
    assert hidden.larger(own) is not None
    assert hidden.added(left, left) is left  # gone
    assert hidden.larger(own) is None
    assert hidden.larger(own) is not None
    assert hidden.added(left, mask(LEFT, large)) is left  # it is a new one


def test_an_empty_mask_and_an_empty_look_change_nothing() -> None:
    nothing, left = mask(), mask(LEFT)
    assert looking().added(nothing, nothing) is nothing
    assert looking().added(left, nothing) is left


class Segment:
    """The network: what it is asked, and what it shows."""

    def __init__(self, wide_hw: np.ndarray) -> None:
        self.wide_hw, self.asked, self.remembered = wide_hw, [], []

    def start(self, *args) -> None:
        pass

    def look_again(self, frame_hwc, hint):
        self.asked.append(hint.box)
        return self

    def in_frame(self, size_wh):
        return self.wide_hw

    def remember(self, soft_hw, place) -> None:
        self.remembered.append((soft_hw, place))


def test_the_larger_box_is_remembered_where_it_shows_the_whole_target() -> None:
    """A box of 40 columns, and one of 160: that of all 100 is more like the second."""
    seen = (slice(20, 60), slice(10, 50))
    frame, left = np.zeros((100, 200, 3), np.uint8), mask(seen, value=1.0)
    whole = mask(seen, (slice(30, 35), slice(80, 110)), value=1.0)
    for hidden, found in ((True, whole), (False, left)):
        segment = Segment(whole)
        masks = MemorySegmenter(segment, hidden)
        masks.start(frame, mask((slice(20, 60), slice(10, 110)), value=1.0), USUAL)
        masks._boxes = [Box.from_mask(left >= 0.5)]  # of the only hypothesis
        soft = masks.completed(frame, left)
        np.testing.assert_array_equal(soft, found)
        assert len(segment.asked) == hidden
        masks.remember(soft, Box.from_mask(soft >= 0.5))
        assert segment.remembered == [(soft, int(hidden))]


def test_a_koi_comes_out_beyond_a_lily_pad() -> None:
    """The whole tracker, over the frames in which its head comes out; the same without looking."""
    clip = make_clip(27, (428, 240), 0)
    found = {}
    for hidden in (False, True):
        tracker = make_tracker("sftrack", hidden=hidden, fine_tune=0)
        tracker.init(clip.frames_thwc[0], Target(Box.from_mask(clip.masks_thw[0])))
        answers = [tracker.update(frame) for frame in clip.frames_thwc[1:]]
        late = list(zip(answers, clip.masks_thw[1:], strict=True))[-6:]
        found[hidden] = np.mean(
            [(jaccard(p.hard_mask(), m), box_iou(p.box, Box.from_mask(m))) for p, m in late], axis=0
        )
    assert found[True][0] > found[False][0]
    assert found[True][1] > found[False][1] + 0.1

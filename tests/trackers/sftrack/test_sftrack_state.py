"""The usual size of a target: one that is covered, and one that gets smaller as a whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack.input_maps import colours_of
from spectrack.trackers.sftrack.state import Judgement, TargetState
from spectrack.tracking.table import make_tracker

FRAME = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)


def mask_of(box):
    soft = np.zeros(FRAME.shape[:2], dtype=np.float32)
    soft[box.slices((160, 120))] = 1
    return soft


def state_after(boxes, others):
    """The state after masks that fill boxes, each with what a box tracker said."""
    first = mask_of(boxes[0])
    colours = colours_of(FRAME, first >= 0.5)
    state = TargetState.first(FRAME, first, boxes[0], colours, guessed=False)
    for box, other in zip(boxes[1:], others[1:], strict=True):
        judgement = Judgement(True, box.area)
        state = state.seen(FRAME, mask_of(box), box, judgement, [] if other is None else [other])
    return state


def shrinking(frames, across, down):
    """Boxes about a point that lose so much of their sides in each frame, whole pixels."""
    w, h, boxes = 64.0, 48.0, []
    for _ in range(frames):
        boxes.append(Box(80 - round(w) // 2, 60 - round(h) // 2, round(w), round(h)))
        w, h = w * across, h * down
    return boxes


def test_one_that_gets_smaller_as_a_whole_becomes_used_to_it():
    boxes = shrinking(25, 0.95, 0.95)
    state = state_after(boxes, boxes)
    assert boxes[-1].area < 0.1 * boxes[0].area
    assert boxes[-1].area > 0.3 * state.area


@pytest.mark.parametrize("told", ["nothing", "the whole"])
def test_one_whose_box_tracker_does_not_say_so_does_not(told):
    boxes = shrinking(25, 0.95, 0.95)
    others = [None] * 25 if told == "nothing" else [boxes[0]] * 25
    state = state_after(boxes, others)
    assert state.area > 0.75 * boxes[0].area


def test_one_that_is_covered_from_a_side_does_not():
    boxes = shrinking(25, 0.9, 1.0)
    state = state_after(boxes, boxes)
    assert boxes[-1].area < 0.1 * boxes[0].area
    assert state.area > 0.5 * boxes[0].area


def test_a_target_is_found_to_the_end_from_a_camera_that_draws_back():
    """A picture seen from further and further away, going on beyond its edges as in a mirror."""
    clip = make_clip(2, (256, 144))
    picture, mask = clip.frames_thwc[0], clip.masks_thw[0]
    x, y = Box.from_mask(mask).center
    tracker, found = make_tracker("sftrack"), []
    for t in range(36):
        near = 0.95**t
        moved = np.float32([[near, 0, 128 - near * x], [0, near, 72 - near * y]])
        frame = cv2.GaussianBlur(picture, (0, 0), max(0.35 * (1 / near - 0.6), 0.01))
        frame = cv2.warpAffine(frame, moved, (256, 144), borderMode=cv2.BORDER_REFLECT_101)
        shown = cv2.warpAffine(mask.astype(np.float32), moved, (256, 144)) >= 0.5
        if t == 0:
            tracker.init(frame, Target(Box.from_mask(shown)))
        else:
            found.append(tracker.update(frame).found)
    assert shown.sum() < 0.05 * mask.sum()
    assert all(found)

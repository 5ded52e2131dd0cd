"""Boxes of `nanomask`: of the mask and of its box tracker, drawn as the first one was."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from random_mask_in_box import write_random_mask_in_box
from spectrack.structures import Box, Prediction, Target
from spectrack.trackers.nanomask.settings import NanoMaskSettings
from spectrack.trackers.nanomask.tracker import NanoMaskTracker
from spectrack.tracking.given_box import DOUBT, SHARE

SIZE_WH = (128, 80)


@pytest.mark.parametrize("margin", [0, 20])
def test_a_margin_of_the_first_box_stays_and_a_tight_one_stays_tight(tmp_path, margin) -> None:
    weights = write_random_mask_in_box(tmp_path / "w.safetensors")
    tracker = NanoMaskTracker(NanoMaskSettings(boxes="kcf", weights=str(weights)))
    first, later = Box(40, 20, 20, 20), Box(60, 30, 20, 20)
    masks = [box.fill(SIZE_WH).astype(np.float32) for box in (first, later)]
    tracked = Box(60 - margin - 4, 30, 20 + margin + 4, 20)
    tracker._segment = SimpleNamespace(
        first=lambda frame, box: masks[0],
        start=lambda frame, soft, box: None,
        segment=lambda frame, hints: [SimpleNamespace(in_frame=lambda size_wh: masks[1])],
        remember=lambda soft: None,
    )
    tracker._boxes = SimpleNamespace(
        init=lambda frame, target: None,
        update=lambda frame: Prediction(tracked, None, 1.0),
        carries_masks=False,
    )
    frame = np.zeros((*SIZE_WH[::-1], 3), np.uint8)
    given = Box(40 - margin, 20, 20 + margin, 20)
    assert tracker.init(frame, Target(given)).box == given
    answer = tracker.update(frame)
    off = 1 - given.iou(first)
    belief = off**2 / (off**2 + DOUBT**2)
    left = 60 - belief * margin
    left += SHARE * belief * (tracked.x - left)
    np.testing.assert_allclose(answer.box.xyxy, (left, 30, 80, 50))


def test_boxes_of_a_file_go_by_the_number_of_the_frame_and_so_does_it(tmp_path) -> None:
    weights = write_random_mask_in_box(tmp_path / "w.safetensors")
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("40,20,20,20\n")
    for name, counts in ((f"external:path={boxes}", True), ("kcf", False)):
        tracker = NanoMaskTracker(NanoMaskSettings(boxes=name, weights=str(weights)))
        assert tracker.counts_frames == counts


def test_a_mask_that_has_spread_is_cut_before_anything_is_learned_from_it(tmp_path) -> None:
    weights = write_random_mask_in_box(tmp_path / "w.safetensors")
    settings = NanoMaskSettings(boxes="kcf", weights=str(weights), sure=0.0)
    tracker = NanoMaskTracker(settings)
    first, spread = Box(40, 20, 20, 20), Box(40, 20, 30, 30)
    masks = [box.fill(SIZE_WH).astype(np.float32) for box in (first, spread)]
    remembered = []
    tracker._segment = SimpleNamespace(
        first=lambda frame, box: masks[0],
        start=lambda frame, soft, box: None,
        segment=lambda frame, hints: [SimpleNamespace(in_frame=lambda size_wh: masks[1])],
        remember=remembered.append,
    )
    tracker._boxes = SimpleNamespace(
        init=lambda frame, target: None,
        update=lambda frame: Prediction(first, None, 1.0),
        carries_masks=False,
    )
    frame = np.zeros((*SIZE_WH[::-1], 3), np.uint8)
    tracker.init(frame, Target(first))
    answer = tracker.update(frame)
    assert answer.box == first
    np.testing.assert_array_equal(answer.mask, masks[0])
    np.testing.assert_array_equal(remembered, [masks[0]])

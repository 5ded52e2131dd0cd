"""Sequences that are held out, and how well a tracker follows them."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Box, Prediction
from spectrack.tracking.base import Tracker
from spectrack.training.held_out import box_overlaps, hold_out
from spectrack.video.frames import ArrayFrames


class StepsAside(Tracker):
    """Half a box to the right in every frame; nothing in the third one."""

    def _init(self, frame_hwc, target):
        self._box, self._number = target.box, 0
        return Prediction(target.box)

    def _update(self, frame_hwc):
        self._number += 1
        if self._number == 2:
            return Prediction(None, score=0.0, found=False)
        return Prediction(Box(self._box.x + self._box.w / 2, *list(self._box)[1:]))


def video(name: str, boxes: list[Box | None]) -> VideoSequence:
    frames = np.zeros((len(boxes), 20, 30, 3), np.uint8)
    stems = tuple(str(n) for n in range(len(boxes)))
    return VideoSequence(name, stems, lambda: ArrayFrames(frames), read_box=boxes.__getitem__)


def test_every_sixth_is_held_out():
    learned, held_out = hold_out(list(range(13)))
    assert held_out == [5, 11]
    assert learned == [n for n in range(13) if n not in held_out]
    assert hold_out([1, 2]) == ([1, 2], [])


def test_overlaps_are_means_over_frames_with_truth_after_the_first():
    box = Box(4, 4, 8, 8)
    told = []
    videos = [video("a", [box] * 4), video("b", [box, box, None, None]), video("c", [box])]
    found = box_overlaps(StepsAside(), videos, lambda done, total: told.append((done, total)))
    half = (4 * 8) / (64 + 64 - 32)
    assert found == {"a": pytest.approx(2 / 3 * half, abs=1e-4), "b": round(half, 4), "c": 0.0}
    assert told == [(1, 3), (2, 3), (3, 3)]

"""What track.json says of the doubt about each frame of a track."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.structures import ABSENT, Box, Prediction, Target
from spectrack.tracking.doubts import doubt_info
from spectrack.tracking.loop import run_many
from spectrack.tracks import Track
from spectrack.video.reader import open_video
from still_tracker import StillTracker


def test_by_hand():
    mask = Box(2, 2, 4, 4).fill((12, 10))
    track = Track((12, 10))
    track.append(ABSENT)
    track.append(Prediction(Box(2, 2, 4, 4), mask, 1.0))
    track.append(Prediction(Box(2, 2, 4, 4), mask, 0.75))
    track.append(Prediction(None, np.zeros_like(mask), 0.1, found=False))
    track.append(Prediction(Box(2, 2, 4, 2), Box(2, 2, 4, 2).fill((12, 10)), 0.5))
    info = doubt_info(track, {"change": [0, 0, 0.1, 0, 0]}, given=[1])
    parts = info["doubt_parts"]
    assert parts["score"] == [0, 0, 0.25, 0.5, 0.5]
    # The median of 16, 16, 0, 8 is 12.
    assert parts["jump"] == pytest.approx([0, 0, (4 / 16) ** 2, 1, (4 / 12) ** 2], abs=1e-4)
    assert info["doubt"][2] == pytest.approx(1 - math.exp(-2 * (0.25 + 0.1 + 1 / 16)), abs=1e-4)
    assert info["doubt"][:2] == [0, 0]


@pytest.mark.parametrize("given", ["box", "mask"])
def test_every_run_tells_it(given):
    box = Box(4, 6, 10, 8)
    target = Target(box) if given == "box" else Target(mask=box.fill((32, 24)))
    frames = open_video(np.zeros((5, 24, 32, 3), np.uint8))
    info = run_many({1: StillTracker()}, frames, {1: target})[1].info
    assert info["doubt"] == [0] * 5
    assert set(info["doubt_parts"]) == {"score", "jump"}

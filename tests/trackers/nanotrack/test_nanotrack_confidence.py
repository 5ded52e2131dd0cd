"""The score of NanoTrack: its signals against boxes and cells counted one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.structures import Box, Target
from spectrack.trackers.nanotrack.confidence import NUMBERS, signals
from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.trackers.nanotrack.settings import NanoTrackSettings
from spectrack.trackers.nanotrack.tracker import NanoTracker
from spectrack.tracking.overlap_score import BIAS, expected_overlap
from spectrack.tracking.siamese import Candidates, Rules, choose, cosine_window
from thin import randomise


@pytest.mark.parametrize("n", [15, 16])
def test_signals_cell_by_cell(rng, n):
    scores = rng.random((n, n)).astype(np.float32)
    sides = (rng.random((4, n, n)) * 60 + 5).astype(np.float32)
    found = Candidates.of_sides(scores, sides, 16)
    choice = choose(found, (50.0, 60.0), Rules(0.1, 0.4, 0.3), cosine_window(n).ravel())
    told = signals(found, choice)

    k = choice.best
    parts = np.stack([found.cx, found.cy, found.w, found.h], 1).astype(float)
    boxes = [Box(cx - w / 2, cy - h / 2, w, h) for cx, cy, w, h in parts]
    score = float(found.score[k])
    assert told["certainty"] == pytest.approx(math.log(score / (1 - score)) / 14, rel=1e-5)
    overlaps = [box.iou(boxes[k]) for box in boxes]
    expected = np.average(overlaps, weights=found.score)
    assert told["agreement"] == pytest.approx(expected, rel=1e-5)


def test_what_speaks_for_a_box_raises_its_score():
    assert all(value >= 0 for name, value in NUMBERS.items() if name != BIAS)
    names = [name for name in NUMBERS if name != BIAS]
    worst, best = (expected_overlap(dict.fromkeys(names, v), NUMBERS) for v in (0.0, 1.0))
    assert 0 < worst < 0.2 < 0.8 < best < 1


def test_the_networks_own_score_can_be_had(rng):
    frames = rng.integers(0, 255, (2, 60, 80, 3), np.uint8)
    network, said = randomise(NanoTrack("v1")), {}
    for kind in ("overlap", "network"):
        tracker = NanoTracker(NanoTrackSettings(score=kind, device="cpu"), network)
        tracker.init(frames[0], Target((20, 15, 24, 18)))
        found = []
        follow = tracker.following.follow
        tracker.following.follow = lambda some: found.append(some) or follow(some)  # noqa: B023
        answer = tracker.update(frames[1])
        said[kind] = answer.score, tuple(answer.box)
    told = signals(found[0], tracker.following.choice)
    assert said["overlap"][0] == pytest.approx(expected_overlap(told, NUMBERS))
    assert said["network"][0] == pytest.approx(found[0].score[tracker.following.choice.best])
    assert said["network"][1] == said["overlap"][1]

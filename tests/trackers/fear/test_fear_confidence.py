"""The score of FEAR against boxes counted by hand, and against torch and scalar arithmetic."""

import math

import numpy as np
import pytest

from fear_golden import random_fear
from spectrack.structures import Box, Target
from spectrack.trackers.fear.confidence import NUMBERS, signals
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.trackers.fear.tracker import FEARTracker
from spectrack.tracking.overlap_score import expected_overlap


def test_signals_by_boxes_one_by_one(rng):
    scores = rng.random((4, 5)).astype(np.float32)
    low = rng.random((2, 4, 5)) * 50
    corners = np.concatenate([low, low + 5 + 40 * rng.random((2, 4, 5))])
    cell = (2, 3)
    boxes = [[Box.from_xyxy(*corners[:, i, j]) for j in range(5)] for i in range(4)]
    chosen = boxes[cell[0]][cell[1]]
    total = sum(float(scores[i, j]) * boxes[i][j].iou(chosen) for i in range(4) for j in range(5))
    found = signals(scores, corners, cell)
    assert found["agreement"] == pytest.approx(total / float(scores.astype(float).sum()))
    p = float(scores[cell])
    assert found["certainty"] == pytest.approx(math.log(p / (1 - p)) / 14)


@pytest.mark.parametrize(("score", "certainty"), [(1.0, 1.0), (0.0, -1.0), (0.5, 0.0)])
def test_scores_without_odds_are_cut(score, certainty):
    scores = np.full((2, 2), score, np.float32)
    corners = np.broadcast_to(np.array([0.0, 0, 8, 8])[:, None, None], (4, 2, 2))
    found = signals(scores, corners, (0, 1))
    assert found["certainty"] == pytest.approx(certainty)
    assert found["agreement"] == pytest.approx(float(score > 0))


def test_what_speaks_for_a_box_raises_its_score():
    worst = expected_overlap({"certainty": -1.0, "agreement": 0.0}, NUMBERS)
    best = expected_overlap({"certainty": 1.0, "agreement": 1.0}, NUMBERS)
    assert 0 < worst < 0.1 < 0.8 < best < 1
    numbers = {"bias": 1.0, "certainty": 2.0, "agreement": 3.0}
    told = expected_overlap({"certainty": 0.25, "agreement": -0.5}, numbers)
    assert told == pytest.approx(0.5)
    assert all(value > 0 for name, value in NUMBERS.items() if name != "bias")


def test_the_networks_own_score_can_be_had(rng):
    frames = rng.integers(0, 255, (2, 60, 80, 3), np.uint8)
    network, said = random_fear(), {}
    for kind in ("overlap", "network"):
        tracker = FEARTracker(FEARSettings(score=kind, device="cpu"), network)
        tracker.init(frames[0], Target((20, 15, 24, 18)))
        choice = tracker.look(frames[1], (20, 15, 24, 18))
        said[kind] = tracker.update(frames[1]).score
    assert said["network"] == choice.score
    assert said["overlap"] == expected_overlap(choice.signals, NUMBERS)

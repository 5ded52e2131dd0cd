"""The score of NanoTrack: its signals against boxes and cells counted one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.structures import Box, Target
from spectrack.trackers.nanotrack.confidence import (
    NUMBERS,
    Appearance,
    mean_within,
    points_of,
    signals,
)
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
    template = rng.random((6, 8, 8)).astype(np.float32)
    maps = rng.random((6, 16, 16)).astype(np.float32)
    told = signals(found, choice, Appearance(template, Box(3, 4, 40, 40)), maps)

    k = choice.best
    parts = np.stack([found.cx, found.cy, found.w, found.h], 1).astype(float)
    boxes = [Box(cx - w / 2, cy - h / 2, w, h) for cx, cy, w, h in parts]
    score = float(found.score[k])
    assert told["certainty"] == pytest.approx(math.log(score / (1 - score)) / 14, rel=1e-5)
    overlaps = [box.iou(boxes[k]) for box in boxes]
    expected = np.average(overlaps, weights=found.score)
    assert told["agreement"] == pytest.approx(expected, rel=1e-5)
    x1, y1, x2, y2 = boxes[k].xyxy
    points = [(j * 16 - n // 2 * 16, i * 16 - n // 2 * 16) for i in range(n) for j in range(n)]
    inside = np.array([x1 <= x <= x2 and y1 <= y <= y2 for x, y in points])
    assert told["alone"] == pytest.approx(1 - min(found.score[~inside].max() / score, 1))
    assert told["sharpness"] == pytest.approx(found.score[inside].sum() / found.score.sum())
    w, h = float(found.w[k]), float(found.h[k])
    change = max(50 / 60 / (w / h), w / h / (50 / 60))
    root = [math.sqrt((a + (a + b) / 2) * (b + (a + b) / 2)) for a, b in ((w, h), (50, 60))]
    change *= max(root[0] / root[1], root[1] / root[0])
    assert told["steadiness"] == pytest.approx(1 / change, rel=1e-5)

    # 40 pixels are 20 to either side of the middle in a square of 80, so 31.75 of 127
    within = [k for k, x in enumerate(points_of(8)) if abs(x) <= 31.75]
    target = template[:, within][..., within].mean((1, 2))
    cells = [(i, j) for i in range(16) for j in range(16)
             if x1 <= j * 16 - 128 <= x2 and y1 <= i * 16 - 128 <= y2]  # fmt: skip
    seen = np.mean([maps[:, i, j] for i, j in cells], 0)
    cosine = target @ seen / np.linalg.norm(target) / np.linalg.norm(seen)
    assert told["likeness"] == pytest.approx(float(cosine), rel=1e-5)


def test_a_box_between_cells_is_the_nearest_cell_s():
    maps = np.arange(256, dtype=np.float32).reshape(1, 16, 16)
    assert mean_within(maps, (-9.0, 1.0, -7.5, 2.0))[0] == maps[0, 8, 7]


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
        answer = tracker.update(frames[1])
        said[kind] = answer.score, tuple(answer.box)
    overlap = NanoTracker(NanoTrackSettings(device="cpu"), network)
    overlap.init(frames[0], Target((20, 15, 24, 18)))
    overlap.update(frames[1])
    assert said["overlap"][0] == expected_overlap(overlap.signals, NUMBERS)
    assert said["network"][1] == said["overlap"][1]
    assert said["network"][0] != said["overlap"][0]

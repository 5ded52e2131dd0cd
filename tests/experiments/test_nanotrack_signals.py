"""Signals that were tried for NanoTrack's score, cell by cell."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.tracking.siamese import Candidates, Rules, choose, cosine_window

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def own():
    """The module, whose folder is no package that is installed."""
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("experiments.studies.nanotrack_signals")
    finally:
        sys.path.remove(str(ROOT))


@pytest.mark.parametrize("n", [15, 16])
def test_signals_cell_by_cell(own, rng, n):
    scores = rng.random((n, n)).astype(np.float32)
    sides = (rng.random((4, n, n)) * 60 + 5).astype(np.float32)
    found = Candidates.of_sides(scores, sides, 16)
    choice = choose(found, (50.0, 60.0), Rules(0.1, 0.4, 0.3), cosine_window(n).ravel())
    template = rng.random((6, 8, 8)).astype(np.float32)
    maps = rng.random((6, 16, 16)).astype(np.float32)
    told = own.other_signals(found, choice, own.Appearance(template, Box(3, 4, 40, 40)), maps)

    k = choice.best
    score = float(found.score[k])
    cx, cy, w, h = (float(v[k]) for v in (found.cx, found.cy, found.w, found.h))
    x1, y1, x2, y2 = Box(cx - w / 2, cy - h / 2, w, h).xyxy
    points = [(j * 16 - n // 2 * 16, i * 16 - n // 2 * 16) for i in range(n) for j in range(n)]
    inside = np.array([x1 <= x <= x2 and y1 <= y <= y2 for x, y in points])
    assert told["alone"] == pytest.approx(1 - min(found.score[~inside].max() / score, 1))
    assert told["sharpness"] == pytest.approx(found.score[inside].sum() / found.score.sum())

    change = max(50 / 60 / (w / h), w / h / (50 / 60))
    root = [math.sqrt((a + (a + b) / 2) * (b + (a + b) / 2)) for a, b in ((w, h), (50, 60))]
    change *= max(root[0] / root[1], root[1] / root[0])
    assert told["steadiness"] == pytest.approx(1 / change, rel=1e-5)

    # 40 pixels are 20 to either side of the middle in a square of 80, so 31.75 of 127
    within = [k for k, x in enumerate(own.points_of(8)) if abs(x) <= 31.75]
    target = template[:, within][..., within].mean((1, 2))
    cells = [(i, j) for i in range(16) for j in range(16)
             if x1 <= j * 16 - 128 <= x2 and y1 <= i * 16 - 128 <= y2]  # fmt: skip
    seen = np.mean([maps[:, i, j] for i, j in cells], 0)
    cosine = target @ seen / np.linalg.norm(target) / np.linalg.norm(seen)
    assert told["likeness"] == pytest.approx(float(cosine), rel=1e-5)


def test_a_box_between_cells_is_the_nearest_cell_s(own):
    maps = np.arange(256, dtype=np.float32).reshape(1, 16, 16)
    assert own.mean_within(maps, (-9.0, 1.0, -7.5, 2.0))[0] == maps[0, 8, 7]


@pytest.mark.parametrize("box", [(-20.0, -3, 35, 18), (-500.0, -500, -400, -400), (1.0, 1, 2, 2)])
def test_cells_in_a_box_cell_by_cell(own, box):
    points = (np.arange(6) - 3) * 16.0
    found = own.points_in(np.array(box), points)
    x1, y1, x2, y2 = box
    inside = [[x1 <= x <= x2 and y1 <= y <= y2 for x in points] for y in points]
    if np.any(inside):
        np.testing.assert_array_equal(found, inside)
    else:
        assert found.sum() == 1
        row, column = np.argwhere(found)[0]
        nearest = [
            min(range(6), key=lambda k: abs(points[k] - m)) for m in ((y1 + y2) / 2, (x1 + x2) / 2)
        ]
        assert [row, column] == nearest


def test_cosines_of_nothing_are_nothing(own):
    assert own.similarity(np.zeros(3), np.ones(3)) == 0
    assert own.similarity(np.array([1.0, 1.0]), np.array([2.0, 0.0])) == pytest.approx(0.5**0.5)

"""The lost-and-found experiment: what it counts, on a made-up log and on a tracker that knows."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrack.datasets.synthetic.journey import Absence, Journey
from spectrack.structures import Box, Prediction
from spectrack.tracking.base import Tracker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def experiment():
    sys.path.insert(0, str(ROOT))
    yield importlib.import_module("experiments.studies.lost_and_found")
    sys.path.remove(str(ROOT))


def test_episodes_and_measures_of_a_log_counted_by_hand(experiment):
    log = experiment.Log(
        # frames 1 to 12; out of view in frames 4 to 8, with a sliver to be seen in frame 4
        areas=np.array([100, 100, 100, 5, 0, 0, 0, 0, 90, 100, 100, 100]),
        found=np.array([1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1], dtype=bool),
        j=np.array([0.9, 0.9, 0.9, 0.3, 0, 1, 0, 1, 0, 0.4, 0.6, 0.8]),
        box=np.full(12, 0.5),
        scores=np.ones(12),
        seconds=13 / 4,
    )
    (one,) = experiment.episodes(log, (Absence("exit", 6, 8, "top", "left"),))
    assert one == experiment.Episode("exit top, back left", 4, 9, 2, 3, 2)
    found = experiment.measures(log)
    assert found["precision"] == pytest.approx(6 / 8)
    assert found["recall"] == pytest.approx(6 / 7)
    assert found["precision_with_slivers"] == pytest.approx(6 / 9)
    assert found["right_place"] == pytest.approx(5 / 6)
    assert found["j_in_view"] == pytest.approx((3 * 0.9 + 0.4 + 0.6 + 0.8) / 7)
    assert found["box_in_view"] == pytest.approx(0.5 * 6 / 7)
    assert found["frames_per_second"] == pytest.approx(4)


class Knows(Tracker):
    """Answers with the truth, late."""

    def __init__(self, journey, late):
        super().__init__()
        self.journey, self.late, self.time = journey, late, 0

    def _init(self, frame_hwc, target):
        return Prediction(target.box, None, 1.0)

    def _update(self, frame_hwc):
        self.time += 1
        mask = self.journey.render(self.time)[1]
        before = self.journey.render(max(self.time - self.late, 0))[1]
        box = Box.from_mask(mask)
        found = box is not None and bool(before.any())
        return Prediction(box if found else None, mask * np.float32(found), 1.0, found=found)


def test_a_tracker_that_knows_scores_as_it_should(experiment):
    plan = (Absence("pad", 75, 85),)
    journey = Journey((96, 72), 0, plan)
    logs = {late: experiment.follow(Knows(journey, late), journey, 150, str) for late in (0, 20)}
    assert experiment.measures(logs[0])["recall"] == 1
    assert experiment.measures(logs[0])["j_in_view"] == 1
    (prompt,), (late,) = (experiment.episodes(log, plan) for log in logs.values())
    assert prompt.regained_after == 0
    out = slice(prompt.gone - 1, prompt.back - 1)
    assert not logs[0].in_view[out].any()
    assert prompt.claimed == np.count_nonzero(logs[0].areas[out]) > 0  # slivers
    assert experiment.measures(logs[0])["precision"] == 1
    assert experiment.measures(logs[0])["precision_with_slivers"] < 1
    assert late.regained_after > 5
    assert logs[20].j[prompt.back - 1] == 0

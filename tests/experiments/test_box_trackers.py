"""The experiment on box trackers: what it counts, by hand, and a run over two short sequences."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Box, Prediction
from spectrack.tracking.base import Tracker
from spectrack.video.reader import ArrayFrames

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def experiment():
    sys.path.insert(0, str(ROOT))
    yield importlib.import_module("experiments.studies.box_trackers")
    sys.path.remove(str(ROOT))


class Stays(Tracker):
    """Answers with the first box, and is lost in the last frame."""

    def _init(self, frame_hwc, target):
        self._box, self._time = target.box, 0
        return Prediction(target.box)

    def _update(self, frame_hwc):
        self._time += 1
        if self._time == 3:
            return Prediction(None, score=0.7, found=False)
        return Prediction(self._box, score=0.9)


class Masks(Tracker):
    """Answers with the left half of the frame, and with all of it in the last one."""

    def _init(self, frame_hwc, target):
        self._time = 0
        return Prediction(target.box)

    def _update(self, frame_hwc):
        self._time += 1
        mask = np.zeros(frame_hwc.shape[:2], bool)
        mask[:, : 30 if self._time == 2 else 15] = True
        return Prediction(Box.from_mask(mask), mask)


def test_masks_are_counted_where_the_truth_has_some(experiment):
    frames, truth = np.zeros((3, 20, 30, 3), np.uint8), np.zeros((20, 30), bool)
    truth[:, :15] = True
    sequence = VideoSequence(
        "one", tuple("012"), lambda: ArrayFrames(frames), read_mask=lambda _: truth
    )
    assert experiment.follow(Masks(), sequence)["j"] == pytest.approx([1, 0.5])
    assert "j" not in experiment.follow(Stays(), sequence)


def test_a_run_counted_by_hand(experiment):
    truth = [Box(0, 0, 10, 10), Box(5, 0, 10, 10), None, Box(0, 0, 10, 10)]
    frames = np.zeros((4, 20, 30, 3), np.uint8)
    sequence = VideoSequence(
        "one", tuple("0123"), lambda: ArrayFrames(frames), read_box=truth.__getitem__
    )
    found = experiment.follow(Stays(), sequence)
    assert found["iou"] == pytest.approx([1 / 3, 0])
    assert found["score"] == [0.9, 0.0]
    assert found["frames"] == 4
    other = {"iou": [0.8], "score": [0.5], "frames": 2, "seconds": 0.5}
    all_runs = experiment.measures({"one": found | {"seconds": 1.5}, "other": other})
    assert all_runs["iou"] == pytest.approx((1 / 6 + 0.8) / 2)
    assert all_runs["right"] == 0.5
    assert all_runs["lost"] == pytest.approx(1 / 3)
    assert all_runs["speed"] == 3


def test_reliability_counted_by_hand(experiment):
    scores = np.array([0.9, 0.1, 0.5, 0.5, 0.7])
    overlaps = np.array([0.8, 0.0, 0.6, 0.4, 0.2])
    found = experiment.reliability(scores, overlaps)
    assert found["bins"] == [(0.1, 0.0), (0.5, 0.6), (0.5, 0.4), (0.7, 0.2), (0.9, 0.8)]
    assert found["gap"] == pytest.approx((0.1 + 0.1 + 0.1 + 0.5 + 0.1) / 5)
    # right 0.9, 0.5 against wrong 0.1, 0.5, 0.7: three wins, then a win, a tie, a loss
    assert found["auc"] == pytest.approx(4.5 / 6)
    assert np.isnan(experiment.reliability(scores, overlaps + 1)["auc"])


def test_a_page_of_two_trackers(experiment, tmp_path, monkeypatch):
    root = tmp_path / "davis2016"
    for place in ("JPEGImages", "Annotations"):
        (root / place / "240p" / "one").mkdir(parents=True)
    (root / "ImageSets" / "240p").mkdir(parents=True)
    (root / "ImageSets" / "240p" / "train.txt").write_text("one\n")
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 255, (60, 90, 3), np.uint8)
    for t in range(4):
        mask = np.zeros((60, 90), np.uint8)
        mask[20:40, 20 + t : 40 + t] = 255
        frame = np.where(mask[..., None] > 0, np.roll(ground, (5, t), (0, 1)), ground)
        cv2.imwrite(str(root / "JPEGImages/240p/one" / f"{t:05}.jpg"), frame)
        cv2.imwrite(str(root / "Annotations/240p/one" / f"{t:05}.png"), mask)
    given = ["--root", root, "--out", tmp_path, "--work", tmp_path / "work", "--quick"]
    monkeypatch.setattr(sys, "argv", ["box_trackers", "--trackers", "kcf,mosse", *map(str, given)])
    experiment.main()
    facts = json.loads((tmp_path / "studies" / "box_trackers.json").read_text())
    assert str(tmp_path) not in (tmp_path / "studies" / "box_trackers.md").read_text()
    assert set(facts["davis-train"]) == {"kcf", "mosse"}

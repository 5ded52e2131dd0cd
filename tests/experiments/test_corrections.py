"""The simulated users of corrections and clicks: what they choose, and that answers are exact."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Box
from spectrack.tracking.keyframes import KeyframedTrack
from spectrack.video.reader import open_video
from still_tracker import StillTracker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def studies():
    sys.path.insert(0, str(ROOT))
    yield lambda name: importlib.import_module(f"experiments.studies.{name}")
    sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def moving():
    """Ten frames in which a square moves away from where it was."""
    masks = np.zeros((10, 32, 48), bool)
    for t, mask in enumerate(masks):
        mask[10:22, 3 + 3 * t : 15 + 3 * t] = True
    return masks


def test_corrections_are_chosen_and_answered(studies, moving, still, tmp_path):
    corrections = studies("corrections")
    frames = open_video(np.zeros((10, 32, 48, 3), np.uint8))
    sequence = VideoSequence(
        "square", tuple(f"{t:05d}" for t in range(10)), lambda: frames, lambda t: moving[t]
    )
    found = {}
    for way, both in corrections.WAYS.items():
        for choice in corrections.CHOICES:
            folder = tmp_path / "square" / f"{way}-{choice}"
            found[way, choice] = rows = corrections.rows_of(
                sequence, choice, both, still, folder, 2
            )
            # One that never doubts names no frame.
            expected = [0, 0, 0] if choice == "review" else [0, 1, 2]
            assert [len(row["corrected"]) for row in rows] == expected
            for row in rows:
                assert all(row["per frame"][t] == 1 for t in row["corrected"])
                assert row["j"] == pytest.approx(100 * np.mean(row["per frame"][1:-1]), abs=0.01)
    begin = found["both ways", "worst"][0]
    assert begin["j"] == found["forward only", "uniform"][0]["j"]
    # The square has left its first place by frame 4: all later ones are as bad, the first is taken.
    assert found["forward only", "worst"][1]["corrected"] == [4]
    assert found["both ways", "uniform"][2]["corrected"] == [3, 7]
    assert found["both ways", "uniform"][2]["j"] > begin["j"] + 20
    again = tmp_path / "square" / "both ways-worst"
    rows = corrections.rows_of(sequence, "worst", True, still, again, 2)
    assert rows == found["both ways", "worst"]


def test_review_names_the_next_frame(studies, moving):
    corrections = studies("corrections")
    frames = open_video(np.zeros((10, 32, 48, 3), np.uint8))

    class Unsure(StillTracker):
        def _update(self, frame_hwc):
            self.count = getattr(self, "count", 0) + 1
            answer = super()._update(frame_hwc)
            return type(answer)(answer.box, answer.mask, 0.2 if self.count in (6, 7, 8) else 1.0)

    track = KeyframedTrack(frames, Unsure, {0: Box.from_mask(moving[0])}, clean=False)
    track.run()
    assert corrections.reviewed(track, np.zeros(10), 1) == [7]


def test_clicks_go_where_the_largest_error_is(studies):
    clicks = studies("clicks")
    truth = np.zeros((40, 60), bool)
    truth[5:16, 5:16] = True
    first = clicks.next_click(truth, np.zeros_like(truth))
    assert (first.x, first.y, first.wanted) == (10.5, 10.5, True)
    mask = truth.copy()
    mask[20:35, 30:45] = True
    mask[5:8, 5:8] = False
    second = clicks.next_click(truth, mask)
    assert (second.x, second.y, second.wanted) == (37.5, 27.5, False)
    assert clicks.next_click(truth, truth) is None

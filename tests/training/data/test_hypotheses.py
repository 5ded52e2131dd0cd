"""What trackers say on annotated videos: where they are started, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Box, Prediction
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import TRACKERS, TrackerEntry
from spectrack.training.data.hypotheses import collect_hypotheses
from spectrack.video.reader import open_video

SIZE, COUNT = (32, 24), 9


@dataclass(frozen=True)
class Settings:
    """Whether it answers with masks."""

    masks: bool = False


class Counter(Tracker):
    """Its box is as wide as the number of frames since it was started, and one more."""

    Settings = Settings

    def _init(self, frame_hwc, target):
        self._box, self._age = target.box, 0
        return self._update(frame_hwc)

    def _update(self, frame_hwc):
        self._age += 1
        box = Box(self._box.x, self._box.y, self._age, 4)
        return Prediction(box, box.fill(self.size_wh) if self.settings.masks else None)


@pytest.fixture
def counters(monkeypatch):
    for name in ("boxes", "masks"):
        entry = TrackerEntry(f"{__name__}:Counter", "", name, {"masks": name == "masks"})
        monkeypatch.setitem(TRACKERS, name, entry)
    return "boxes", "masks"


@pytest.mark.parametrize(
    ("absent", "length", "starts"),
    [
        ((), 4, [0, 0, 0, 0, 4, 4, 4, 4, 8]),
        ((), None, [0] * 9),
        ((4,), 4, [0, 0, 0, 0, 0, 5, 5, 5, 5]),  # the next that has a truth
        ((0, 1), 4, [None, None, 2, 2, 2, 2, 6, 6, 6]),
        ((0, 1, 2), None, [None, None, None, *[3] * 6]),
        (range(COUNT), 4, [None] * 9),
    ],
)
def test_trackers_start_where_there_is_truth(counters, tmp_path, absent, length, starts):
    truths = [None if t in absent else Box(2 + t, 5, 9, 7) for t in range(COUNT)]
    video = VideoSequence(
        name="v",
        stems=tuple(f"{t:05d}" for t in range(COUNT)),
        open_frames=lambda: open_video(np.zeros((COUNT, *SIZE[::-1], 3), np.uint8)),
        read_box=lambda t: truths[t],
    )
    for _ in range(2):  # run, and read again
        (found,) = collect_hypotheses({"v": video}, counters, tmp_path, length=length)
        assert found.starts_t.tolist() == [start or 0 for start in starts]
        for t, start in enumerate(starts):
            said = None if start is None else Box(2 + start, 5, 1 + t - start, 4)
            assert [found.box(t, k) for k in range(2)] == [said, said]
            assert found.mask(t, 0) is None
            mask = found.mask(t, 1)
            assert (mask is None) == (said is None)
            if mask is not None:
                np.testing.assert_array_equal(mask == 255, said.fill(SIZE))

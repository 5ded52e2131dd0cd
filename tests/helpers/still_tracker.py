"""A tracker that answers with the target it was given: quick, for tests of what is around it."""

from __future__ import annotations

from spectrack.structures import Prediction
from spectrack.tracking.base import Tracker


class StillTracker(Tracker):
    def _init(self, frame_hwc, target):
        mask = target.box.fill(self.size_wh) if target.mask is None else target.mask
        self._answer = Prediction(target.box, mask)
        return self._answer

    def _update(self, frame_hwc):
        return self._answer

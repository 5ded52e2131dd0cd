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


class UnevenTracker(StillTracker):
    """Has a score of its own for each object: where they overlap the rightmost is the surest.

    Attributes:
        started: The targets so far, by the left edges of their boxes.
        fails_at: The one at which a run is stopped.
    """

    started: tuple[float, ...] = ()
    fails_at: float | None = None

    def _init(self, frame_hwc, target):
        if target.box.x == self.fails_at:
            raise KeyboardInterrupt
        type(self).started += (target.box.x,)
        told = super()._init(frame_hwc, target)
        self._answer = Prediction(told.box, told.mask, 0.1 + target.box.x / 70)
        return self._answer

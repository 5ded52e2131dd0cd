"""A tracker that answers with the target it was given: quick, for tests of what is around it."""

from __future__ import annotations

from dataclasses import dataclass

from spectrack.structures import Prediction


@dataclass(frozen=True)
class Settings:
    """Nothing to set."""


class StillTracker:
    Settings = Settings

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def init(self, frame_hwc, target):
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        mask = target.box.fill(size_wh) if target.mask is None else target.mask
        self._answer = Prediction(target.box, mask)
        return self._answer

    def update(self, frame_hwc):
        return self._answer

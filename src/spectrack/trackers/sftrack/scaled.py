"""SFTrack++ on frames of a bounded size; masks are enlarged to that of the video.

The papers see frames of 480 pixels; ``sftrack-fast`` does, too. Of frames of 4K the tracker sees
half the sides: what it takes then does not grow with the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.tracking.base import Tracker
from spectrack.tracking.colour import covering_box


class ScaledSFTracker(Tracker):
    """The same tracker; every part of it sees frames of at most ``largest`` pixels a side.

    Args:
        settings: See :class:`~spectrack.trackers.sftrack.settings.SFTrackSettings`.

    Raises:
        InputError: As for :class:`~spectrack.trackers.sftrack.tracker.SFTracker`.
    """

    Settings = SFTrackSettings
    reads_boxes = True
    explains = True
    keeps_first = True

    def __init__(self, settings: SFTrackSettings | None = None) -> None:
        super().__init__(settings)
        self._tracker = SFTracker(self.settings)
        self.counts_frames = self._tracker.counts_frames
        self.side_by_side = self._tracker.side_by_side
        self.box_of_mask = self._tracker.box_of_mask

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        return self._started(self._tracker.init, frame_hwc, target)

    def _restart(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        return self._started(self._tracker.restart, frame_hwc, target)

    def _started(
        self,
        verb: Callable[[FrameHWC, Target], Prediction],
        frame_hwc: FrameHWC,
        target: Target,
    ) -> Prediction:
        self._scale = min(1.0, self.settings.largest / max(self.size_wh))
        self._tracker.video_wh = self.size_wh
        given = target.mask if target.mask is not None and target.mask.any() else None
        mask = None
        if given is not None:
            whole = self._small(given.astype(np.uint8) * np.uint8(255))
            mask = whole >= 128 if (whole >= 128).any() else None
        first = verb(self._small(frame_hwc), Target(_times(target.box, self._scale), mask))
        self._explain()
        found = self._large(first)
        return Prediction(target.box, found.mask if given is None else given, found.score)

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        answer = self._tracker.update(self._small(frame_hwc))
        self._explain()
        return self._large(answer)

    def _explain(self) -> None:
        """What the tracker saw is in pixels of its frames; enlarging it is for who looks at it."""
        found = self._tracker.explanation
        assert found is not None
        self.explanation = replace(found, size_wh=self._tracker.size_wh)

    def _small(self, image: FrameHWC) -> FrameHWC:
        if self._scale == 1:
            return image
        size = tuple(max(1, round(n * self._scale)) for n in image.shape[1::-1])
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _large(self, answer: Prediction) -> Prediction:
        if self._scale == 1 or answer.mask is None:
            return answer
        mask: SoftHW = np.asarray(
            cv2.resize(answer.mask.astype(np.float32), self.size_wh), np.float32
        )
        box = None if answer.box is None else _times(answer.box, 1 / self._scale)
        if box is not None:  # an enlarged boundary may lie up to a small pixel further out
            box = covering_box(box, mask >= 0.5)
        return Prediction(box, mask, answer.score, answer.found)


def _times(box: Box, factor: float) -> Box:
    return Box(box.x * factor, box.y * factor, box.w * factor, box.h * factor)

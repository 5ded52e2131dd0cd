"""SFTrack++ on smaller frames, longer side 480 pixels as in the papers; masks are enlarged."""

from __future__ import annotations

import cv2
import numpy as np

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.tracking.base import check_frame
from spectrack.tracking.colour import covering_box


class FastSFTracker:
    """The same tracker; every part of it sees frames of at most ``longest`` pixels a side.

    Args:
        settings: See :class:`~spectrack.trackers.sftrack.settings.SFTrackSettings`.

    Raises:
        InputError: As for :class:`~spectrack.trackers.sftrack.tracker.SFTracker`.
    """

    Settings = SFTrackSettings
    reads_boxes = True

    def __init__(self, settings: SFTrackSettings | None = None) -> None:
        self._tracker = SFTracker(settings)
        self.settings = self._tracker.settings
        self.box_of_mask = self._tracker.box_of_mask
        self._size: tuple[int, int] | None = None

    def init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start on a frame; see :meth:`spectrack.tracking.base.Tracker.init`."""
        size = check_frame(frame_hwc)
        target.check(size)
        self._size, self._scale = size, min(1.0, self.settings.longest / max(size))
        mask = None
        if target.mask is not None:
            whole = self._small(target.mask.astype(np.uint8) * np.uint8(255))
            mask = whole >= 128 if (whole >= 128).any() else None
        first = self._tracker.init(
            self._small(frame_hwc), Target(_times(target.box, self._scale), mask)
        )
        found = self._large(first)
        return Prediction(target.box, target.mask if target.mask is not None else found.mask, 1.0)

    def update(self, frame_hwc: FrameHWC) -> Prediction:
        """Answer for the next frame; see :meth:`spectrack.tracking.base.Tracker.update`."""
        if self._size is None:
            raise InputError("the tracker was asked for a frame before init; call init first")
        check_frame(frame_hwc, self._size)
        return self._large(self._tracker.update(self._small(frame_hwc)))

    def _small(self, image: FrameHWC) -> FrameHWC:
        if self._scale == 1:
            return image
        size = tuple(max(1, round(n * self._scale)) for n in image.shape[1::-1])
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _large(self, says: Prediction) -> Prediction:
        assert self._size is not None
        if self._scale == 1 or says.mask is None:
            return says
        mask: SoftHW = np.asarray(cv2.resize(says.mask.astype(np.float32), self._size), np.float32)
        box = None if says.box is None else _times(says.box, 1 / self._scale)
        if box is not None:  # an enlarged boundary may lie up to a small pixel further out
            box = covering_box(box, mask >= 0.5)
        return Prediction(box, mask, says.score, says.found)


def _times(box: Box, factor: float) -> Box:
    return Box(box.x * factor, box.y * factor, box.w * factor, box.h * factor)

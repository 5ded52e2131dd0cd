"""The tracker ``nanomask``: a box tracker's boxes, and the mask of the target in each.

Of every frame the box tracker says where the target is; the network of masks in boxes, which
remembers the target, makes its mask there, and both decide the box that is reported. Where there is
no mask in the box the target is reported as not found.
"""

from __future__ import annotations

import numpy as np

from spectrack.structures import Box, FrameHWC, Prediction, Target
from spectrack.trackers.nanomask.settings import NanoMaskSettings
from spectrack.tracking.base import Tracker
from spectrack.tracking.given_box import GivenBox
from spectrack.tracking.looks import MIRRORED, ONE_VIEW, Hint
from spectrack.tracking.mask_in_box import BoxSegmenter, shared_mask_in_box
from spectrack.tracking.runtime_settings import with_runtime
from spectrack.tracking.sharpness import sharpness
from spectrack.tracking.table import make_tracker, named
from spectrack.tracking.target_memory import TargetMemory

VANISHED = 0.02
"""Share of the box below which a mask is none."""


class NanoMaskTracker(Tracker):
    """Masks in the boxes of another tracker; see the module's text.

    Args:
        settings: See :class:`~spectrack.trackers.nanomask.settings.NanoMaskSettings`.

    Raises:
        InputError: If the box tracker is unknown, or the weights cannot be read.
    """

    Settings = NanoMaskSettings
    reads_boxes = True
    keeps_first = True

    def __init__(self, settings: NanoMaskSettings | None = None) -> None:
        super().__init__(settings)
        s: NanoMaskSettings = self.settings
        name, own = named(s.boxes)
        self._boxes = make_tracker(name, **with_runtime(name, own, s.runtime))
        self.counts_frames = self._boxes.counts_frames
        self.side_by_side = self._boxes.side_by_side
        memory = TargetMemory(s.memory, s.every)
        self._drawn = GivenBox()
        network = shared_mask_in_box(s.weights, s.runtime)
        self._segment = BoxSegmenter(network, memory, s.rate, MIRRORED if s.mirror else ONE_VIEW)

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        given = target.mask if target.mask is not None and target.mask.any() else None
        if given is None:
            soft = self._segment.first(frame_hwc, target.box)
            score = sharpness(soft)
        else:
            soft, score = given.astype(np.float32), 1.0
        tight = Box.from_mask(soft >= 0.5) or target.box
        self._drawn = GivenBox.of(target.box, soft)
        self._segment.start(frame_hwc, soft, tight)
        self._boxes.init(frame_hwc, Target(target.box if given is None else tight))
        return Prediction(target.box if given is None else tight, soft, score)

    def _restart(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Go on as if this had been the answer for the frame before; all else stays as it was."""
        given = target.mask if target.mask is not None and target.mask.any() else None
        soft = self._segment.first(frame_hwc, target.box) if given is None else given
        soft = soft.astype(np.float32)
        if self._boxes.carries_masks:
            self._boxes.correct(frame_hwc, soft)
        else:
            self._boxes.init(frame_hwc, Target(target.box))
        self._segment.recall(frame_hwc, soft)
        return Prediction(target.box, soft, sharpness(soft))

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        s: NanoMaskSettings = self.settings
        answer = self._boxes.update(frame_hwc)
        box = answer.box if answer.found else None
        if box is not None and box.clip(self.size_wh) is not None and box.area > 0:
            (found,) = self._segment.segment(frame_hwc, [Hint(box)])
            soft = self._drawn.cut(found.in_frame(self.size_wh), [box])
            hard = soft >= 0.5
            tight = Box.from_mask(hard)
            if tight is not None and np.count_nonzero(hard) >= VANISHED * box.area:
                score = sharpness(soft)
                if score >= s.sure:
                    self._segment.remember(soft)
                if s.steady and self._boxes.carries_masks:
                    self._boxes.correct(frame_hwc, soft)
                return Prediction(self._drawn(soft, [box]) or tight, soft, score)
        empty = np.zeros(self.size_wh[::-1], dtype=np.float32)
        return Prediction(None, empty, 0.0, found=False)

"""The tracker ``carried``: the last mask moved along by dense flow.

It knows nothing of colours or objects, so alone it drifts within some dozen frames; behind a
tracker that corrects it after every frame it says where each part of the target went, and brings
the optical flow that others need, too.
"""

from __future__ import annotations

import numpy as np

from spectrack.flow.estimators import FlowPair, warp
from spectrack.flow.local import CONTEXT, around, flow_pair, quick_flow
from spectrack.structures import FrameHWC, Prediction, SoftHW, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.colour import mask_from_box, robust_box

MARGIN = 24
"""Pixels around the mask within which flow is trusted to be found, besides its context."""

GROWS = 0.25
"""The same in sides of the target, for large motion."""


class CarriedTracker(Tracker):
    """Carries a mask; see the module's text."""

    carries_masks = True

    def __init__(self, settings: object = None) -> None:
        super().__init__(settings)
        self._flow = quick_flow()
        self._soft: SoftHW = np.zeros((1, 1), dtype=np.float32)

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        given = target.mask if target.mask is not None and target.mask.any() else None
        hard = mask_from_box(frame_hwc, target.box) if given is None else given
        self._pair: FlowPair | None = None
        self._keep(frame_hwc, hard.astype(np.float32))
        box = robust_box(hard) or target.box
        return Prediction(target.box if given is None else box, self._soft, 1.0)

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        box = robust_box(self._soft >= 0.5)
        if box is None:
            self._pair = None
            self._frame = frame_hwc.copy()
            return Prediction(None, self._soft, 0.0, found=False)
        margin = CONTEXT + MARGIN + round(GROWS * max(box.w, box.h))
        area = around([self._soft], margin)
        self._pair = flow_pair(self._flow, self._frame, frame_hwc, area)
        soft = np.zeros_like(self._soft)
        soft[area] = warp(
            np.ascontiguousarray(self._soft[area]),
            np.ascontiguousarray(self._pair.backward_hw2[area]),
        )
        self._keep(frame_hwc, soft)
        moved = robust_box(soft >= 0.5)
        return Prediction(moved, soft, 1.0 if moved else 0.0, found=moved is not None)

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        if (soft_hw >= 0.5).any():
            self._keep(frame_hwc, soft_hw)

    def flow_pair(self) -> FlowPair | None:
        """Flow about the target, 0 elsewhere; see :meth:`Tracker.flow_pair`."""
        return self._pair

    def _keep(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        self._frame, self._soft = frame_hwc.copy(), soft_hw

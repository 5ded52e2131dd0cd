"""Frames between two looks of the networks: the mask is carried by optical flow.

A look at every frame is what costs time; over a frame or two flow knows just as well where the
mask has gone. Where flow and its way back disagree, or the mask changes its size, the networks
look earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.flow.estimators import consistency_hw, warp
from spectrack.flow.local import quick_flow
from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.threads import side_by_side
from spectrack.trackers.sftrack.inputs import Input
from spectrack.trackers.sftrack.state import TargetState
from spectrack.tracking.explanation import Hypothesis
from spectrack.tracking.view import View

GROW, MARGIN, PIXELS = 1.6, 32.0, 60_000
"""The window about the target: its size in boxes, its room in pixels, and what it is shrunk to."""

SIGMA = 1.5
"""Tolerance of the forward-backward check, pixels of the window."""

AGREED = 0.7
"""Mean trust in the flow inside the mask, 0 to 1, below which it is not followed."""

RESIZED = 1.15
"""Change of the mask's area in one frame, either way, above which it is not."""

Hypotheses = Sequence[Hypothesis | None]


class Between:
    """Carries the mask of one target from one look to the next.

    Args:
        every: The networks look at one of so many frames.
        inputs: The input trackers.
    """

    def __init__(self, every: int, inputs: Sequence[Input]) -> None:
        self._every, self._inputs = every, inputs
        self._flows = quick_flow(), quick_flow()
        self._boxes: list[Box | None] = []
        self._shift: list[float] | None = None
        self._since = 0

    def looked(self, hypotheses: Hypotheses) -> None:
        """The networks have looked, and the inputs answered this."""
        self._boxes = [None if h is None else h.box for h in hypotheses]
        self._since = 0

    def wanted(self, state: TargetState) -> bool:
        """Whether the next frame may do without a look; a target that is new or lost may not."""
        return self._since < self._every - 1 and not state.lost and not state.youth

    def asked(self) -> list[int]:
        """Places of inputs that see every frame: those with masks, and those that cannot be led."""
        return [
            place
            for place, one in enumerate(self._inputs)
            if one.gives_masks or one.counts_frames or not one.carries_masks
        ]

    def carry(
        self, frame_hwc: FrameHWC, state: TargetState, answers: dict[int, Hypothesis | None]
    ) -> SoftHW | None:
        """The mask in this frame, or None where the networks had better look.

        Args:
            frame_hwc: uint8 RGB.
            state: As of the frame before.
            answers: Of the inputs that were asked; a mask among them is taken as it is.
        """
        self._shift = None
        masks = [h.soft_hw for h in answers.values() if h is not None and h.soft_hw is not None]
        if masks:
            soft: SoftHW | None = (np.arange(256) / 255).astype(np.float32)[masks[0]]
        elif any(self._inputs[place].gives_masks for place in answers):
            soft = None  # it sees nothing
        else:
            soft = self._by_flow(frame_hwc, state)
        if soft is None:
            return None
        before, after = (np.count_nonzero(m >= 0.5) for m in (state.soft_hw, soft))
        kept = before < RESIZED * after and after < RESIZED * before
        return soft if kept else None

    def _by_flow(self, frame_hwc: FrameHWC, state: TargetState) -> SoftHW | None:
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        box = Box.from_mask(state.soft_hw >= 0.5) or state.box
        view = View.around(box, size_wh, GROW, MARGIN, PIXELS)
        before, now = view.cut(state.frame_hwc), view.cut(frame_hwc)
        there, again = self._flows
        forth, back = side_by_side([partial(there, before, now), partial(again, now, before)])
        soft = warp(view.cut(state.soft_hw), back)
        inside = soft >= 0.5
        if not inside.any() or consistency_hw(back, forth, SIGMA)[inside].mean() < AGREED:
            return None
        self._shift = (-np.median(back[inside], axis=0) / view.scale).tolist()
        return view.paste(soft, size_wh)

    def lead(
        self,
        frame_hwc: FrameHWC,
        before_hw: SoftHW,
        soft_hw: SoftHW,
        answers: dict[int, Hypothesis | None],
    ) -> list[Hypothesis | None]:
        """Move box trackers that were not asked along with the mask.

        Args:
            frame_hwc: uint8 RGB.
            before_hw: The mask of the frame before.
            soft_hw: That of this frame.
            answers: Of the inputs that were asked.

        Returns:
            One an input: its answer, or its box of the frame before, moved.
        """
        # the outline moves less than the target where flow is smooth across it
        dx, dy = self._shift or _centre(soft_hw) - _centre(before_hw)
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        found: list[Hypothesis | None] = []
        for place, one in enumerate(self._inputs):
            last = self._boxes[place]
            if place in answers:
                found.append(answers[place])
            elif last is None:
                found.append(None)
            else:
                box = Box(last.x + dx, last.y + dy, last.w, last.h)
                one.correct(frame_hwc, box.fill(size_wh).astype(np.float32))
                found.append(Hypothesis(box))
        self._boxes = [None if h is None else h.box for h in found]
        self._since += 1
        return found


def _centre(soft_hw: SoftHW) -> NDArray[np.float64]:
    moments = cv2.moments(soft_hw)
    return np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1e-6)

"""The tracker ``flow``: exact masks without weights.

Each frame, in a window about the target: the last soft mask is carried along by dense flow; where
the flow disagrees with its way back, and everywhere to some degree, colour models of target and
background speak, and so does the motion itself (target and background seldom move alike); a guided
filter lays the result along the edges of the picture. When too little speaks for the target it is
reported as not found, nothing is learned, and its shape and colours are searched for in a widening
part of the frame, while flow from the last good frame is tried, too, so that single bad frames do
no harm. Memory is bounded: one past frame, one mask, four histograms, two templates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from spectrack.flow.estimators import DISFlow, FlowHW2, FlowPair, consistency_hw, warp
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW, Target
from spectrack.threads import side_by_side
from spectrack.trackers.flow.motion import motion_logit_hw
from spectrack.trackers.flow.segment import Carried, Segmented, rivals_hw, segment
from spectrack.trackers.flow.settings import FlowTrackerSettings
from spectrack.tracking.appearance import ColourModel, colour_index, contrast_of
from spectrack.tracking.base import Tracker
from spectrack.tracking.colour import mask_from_box, robust_box
from spectrack.tracking.search import Finder
from spectrack.tracking.view import View


@dataclass(slots=True, eq=False)
class _State:
    """What is known after the last frame in which the target was seen."""

    frame: FrameHWC
    soft: SoftHW
    ghost: SoftHW
    rival: SoftHW
    box: Box
    velocity: tuple[float, float]
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class _Between:
    """A window in the last good frame and in this one, and the flows between them."""

    view: View
    now_hwc: FrameHWC
    forth: FlowHW2
    back: FlowHW2


class FlowTracker(Tracker):
    """Follows a target by flow, colour and motion; see the module's text.

    Args:
        settings: See :class:`FlowTrackerSettings`.
    """

    Settings = FlowTrackerSettings
    carries_masks = True
    side_by_side = True

    def __init__(self, settings: FlowTrackerSettings | None = None) -> None:
        super().__init__(settings)
        # one a direction: an estimator has buffers, so it can do one thing at a time
        self._flows = DISFlow(self.settings.preset), DISFlow(self.settings.preset)
        self._ahead: tuple[FrameHWC, _Between] | None = None
        self._lost = 0

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        mask = self._first_mask(frame_hwc, target)
        given = target.mask is not None
        box = self._start(frame_hwc, mask.astype(np.float32), target.box, given)
        return Prediction(box if given else target.box, self._state.soft, 1.0)

    def _start(self, frame_hwc: FrameHWC, soft: SoftHW, fallback: Box, given: bool) -> Box:
        """Everything as in the first frame; a mask that was not given is a guess."""
        size = (frame_hwc.shape[1], frame_hwc.shape[0])
        mask = soft >= 0.5
        box = robust_box(mask) or fallback
        self._lost, self._fresh = 0, not given
        self._between: _Between | None = None
        self._ahead = None
        view = View.around(
            box, size, self.settings.grow, self.settings.margin, self.settings.pixels
        )
        index = colour_index(view.cut(frame_hwc))
        local = view.cut(soft)
        share = self.settings.first_share if given else self.settings.first_share_box
        self._youth = 0.0 if given or not self.settings.early else 1.0
        self._colours = ColourModel(index, local, share)
        colour = self._colours.probability_hw(index)
        self._usual = contrast_of(colour, local)
        rival = view.paste(rivals_hw(colour, local, local), size)
        still = (0.0, 0.0)
        self._state = _State(frame_hwc.copy(), soft, soft, rival, box, still, float(mask.sum()))
        self._finder = Finder(frame_hwc, soft, box, self._colours)
        return box

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        self._fresh = False
        self._between, ahead = None, self._ahead
        self._ahead = None  # it holds the frame
        seen: tuple[View, Segmented] | None = None
        if self._lost <= self.settings.patience:
            there = ahead is not None and ahead[0] is frame_hwc
            between = ahead[1] if ahead is not None and there else self._flow_to(frame_hwc)
            seen = self._carry(between)
            if not self._believes(*seen):
                seen = None
        if seen is None and self._lost:
            seen = self._regain(frame_hwc)
        if seen is None:
            self._lost += 1
            empty = np.zeros(self.size_wh[::-1], dtype=np.float32)
            return Prediction(None, empty, 0.0, found=False)
        return self._accept(frame_hwc, *seen)

    def flow_pair(self) -> FlowPair | None:
        """Flow in the window about the target, 0 outside it; see :meth:`Tracker.flow_pair`.

        None, too, where the frame before was not the last one that showed the target.
        """
        if self._between is None:
            return None
        seen = self._between
        return FlowPair(
            *(seen.view.paste_flow(flow, self.size_wh) for flow in (seen.forth, seen.back))
        )

    def prepare(self, frame_hwc: FrameHWC) -> None:
        """Find both flows, each on a processor; see :meth:`Tracker.prepare`."""
        super().prepare(frame_hwc)
        if self._lost <= self.settings.patience:
            self._ahead = frame_hwc, self._flow_to(frame_hwc)

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """In the first frame, where a box was given, it is another guess at what the box holds."""
        hard = soft_hw >= 0.5
        box = robust_box(hard)
        if box is None:
            return
        state = self._state
        if self._fresh:
            self._start(frame_hwc, soft_hw, box, given=False)
        elif self._lost:  # what was known of its surroundings is of another place
            none = np.zeros_like(soft_hw)
            area = state.area
            self._state = _State(frame_hwc.copy(), soft_hw, soft_hw, none, box, (0.0, 0.0), area)
            self._lost = 0
        else:
            state.soft, state.box = soft_hw, box
            state.ghost = np.maximum(soft_hw, self.settings.ghost_fade * state.ghost)
            state.rival = state.rival * (1 - soft_hw)

    def _first_mask(self, frame: FrameHWC, target: Target) -> HardHW:
        if target.mask is not None and target.mask.any():
            return target.mask
        return mask_from_box(frame, target.box)

    def _view(self, box: Box) -> View:
        s = self.settings
        speed = max(abs(v) for v in self._state.velocity)
        return View.around(box, self.size_wh, s.grow, s.margin + speed, s.pixels)

    def _flow_to(self, frame: FrameHWC) -> _Between:
        """Both flows between the last good frame and this one, about the target."""
        view = self._view(self._state.box)
        before, now = view.cut(self._state.frame), view.cut(frame)
        there, again = self._flows
        forth, back = side_by_side([partial(there, before, now), partial(again, now, before)])
        return _Between(view, now, forth, back)

    def _carry(self, between: _Between) -> tuple[View, Segmented]:
        """Segment the window by flow from the last good frame."""
        state, view, back, forth = self._state, between.view, between.back, between.forth
        if not self._lost:
            self._between = between
        agree = consistency_hw(back, forth, self.settings.flow_sigma)
        prior = warp(view.cut(state.soft), back)
        motion, (dx, dy) = motion_logit_hw(back, prior, agree)
        ghost = warp(view.cut(state.ghost), np.full_like(back, (dx, dy)))
        rival = warp(view.cut(state.rival), back)
        return view, self._segment(between.now_hwc, Carried(prior, ghost, rival, agree, motion))

    def _segment(self, now_hwc: FrameHWC, carried: Carried) -> Segmented:
        return segment(now_hwc, carried, self._colours, self.settings, self._youth)

    def _believes(self, view: View, found: Segmented) -> bool:
        s = self.settings
        area = np.count_nonzero(found.soft > 0.5) / view.scale**2
        last = max(float(np.count_nonzero(self._state.soft > 0.5)), 16.0)
        # The slack lets targets be followed whose colours never told them from the background.
        distinct = found.contrast >= s.distinct * self._usual - 0.02
        small, large = max(s.vanish * self._state.area, 1.0), s.burst * last
        return distinct and bool(small <= area <= large)

    def _accept(self, frame: FrameHWC, view: View, found: Segmented) -> Prediction:
        s, state = self.settings, self._state
        soft = view.paste(found.soft, self.size_wh)
        hard = soft >= 0.5
        box = robust_box(hard) or state.box
        old, new = state.box.center, box.center
        jumped = self._lost > 0
        vx, vy = (
            0.0 if jumped else 0.5 * v + 0.5 * (b - a)
            for v, a, b in zip(state.velocity, old, new, strict=True)
        )
        area = 0.9 * state.area + 0.1 * float(hard.sum())
        # The old planes go before new ones come: at 4K they are a sixth of all memory.
        state.soft = state.ghost = state.rival = soft
        state.frame = kept_hwc = frame.copy()
        ghost, rival = (view.paste(a, self.size_wh) for a in (found.ghost, found.rival))
        self._state = _State(kept_hwc, soft, ghost, rival, box, (vx, vy), area)
        self._lost = 0
        self._colours.learn(found.index, found.soft, max(s.rate, s.early_rate * self._youth))
        if self._youth:
            self._youth = max(0.0, self._youth - 1 / s.early)
        sure = min(1.0, max(found.contrast, 0.05) / max(self._usual, 0.05))
        if sure > 0.7 and found.agreement > 0.5:
            self._finder.remember(frame, soft, box)
        return Prediction(box, soft, sure * (0.5 + 0.5 * found.agreement))

    def _regain(self, frame: FrameHWC) -> tuple[View, Segmented] | None:
        """Search for the target in a part of the frame that widens while it is lost."""
        place = self._finder.find(
            frame, self._colours, self._state.box, self._lost, self.settings.regain
        )
        if place is None:
            return None
        box, shape = place
        view = self._view(box)
        prior = view.cut(shape)
        none = np.zeros_like(prior)
        found = self._segment(
            view.cut(frame), Carried(prior, prior, none, np.full_like(prior, 0.5), none)
        )
        return (view, found) if self._believes(view, found) else None


__all__ = ["FlowTracker", "FlowTrackerSettings"]

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

import cv2
import numpy as np

from spectrack.errors import InputError
from spectrack.flow import DISFlow, Preset, consistency_hw, warp
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW, Target
from spectrack.trackers.appearance import ColourGuide, ColourModel, Index, colour_index
from spectrack.trackers.base import check_frame
from spectrack.trackers.colour import mask_from_box, robust_box
from spectrack.trackers.motion import motion_logit_hw
from spectrack.trackers.search import Template
from spectrack.trackers.view import View


@dataclass(frozen=True, slots=True)
class FlowTrackerSettings:
    """How the tracker ``flow`` weighs what it sees.

    Args:
        preset: Preset of DIS flow.
        pixels: The window about the target is worked on at no more pixels than this.
        grow: Size of that window, in sizes of the target's box.
        margin: Its room on each side, at least, pixels.
        flow_sigma: Tolerance of the forward-backward check, pixels of the window.
        colour_weight: Weight of the colour models against the mask carried by flow.
        motion_weight: Weight of the motion cue.
        motion_limit: The motion cue speaks no louder than this (log odds).
        doubt: Probability each cue leaves to its being wrong.
        first_share: Weight of the first frame's colours when a mask was given.
        first_share_box: The same when only a box was given.
        rate: Share of every new frame in the recent colours.
        reach: How far the mask may grow in one frame, over the square root of its area.
        carry_weight: Weight of the mask carried by flow.
        early: After a box was given, the first mask is doubted for this many frames, less and less:
        early_boost: the motion cue weighs this many times more, in addition,
        early_reach: the mask may grow this far,
        early_rate: and every new frame has this share in the recent colours.
        ghost_weight: How readily hidden parts of the target are taken back where they should be.
        ghost_fade: What is left of the memory of hidden parts after one frame.
        radius: Radius of the guided filter, pixels of the window (less for small targets).
        epsilon: Regularisation of the guided filter.
        contrast: Stretch of the filtered mask about one half.
        vanish: The target is lost when its area falls below this share of its usual area,
        burst: or jumps above this many times its last area,
        distinct: or its colours stand out less than this share of how they first did.
        regain: It is found again when a place scores this share of how the target itself scored.
        patience: Frames for which flow from the last good frame is tried while lost.
    """

    preset: Preset = "medium"
    pixels: int = 80_000
    grow: float = 2.2
    margin: float = 40.0
    flow_sigma: float = 1.5
    colour_weight: float = 1.0
    motion_weight: float = 0.7
    motion_limit: float = 2.0
    doubt: float = 0.1
    first_share: float = 0.5
    first_share_box: float = 0.25
    rate: float = 0.1
    reach: float = 0.03
    carry_weight: float = 1.0
    early: int = 8
    early_reach: float = 0.08
    early_boost: float = 1.5
    early_rate: float = 0.4
    ghost_weight: float = 0.4
    ghost_fade: float = 0.97
    radius: int = 10
    epsilon: float = 1e-3
    contrast: float = 1.2
    vanish: float = 0.12
    burst: float = 3.0
    distinct: float = 0.3
    regain: float = 0.6
    patience: int = 10


@dataclass(slots=True, eq=False)
class _State:
    """What is known after the last frame in which the target was seen."""

    frame: FrameHWC
    soft: SoftHW
    ghost: SoftHW
    box: Box
    velocity: tuple[float, float]
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One segmented window."""

    view: View
    soft: SoftHW
    ghost: SoftHW
    index: Index
    contrast: float
    agreement: float


class FlowTracker:
    """Follows a target by flow, colour and motion; see the module's text.

    Args:
        settings: See :class:`FlowTrackerSettings`.
    """

    Settings = FlowTrackerSettings

    def __init__(self, settings: FlowTrackerSettings | None = None) -> None:
        self.settings = settings or FlowTrackerSettings()
        self._flow = DISFlow(self.settings.preset)
        self._size: tuple[int, int] | None = None
        self._lost = 0

    def init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start on a frame; see :meth:`spectrack.trackers.base.Tracker.init`."""
        size = check_frame(frame_hwc)
        target.check(size)
        mask = self._first_mask(frame_hwc, target)
        box = robust_box(mask) or target.box
        self._size, self._lost = size, 0
        soft = mask.astype(np.float32)
        self._state = _State(frame_hwc.copy(), soft, soft, box, (0.0, 0.0), float(mask.sum()))
        view = self._view(box)
        index = colour_index(view.cut(frame_hwc))
        local = view.cut(soft)
        given = target.mask is not None
        share = self.settings.first_share if given else self.settings.first_share_box
        self._youth = 0.0 if given else 1.0
        self._colours = ColourModel(index, local, share)
        self._usual = _contrast(self._colours.probability_hw(index), local)
        self._first = self._last = Template.take(frame_hwc, soft, box)
        self._own_score = self._score_self(frame_hwc)
        return Prediction(box if given else target.box, soft, 1.0)

    def update(self, frame_hwc: FrameHWC) -> Prediction:
        """Answer for the next frame; see :meth:`spectrack.trackers.base.Tracker.update`."""
        if self._size is None:
            raise InputError("the tracker was asked for a frame before init; call init first")
        check_frame(frame_hwc, self._size)
        look: _Look | None = None
        if self._lost <= self.settings.patience:
            look = self._carry(frame_hwc)
            if not self._believes(look):
                look = None
        if look is None and self._lost:
            look = self._regain(frame_hwc)
        if look is None:
            self._lost += 1
            empty = np.zeros(self._size[::-1], dtype=np.float32)
            return Prediction(None, empty, 0.0, found=False)
        return self._accept(frame_hwc, look)

    def _first_mask(self, frame: FrameHWC, target: Target) -> HardHW:
        if target.mask is not None and target.mask.any():
            return target.mask
        return mask_from_box(frame, target.box)

    def _view(self, box: Box) -> View:
        s = self.settings
        assert self._size is not None
        speed = max(abs(v) for v in self._state.velocity)
        return View.around(box, self._size, s.grow, s.margin + speed, s.pixels)

    def _carry(self, frame: FrameHWC) -> _Look:
        """Segment the window by flow from the last good frame."""
        state = self._state
        view = self._view(state.box)
        before, now = view.cut(state.frame), view.cut(frame)
        back = self._flow(now, before)
        agree = consistency_hw(back, self._flow(before, now), self.settings.flow_sigma)
        prior = warp(view.cut(state.soft), back)
        motion, (dx, dy) = motion_logit_hw(back, prior, agree)
        # Where the target was a while ago, moved as one piece: parts that an obstacle hid may
        # come back there although no flow leads to them.
        ghost = warp(view.cut(state.ghost), np.full_like(back, (dx, dy)))
        limit = self.settings.motion_limit
        # A first mask found in a box is a guess that the first motions can still correct.
        boost = 1 + self.settings.early_boost * self._youth
        extra = boost * self.settings.motion_weight * np.clip(motion, -limit, limit) * agree
        return self._segment(view, now, prior, ghost, agree, extra)

    def _segment(
        self,
        view: View,
        now: FrameHWC,
        prior: SoftHW,
        ghost: SoftHW,
        agree: SoftHW,
        extra: SoftHW | float,
    ) -> _Look:
        s = self.settings
        index = colour_index(now)
        colour = self._colours.probability_hw(index)
        carried = np.maximum(prior, np.minimum(s.ghost_weight * ghost, 0.5))
        odds = s.carry_weight * self._logit(carried) * (0.3 + 0.7 * agree)
        odds += s.colour_weight * self._logit(colour) + extra
        # Far from where the mask may have gone, nothing else can make a target.
        share = s.reach + (s.early_reach - s.reach) * self._youth
        reach = max(1.5, share * float(np.sqrt(prior.sum() + 1)))
        nearby = np.maximum(cv2.GaussianBlur(prior, (0, 0), reach), s.ghost_weight * ghost)
        odds += np.log(np.clip(2 * nearby, 1e-4, 1))
        soft = (1 / (1 + np.exp(-odds))).astype(np.float32)
        # A window that is wide for the target would round it off.
        radius = min(s.radius, max(2, round(0.12 * float(np.sqrt(prior.sum())))))
        soft = ColourGuide(now, radius, s.epsilon)(soft)
        soft = np.clip((soft - 0.5) * s.contrast + 0.5, 0, 1)
        soft = _drop_crumbs(soft, np.maximum(prior, ghost))
        inside = soft > 0.5
        agreement = float(agree[inside].mean()) if inside.any() else 0.0
        ghost = np.maximum(soft, s.ghost_fade * ghost)
        return _Look(view, soft, ghost, index, _contrast(colour, soft), agreement)

    def _logit(self, p: SoftHW) -> SoftHW:
        doubt = self.settings.doubt
        odds: SoftHW = np.log((p + doubt) / (1 - p + doubt))
        return odds

    def _believes(self, look: _Look) -> bool:
        s = self.settings
        area = np.count_nonzero(look.soft > 0.5) / look.view.scale**2
        last = max(float(np.count_nonzero(self._state.soft > 0.5)), 16.0)
        # The slack lets targets be followed whose colours never told them from the background.
        distinct = look.contrast >= s.distinct * self._usual - 0.02
        small, large = max(s.vanish * self._state.area, 1.0), s.burst * last
        return distinct and bool(small <= area <= large)

    def _accept(self, frame: FrameHWC, look: _Look) -> Prediction:
        assert self._size is not None
        s, state = self.settings, self._state
        soft = look.view.paste(look.soft, self._size)
        hard = soft >= 0.5
        box = robust_box(hard) or state.box
        old, new = state.box.center, box.center
        jumped = self._lost > 0
        vx, vy = (
            0.0 if jumped else 0.5 * v + 0.5 * (b - a)
            for v, a, b in zip(state.velocity, old, new, strict=True)
        )
        area = 0.9 * state.area + 0.1 * float(hard.sum())
        ghost = look.view.paste(look.ghost, self._size)
        self._state = _State(frame.copy(), soft, ghost, box, (vx, vy), area)
        self._lost = 0
        self._colours.learn(look.index, look.soft, max(s.rate, s.early_rate * self._youth))
        self._youth = max(0.0, self._youth - 1 / s.early)
        sure = min(1.0, max(look.contrast, 0.05) / max(self._usual, 0.05))
        if sure > 0.7 and look.agreement > 0.5:
            self._last = Template.take(frame, soft, box)
        return Prediction(box, soft, sure * (0.5 + 0.5 * look.agreement))

    def _shrunk(self, frame: FrameHWC) -> tuple[FrameHWC, float]:
        scale = min(1.0, float(np.sqrt(60_000 / (frame.shape[0] * frame.shape[1]))))
        if scale == 1:
            return frame, 1.0
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8), scale

    def _score_self(self, frame: FrameHWC) -> float:
        small, scale = self._shrunk(frame)
        colour = self._colours.probability_hw(colour_index(small))
        own = self._first.find(small, colour, scale, self._first.box, (1.0,))
        return own.score if own is not None else 1.0

    def _regain(self, frame: FrameHWC) -> _Look | None:
        """Search for the target in a part of the frame that widens while it is lost."""
        assert self._size is not None
        small, scale = self._shrunk(frame)
        colour = self._colours.probability_hw(colour_index(small))
        side = max(self._state.box.w, self._state.box.h, 20.0)
        wide = side * (1 + 0.5 * self._lost)
        cx, cy = self._state.box.center
        near = Box(cx - wide, cy - wide, 2 * wide, 2 * wide)
        places = [(t, t.find(small, colour, scale, near)) for t in (self._last, self._first)]
        seen = [(found.score, template, found) for template, found in places if found is not None]
        if not seen:
            return None
        score, template, found = max(seen, key=lambda item: item[0])
        if score < self.settings.regain * self._own_score or found.box.clip(self._size) is None:
            return None
        view = self._view(found.box)
        prior = view.cut(template.place(found.box, self._size))
        look = self._segment(view, view.cut(frame), prior, prior, np.full_like(prior, 0.5), 0.0)
        return look if self._believes(look) else None


def _contrast(probability_hw: SoftHW, soft_hw: SoftHW) -> float:
    """How much more probable the target's colours are inside a mask than outside, -1 to 1."""
    inside = soft_hw > 0.5
    if not inside.any():
        return 0.0
    around = 0.0 if inside.all() else float(probability_hw[~inside].mean())
    return float(probability_hw[inside].mean()) - around


def _drop_crumbs(soft_hw: SoftHW, support_hw: SoftHW, share: float = 0.03) -> SoftHW:
    """Push parts below one half that nothing supports or that are a small share of the largest."""
    hard = (soft_hw > 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    if count > 1:
        areas = stats[:, cv2.CC_STAT_AREA]
        support = np.bincount(labels.ravel(), weights=(support_hw > 0.3).ravel(), minlength=count)
        small = (areas < share * areas[1:].max()) | (support < 0.2 * areas)
        small[0] = False
        soft_hw = np.where(small[labels], np.minimum(soft_hw, 0.3), soft_hw).astype(np.float32)
    return soft_hw

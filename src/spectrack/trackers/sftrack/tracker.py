"""SFTrack++ online: inputs, masks of their hypotheses, spectral fusion, box, and back again.

Each frame: the input trackers answer side by side; a network (mask-in-box, or the paper's
NN_feat2seg) turns each answer into a soft mask (phase 1); the masks are mixed, see
:mod:`~spectrack.trackers.sftrack.weighted_mean`, and filtered over a window of past frames where
``iterations`` asks for it (phase 2); the box is read off the mask (phase 3). Beyond the paper, what
was found goes back: an input that carries a mask goes on from the fused one, one that the fusion
contradicts starts again from it, and a lost target is searched for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from spectrack.flow.estimators import FlowPair
from spectrack.flow.local import CONTEXT, around, flow_pair, quick_flow
from spectrack.spectral.guided.online import OnlineSettings
from spectrack.spectral.guided.windowed import WindowedOnlineFilter
from spectrack.spectral.mixing.mixing import Mixed
from spectrack.spectral.mixing.online import OnlineMixer
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW, Target
from spectrack.threads import meanwhile
from spectrack.trackers.sftrack.adaptation import FIRST_STEPS, Adaptation
from spectrack.trackers.sftrack.between import Between
from spectrack.trackers.sftrack.boxes import BoxReader
from spectrack.trackers.sftrack.confidence import (
    NUMBERS,
    first_signals,
    later_signals,
    mean_agreement,
    score_of,
)
from spectrack.trackers.sftrack.far_parts import without_far_parts
from spectrack.trackers.sftrack.feedback import Feedback
from spectrack.trackers.sftrack.first import FirstMask, find_in_box
from spectrack.trackers.sftrack.input_maps import carried_mask, colours_of, learn_colours
from spectrack.trackers.sftrack.inputs import InputPool, seen_side
from spectrack.trackers.sftrack.memory_segmenter import MemorySegmenter
from spectrack.trackers.sftrack.segmenter import CroppedChannels, Segmenter
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.state import EARLY_RATE, Judgement, TargetState, judge
from spectrack.trackers.sftrack.weighted_mean import mean_of_masks, weights_in_frame
from spectrack.trackers.sftrack.weights import nothing_learned, shared_sftrack
from spectrack.tracking.appearance import ColourModel
from spectrack.tracking.base import Tracker
from spectrack.tracking.colour import robust_box
from spectrack.tracking.explanation import Explanation, Hypothesis
from spectrack.tracking.fine_tuning import FineTuning
from spectrack.tracking.looks import FOUR_VIEWS, MIRRORED, ONE_VIEW
from spectrack.tracking.mask_in_box import BoxSegmenter, mask_in_box_to_tune, shared_mask_in_box
from spectrack.tracking.search import Finder
from spectrack.tracking.target_memory import TargetMemory

PLACES = 3
"""Places a lost target is searched for in a frame, the likeliest first."""

Hypotheses = list[Hypothesis | None]


class SFTracker(Tracker):
    """Fuses several trackers; see the module's text.

    Args:
        settings: See :class:`~spectrack.trackers.sftrack.settings.SFTrackSettings`.

    Raises:
        InputError: If an input is unknown, or the weights cannot be read.
    """

    Settings = SFTrackSettings
    reads_boxes = True
    explains = True
    keeps_first = True
    video_wh: tuple[int, int] | None = None
    """Size of the video's frames where those seen here are shrunk; set before :meth:`init`."""

    def __init__(self, settings: SFTrackSettings | None = None) -> None:
        super().__init__(settings)
        s: SFTrackSettings = self.settings
        if s.weights == "none":
            weights = nothing_learned()
        else:
            weights = shared_sftrack(Path(s.weights) if s.weights else None)
        self._network = weights.feat2seg
        self._segment = self._new_segmenter()
        self._await_learning: Callable[[], None] = lambda: None
        self._read_box = BoxReader(s.box_rule, weights.seg2box)
        self.box_of_mask = self._read_box.rule
        self._pool = InputPool(s.names, s.longest, s.runtime)
        self._between = Between(s.every, self._pool.inputs)
        self._learned_mixing = weights.mixing_of(s.names)
        self._averages = s.masks == "mask-in-box" and s.weights != "none"
        self.counts_frames = any(one.counts_frames for one in self._pool.inputs)
        self.side_by_side = all(one.side_by_side for one in self._pool.inputs)
        self._flow = quick_flow()

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        s, size_wh = self.settings, self.size_wh
        self._segment = self._new_segmenter()  # the last one knew another target
        self._await_learning = lambda: None  # what still learns belongs to that
        given = target.mask if target.mask is not None and target.mask.any() else None
        if given is None:
            first = self._find(frame_hwc, target.box)
            soft, signals = first.soft_hw, first_signals(first)
            self._first_score = score_of(signals, NUMBERS[s.masks][0])
        else:
            soft, signals, self._first_score = given.astype(np.float32), {}, 1.0
        self._score = self._first_score
        hard = soft >= 0.5
        box = robust_box(hard) or target.box
        self._adaptation = Adaptation(self._network, s.adapt) if s.adapt > 0 else None
        if self._adaptation is not None:
            self._segment = Segmenter(self._adaptation.network)
        self._filter = _new_filter(s, size_wh)
        if isinstance(self._segment, MemorySegmenter):
            self._segment.start(frame_hwc, soft, box)
        self._mixing = self._mixing_at(seen_side(target.box, size_wh, s.longest))
        self._mixer = OnlineMixer(self._mixing)
        self._colours = colours_of(frame_hwc, hard, first_share=0.25 if given is None else 0.5)
        self._finder = Finder(frame_hwc, soft, box, self._colours)
        self._state = TargetState.first(frame_hwc, soft, box, self._colours, given is None)
        self._read_box.start(target.box, soft)
        self._feed_back = Feedback(s, self._pool.inputs, self._read_box, box, size_wh)
        hypotheses = self._pool.init(frame_hwc, target, self.video_wh)
        if given is None:
            for one in self._pool.inputs:
                if one.gives_masks:  # a box tracker keeps the box that was given
                    one.correct(frame_hwc, soft)
        if self._filter is not None:
            self._filter.push(frame_hwc, soft)
        self._between.looked(hypotheses)
        self.explanation = Explanation(s.names, tuple(hypotheses), None, None, signals=signals)
        if self._adaptation is not None:
            channels = self._segment(frame_hwc, [Hypothesis(box)], self._colours)
            if channels is not None and channels.maps_kchw is not None:
                self._adaptation.learn(channels.maps_kchw, channels.crops, soft, FIRST_STEPS)
        return Prediction(target.box if given is None else box, soft, self._first_score)

    def _restart(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Go on as if this had been the answer for the frame before; all else stays as it was."""
        self._await_learning()
        given = target.mask if target.mask is not None and target.mask.any() else None
        soft = self._find(frame_hwc, target.box).soft_hw if given is None else given
        soft = soft.astype(np.float32)
        self._feed_back.begin_again(frame_hwc, soft)
        self._between.looked([Hypothesis(target.box)] * len(self.settings.names))
        judgement, area = self._judge(frame_hwc, soft), self._state.area
        state = self._state.seen(frame_hwc, soft, target.box, judgement)
        # it may be half hidden just now, or further away since: the mean of both by ratio
        usual = max(float(np.sqrt(area * judgement.area)), judgement.area)
        self._state = replace(state, area=usual, youth=0.0)
        if state.shows_whole(judgement):
            learn_colours(self._colours, frame_hwc, soft, self.settings.rate)
            if isinstance(self._segment, MemorySegmenter):
                self._segment.recall(frame_hwc, soft)
        if self._filter is not None:
            self._filter.reset()
            self._filter.push(frame_hwc, soft)
        return Prediction(target.box, soft, self._first_score)

    def _new_segmenter(self) -> Segmenter | MemorySegmenter:
        s: SFTrackSettings = self.settings
        if s.masks == "feat2seg":
            return Segmenter(self._network)
        views = replace({1: ONE_VIEW, 2: MIRRORED, 4: FOUR_VIEWS}[s.views], agreed=s.agreed)
        network = shared_mask_in_box(s.mask_weights, s.runtime)
        learns = s.fine_tune and s.runtime == "torch"
        tuning = FineTuning(mask_in_box_to_tune(s.mask_weights), s.fine_tune) if learns else None
        one = BoxSegmenter(network, TargetMemory(s.memory), s.rate, views, tuning)
        return MemorySegmenter(one, s.hidden)

    def _find(self, frame_hwc: FrameHWC, box: Box) -> FirstMask:
        """The mask in the box of the first frame."""
        if isinstance(self._segment, MemorySegmenter):
            return self._segment.find(frame_hwc, box)
        return find_in_box(self._segment, frame_hwc, box)

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        known: dict[int, Hypothesis | None] = {}
        if self._between.wanted(self._state):
            known = self._pool.ask(frame_hwc, self._between.asked())
            carried = self._carry(frame_hwc, known)
            if carried is not None:
                return carried
        hypotheses = self._pool.update(frame_hwc, partial(self._begin, frame_hwc), known)
        self._between.looked(hypotheses)
        self._await_learning()
        channels = self._segment(frame_hwc, self._trusted(hypotheses), self._colours)
        mixed = None
        if channels is not None:
            mixed = self._mix(channels)
        self.explanation = Explanation(self.settings.names, tuple(hypotheses), channels, mixed)
        found: tuple[SoftHW, Judgement] | None = None
        if channels is not None and mixed is not None:
            soft = without_far_parts(
                self._filtered(frame_hwc, channels, mixed), self._state.soft_hw
            )
            soft = self._read_box.cut(soft, self._drawn_boxes(hypotheses))
            judgement = self._judge(frame_hwc, soft)
            if judgement.believed and isinstance(self._segment, MemorySegmenter):
                whole = self._segment.completed(frame_hwc, soft)
                if whole is not soft:
                    soft, judgement = whole, self._judge(frame_hwc, whole)
            found = (soft, judgement) if judgement.believed else None
        if found is None and self._state.lost:
            found = self._search(frame_hwc)
            if found is not None and self._filter is not None:
                self._filter.reset()  # it last saw a rejected mask; the next frame links here
                self._filter.push(frame_hwc, found[0])
        if found is None:
            self._state = self._state.missed()
            if self._filter is not None:
                self._filter.reset()
            empty = np.zeros(self.size_wh[::-1], dtype=np.float32)
            return Prediction(None, empty, 0.0, found=False)
        if self._adaptation is not None and channels is not None:
            assert channels.maps_kchw is not None
            self._adaptation.learn(channels.maps_kchw, channels.crops, found[0])
        return self._accept(frame_hwc, *found, hypotheses, mixed)

    def _carry(
        self, frame_hwc: FrameHWC, answers: dict[int, Hypothesis | None]
    ) -> Prediction | None:
        """The answer without a look of the networks, if it can be believed."""
        state = self._state
        soft = self._between.carry(frame_hwc, state, answers)
        if soft is None:
            return None
        self._await_learning()
        judgement = self._judge(frame_hwc, soft)
        if not judgement.believed:
            return None
        hypotheses = self._between.lead(frame_hwc, state.soft_hw, soft, answers)
        if self._filter is not None:
            soft = self._consistent(frame_hwc, soft)
        drawn = self._drawn_boxes(hypotheses)
        box = self._read_box(soft, [h.box for h in hypotheses if h is not None], drawn) or state.box
        assert self.explanation is not None
        self.explanation = Explanation(
            self.settings.names, tuple(hypotheses), None, None, signals=self.explanation.signals
        )
        self._state = state.seen(frame_hwc, soft, box, judgement)
        return Prediction(box, soft, self._score)

    def _begin(self, frame_hwc: FrameHWC, place: int, hypothesis: Hypothesis) -> None:
        """Look at the box of an input while others are still at work."""
        if isinstance(self._segment, MemorySegmenter):
            self._await_learning()
            self._segment.begin(frame_hwc, place, hypothesis)

    def _trusted(self, hypotheses: Hypotheses) -> Hypotheses:
        """While the target is lost, box trackers that hold on to something else do not count.

        A network that remembers the target sees by itself that a box holds something else.
        """
        if not self._state.lost or isinstance(self._segment, MemorySegmenter):
            return hypotheses
        return [h if h is not None and h.soft_hw is not None else None for h in hypotheses]

    def _drawn_boxes(self, hypotheses: Hypotheses) -> list[Box]:
        """Those of inputs that began with a box and no mask."""
        answers = zip(self._pool.inputs, self._trusted(hypotheses), strict=True)
        return [h.box for one, h in answers if h is not None and not one.gives_masks]

    def _mixing_at(self, side: float) -> MixingSettings:
        """How masks of a target of some size are mixed."""
        if not self._averages:
            return self._learned_mixing.at_size(side)
        carried = [one.gives_masks for one in self._pool.inputs]
        return mean_of_masks(self.settings.names, carried, side)

    def _mix(self, channels: CroppedChannels) -> Mixed:
        """The masks of all inputs as one (phase 2)."""
        weights, state = None, self._state
        if self._averages and channels.present_c.sum() > 1:
            last = state.soft_hw >= 0.5
            weights = weights_in_frame(
                self._mixing,
                channels.soft_chw,
                last[channels.rows, channels.cols],
                0.0 if state.lost else float(np.count_nonzero(last)),
                state.area,
            )
        return self._mixer.push(channels.soft_chw, channels.present_c, weights)

    def _filtered(self, frame: FrameHWC, channels: CroppedChannels, mixed: Mixed) -> SoftHW:
        """The mix, made consistent with the frames before by the spectral filter (phase 2)."""
        background = 1 / (1 + np.exp(-self._mixing.bias))
        soft = np.full(self.size_wh[::-1], background, dtype=np.float32)
        soft[channels.rows, channels.cols] = mixed.soft_hw
        return soft if self._filter is None else self._consistent(frame, soft)

    def _consistent(self, frame: FrameHWC, soft: SoftHW) -> SoftHW:
        assert self._filter is not None
        forward = backward = None
        if not self._state.lost:
            pair = self._pool.flow_pair() or self._own_flow(frame, soft)
            forward, backward = pair.forward_hw2, pair.backward_hw2
        return self._filter.push(frame, soft, forward, backward)

    def _own_flow(self, frame: FrameHWC, soft: SoftHW) -> FlowPair:
        masks = [(m >= 0.5).astype(np.float32) for m in (self._state.soft_hw, soft)]
        area = around(masks, self.settings.reach + CONTEXT)
        return flow_pair(self._flow, self._state.frame_hwc, frame, area)

    def _judge(self, frame: FrameHWC, soft: SoftHW) -> Judgement:
        return judge(frame, soft, self._colours, self._state, self.settings)

    def _search(self, frame: FrameHWC) -> tuple[SoftHW, Judgement] | None:
        """The target where the search finds it, if it still looks like it when segmented."""
        tried: list[Box] = []
        for _ in range(PLACES):
            place = self._finder.find(
                frame,
                self._colours,
                self._state.box,
                self._state.lost,
                self.settings.regain,
                tried,
            )
            if place is None:
                return None
            box, shape = place
            tried.append(box)
            hypothesis = Hypothesis(box, np.rint(255 * shape).astype(np.uint8))
            channels = self._segment(frame, [hypothesis], self._colours)
            if channels is None:
                continue
            soft = np.zeros(frame.shape[:2], dtype=np.float32)
            soft[channels.rows, channels.cols] = channels.soft_chw[0].astype(np.float32) / 255
            judgement = self._judge(frame, soft)
            if judgement.believed:
                return soft, judgement
        return None

    def _accept(
        self,
        frame: FrameHWC,
        soft: SoftHW,
        judgement: Judgement,
        hypotheses: Hypotheses,
        mixed: Mixed | None,
    ) -> Prediction:
        """Answer with a mask that was believed, and learn from it."""
        s, state = self.settings, self._state
        hard: HardHW = soft >= 0.5
        boxes = [h.box for h in self._trusted(hypotheses) if h is not None]
        drawn = self._drawn_boxes(hypotheses)
        box = self._read_box(soft, boxes, drawn) or state.box
        sure = state.sureness(judgement)
        agreed = 0.5 if mixed is None else mean_agreement(mixed)
        assert self.explanation is not None
        channels = self.explanation.channels
        signals = later_signals(soft, judgement.likeness, channels, mixed, self._first_score)
        self.explanation = replace(self.explanation, signals=signals)
        if s.feedback:
            restarted = self._feed_back(frame, soft, hypotheses, bool(state.lost))
            self.explanation = replace(self.explanation, restarted=restarted)
        self._state = state.seen(frame, soft, box, judgement, drawn)
        if state.shows_whole(judgement):
            rate = max(s.rate, EARLY_RATE * state.youth)
            # Box trackers may look at the next frame meanwhile. Whoever called may write over
            # this one by then, so learn from the copy; the mask that is answered stays as it is.
            known = self._state.frame_hwc, carried_mask(hypotheses, soft), rate, soft, box
            self._await_learning = meanwhile(partial(_learn, self._colours, self._segment, *known))
            tight = robust_box(hard)
            if sure > 0.7 and agreed > 0.5 and tight is not None:
                self._finder.remember(frame, soft, tight)
        self._score = score_of(signals, NUMBERS[s.masks][1])
        return Prediction(box, soft, self._score)


def _learn(
    colours: ColourModel,
    segment: Segmenter | MemorySegmenter,
    frame: FrameHWC,
    carried: SoftHW,
    rate: float,
    soft: SoftHW,
    box: Box,
) -> None:
    """Let a frame into what is known of the target's colours and looks."""
    learn_colours(colours, frame, carried, rate)
    if isinstance(segment, MemorySegmenter):
        segment.remember(soft, box)


def _new_filter(settings: SFTrackSettings, size_wh: tuple[int, int]) -> WindowedOnlineFilter | None:
    """The spectral filter of phase 2, where there is one: it takes a while to load."""
    if not settings.iterations:
        return None
    lengths = (1.0,) * settings.iterations
    return WindowedOnlineFilter(size_wh, OnlineSettings(reach=settings.reach, lengths=lengths))

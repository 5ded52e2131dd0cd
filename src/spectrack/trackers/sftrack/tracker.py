"""SFTrack++ online: inputs, masks of their hypotheses, spectral fusion, box, and back again.

Each frame: the input trackers answer side by side; NN_feat2seg turns each answer into a soft mask
(phase 1); the masks are mixed, by learned weights and by how well each input agreed with the others
of late, and filtered over a window of past frames (phase 2); NN_seg2box reads the box (phase 3).
Beyond the paper, what was found goes back: an input that carries a mask goes on from the fused one,
one that the fusion contradicts starts again from it, and a lost target is searched for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.flow.estimators import FlowPair
from spectrack.flow.local import CONTEXT, around, flow_pair, quick_flow
from spectrack.spectral.guided.online import OnlineFilter, OnlineSettings
from spectrack.spectral.mixing.mixing import Mixed
from spectrack.spectral.mixing.online import OnlineMixer
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW, Target
from spectrack.trackers.flow.segment import contrast_of
from spectrack.trackers.sftrack.adaptation import FIRST_STEPS, Adaptation
from spectrack.trackers.sftrack.boxes import BoxReader
from spectrack.trackers.sftrack.crop import OUTSIDE, Crop
from spectrack.trackers.sftrack.first import first_mask
from spectrack.trackers.sftrack.inputs import InputPool, seen_side
from spectrack.trackers.sftrack.look import Hypothesis, colours_of, learn_colours
from spectrack.trackers.sftrack.segmenter import Channels, Segmenter
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.weights import load_sftrack
from spectrack.tracking.appearance import colour_index
from spectrack.tracking.base import check_frame
from spectrack.tracking.colour import robust_box
from spectrack.tracking.search import Finder

EARLY, EARLY_RATE = 8, 0.4
"""A mask found in a box is a guess: for so many frames new colours count more, less and less."""


GROWS, SHRINKS = 0.1, 0.01
"""How fast the usual area follows the present one: a target that is being covered, or leaves the
view, must not become used to being small."""

WHOLE = 0.5
"""Share of the usual area from which on the target is seen well enough to learn from."""

REGAINED = 0.3
"""Share of the usual area that a lost target must show to be taken back."""

PLACES = 3
"""Places a lost target is looked for in a frame, the likeliest first."""

FAR = 0.5
"""Parts further from the largest one than this, in its sides, are something else."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """How the last answer came about.

    Attributes:
        names: Of the inputs.
        hypotheses: What each said.
        channels: The mask of each; None where there were none.
        mixed: How they were mixed.
        restarted: Names of inputs that were started again after this frame.
    """

    names: tuple[str, ...]
    hypotheses: tuple[Hypothesis | None, ...]
    channels: Channels | None
    mixed: Mixed | None
    restarted: tuple[str, ...] = ()


class SFTracker:
    """Fuses several trackers; see the module's text.

    Args:
        settings: See :class:`~spectrack.trackers.sftrack.settings.SFTrackSettings`.

    Raises:
        InputError: If an input is unknown, or the weights cannot be read.
    """

    Settings = SFTrackSettings
    reads_boxes = True
    """Its boxes are more than the edges of its masks, and stay when masks are cleaned."""

    def __init__(self, settings: SFTrackSettings | None = None) -> None:
        s = self.settings = settings or SFTrackSettings()
        weights = load_sftrack(Path(s.weights) if s.weights else None)
        self._network = weights.feat2seg
        self._segment = Segmenter(self._network)
        self._any_size = weights.mixing_of(s.names)
        self._read_box = BoxReader(s.box_rule, weights.seg2box)
        self.box_of_mask = self._read_box.rule
        self._pool = InputPool(s.names, s.longest)
        self._flow = quick_flow()
        self._size: tuple[int, int] | None = None
        self.explanation: Explanation | None = None

    def init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start on a frame; see :meth:`spectrack.tracking.base.Tracker.init`."""
        size = check_frame(frame_hwc)
        target.check(size)
        self._size = size
        self._segment = Segmenter(self._network)  # one that was adapted knew another target
        known = target.mask if target.mask is not None and target.mask.any() else None
        soft = (
            first_mask(self._segment, frame_hwc, target.box)
            if known is None
            else known.astype(np.float32)
        )
        hard = soft >= 0.5
        box = robust_box(hard) or target.box
        self._adaptation = None
        if self.settings.adapt > 0:
            self._adaptation = Adaptation(self._network, self.settings.adapt)
            self._segment = Segmenter(self._adaptation.network)
        self._filter = OnlineFilter(size, self._filter_settings())
        self._mixing = self._any_size.at_size(seen_side(target.box, size, self.settings.longest))
        self._mixer = OnlineMixer(self._mixing)
        self._youth = 1.0 if known is None else 0.0
        self._colours = colours_of(frame_hwc, hard, first_share=0.5 if known is not None else 0.25)
        self._finder = Finder(frame_hwc, soft, box, self._colours)
        self._usual = max(self._compare(frame_hwc, soft)[0], 0.0)
        self._area, self._alike, self._lost = float(hard.sum()), 1.0, 0
        self._box, self._doubted = box, [0] * len(self.settings.names)
        said = self._pool.init(frame_hwc, Target(target.box, target.mask))
        if known is None:
            for one in self._pool.inputs:
                one.correct(frame_hwc, soft)
        self._seen = frame_hwc.copy(), soft
        self._filter.push(frame_hwc, soft)
        self.explanation = Explanation(self.settings.names, tuple(said), None, None)
        if self._adaptation is not None:
            seen = self._segment(frame_hwc, [Hypothesis(box)], self._colours)
            if seen is not None:
                self._adaptation.learn(seen.maps_kchw, seen.crops, soft, FIRST_STEPS)
        return Prediction(target.box if known is None else box, soft, 1.0)

    def update(self, frame_hwc: FrameHWC) -> Prediction:
        """Answer for the next frame; see :meth:`spectrack.tracking.base.Tracker.update`."""
        if self._size is None:
            raise InputError("the tracker was asked for a frame before init; call init first")
        check_frame(frame_hwc, self._size)
        s = self.settings
        said = self._pool.update(frame_hwc)
        channels = self._segment(frame_hwc, self._heard(said), self._colours)
        mixed = (
            None if channels is None else self._mixer.push(channels.soft_chw, channels.present_c)
        )
        soft = None
        if channels is not None and mixed is not None:
            soft = without_far_parts(self._filtered(frame_hwc, channels, mixed))
            if not self._believes(frame_hwc, soft):
                soft = None
        if soft is None and self._lost:
            soft = self._regained(frame_hwc)
            if soft is not None:  # what the filter last saw was rejected; the next frame links here
                self._filter.reset()
                self._filter.push(frame_hwc, soft)
        self.explanation = Explanation(s.names, tuple(said), channels, mixed)
        if soft is None:
            self._lost += 1
            self._filter.reset()
            empty = np.zeros(self._size[::-1], dtype=np.float32)
            return Prediction(None, empty, 0.0, found=False)
        if self._adaptation is not None and channels is not None:
            self._adaptation.learn(channels.maps_kchw, channels.crops, soft)
        return self._accept(frame_hwc, soft, said, mixed)

    def _filter_settings(self) -> OnlineSettings:
        s = self.settings
        return OnlineSettings(reach=s.reach, lengths=(1.0,) * s.iterations)

    def _heard(self, said: list[Hypothesis | None]) -> list[Hypothesis | None]:
        """While the target is lost, box trackers that hold on to something else are not heard."""
        if not self._lost:
            return said
        return [h if h is not None and h.soft_hw is not None else None for h in said]

    def _filtered(self, frame: FrameHWC, channels: Channels, mixed: Mixed) -> SoftHW:
        assert self._size is not None
        soft = np.full(self._size[::-1], 1 / (1 + np.exp(-self._mixing.bias)), dtype=np.float32)
        soft[channels.rows, channels.cols] = mixed.soft_hw
        if not self.settings.iterations:
            return soft
        forward = backward = None
        if not self._lost:
            pair = self._pool.flow_pair() or self._own_flow(frame, soft)
            forward, backward = pair.forward_hw2, pair.backward_hw2
        return self._filter.push(frame, soft, forward, backward)

    def _own_flow(self, frame: FrameHWC, soft: SoftHW) -> FlowPair:
        last_frame, last_soft = self._seen
        masks = [(m >= 0.5).astype(np.float32) for m in (last_soft, soft)]
        area = around(masks, self.settings.reach + CONTEXT)
        return flow_pair(self._flow, last_frame, frame, area)

    def _compare(self, frame: FrameHWC, soft: SoftHW) -> tuple[float, float]:
        """How far the colours of a mask are the target's, against those around it, -1 to 1.

        And how alike they are as distributions, 0 to 1.
        """
        box = robust_box(soft >= 0.5)
        if box is None:
            return 0.0, 0.0
        crop = Crop.around(box)
        index, local = colour_index(crop.cut(frame, OUTSIDE)), crop.cut(soft)
        probable = self._colours.probability_hw(index)
        return contrast_of(probable, local), self._colours.likeness(index, local)

    def _believes(self, frame: FrameHWC, soft: SoftHW) -> bool:
        s = self.settings
        self._distinct = self._likeness = 0.0
        area = float(np.count_nonzero(soft >= 0.5))
        least = max(s.vanish, REGAINED) if self._lost else s.vanish
        if area < max(least * self._area, 1.0):
            return False
        # The slack lets targets be followed whose colours never told them from the background.
        self._distinct, self._likeness = self._compare(frame, soft)
        if self._lost and self._likeness < s.alike * self._alike:
            return False
        return self._distinct >= s.distinct * self._usual - 0.02

    def _regained(self, frame: FrameHWC) -> SoftHW | None:
        """The target where the search finds it, if it still looks like it when segmented."""
        looked_at: list[Box] = []
        for _ in range(PLACES):
            found = self._finder.find(
                frame, self._colours, self._box, self._lost, self.settings.regain, looked_at
            )
            if found is None:
                return None
            box, shape = found
            looked_at.append(box)
            hypothesis = Hypothesis(box, np.rint(255 * shape).astype(np.uint8))
            channels = self._segment(frame, [hypothesis], self._colours)
            if channels is None:
                continue
            soft = np.zeros(frame.shape[:2], dtype=np.float32)
            soft[channels.rows, channels.cols] = channels.soft_chw[0].astype(np.float32) / 255
            if self._believes(frame, soft):
                return soft
        return None

    def _accept(
        self,
        frame: FrameHWC,
        soft: SoftHW,
        said: list[Hypothesis | None],
        mixed: Mixed | None,
    ) -> Prediction:
        s = self.settings
        hard: HardHW = soft >= 0.5
        boxes = [h.box for h in self._heard(said) if h is not None]
        box = self._read_box(soft, boxes) or self._box
        sure = min(1.0, max(self._distinct, 0.05) / max(self._usual, 0.05))
        agreed = 0.5 if mixed is None else _mean_agreement(mixed)
        if s.feedback:
            restarted = self._feed_back(frame, soft, hard, said)
            assert self.explanation is not None
            self.explanation = replace(self.explanation, restarted=restarted)
        area = float(np.count_nonzero(hard))
        if area >= WHOLE * self._area:  # a sliver that is still in view would teach what hides it
            rate = max(s.rate, EARLY_RATE * self._youth)
            learn_colours(self._colours, frame, _carried(said, soft), rate)
            self._alike += 0.1 * (self._likeness - self._alike)
            tight = robust_box(hard)
            if sure > 0.7 and agreed > 0.5 and tight is not None:
                self._finder.remember(frame, soft, tight)
        self._youth = max(0.0, self._youth - 1 / EARLY)
        self._area += (GROWS if area > self._area else SHRINKS) * (area - self._area)
        self._box, self._lost = box, 0
        self._seen = frame.copy(), soft
        return Prediction(box, soft, sure * (0.5 + 0.5 * agreed))

    def _feed_back(
        self, frame: FrameHWC, soft: SoftHW, hard: HardHW, said: list[Hypothesis | None]
    ) -> tuple[str, ...]:
        """Let the inputs go on from what was found; the names of those that had to."""
        s = self.settings
        tight = robust_box(hard)
        if tight is None:
            return ()
        restarted = []
        for k, (one, hypothesis) in enumerate(zip(self._pool.inputs, said, strict=True)):
            if one.failed or not one.restarts:
                continue
            off = hypothesis is None or hypothesis.box.iou(tight) < s.overlap
            self._doubted[k] = self._doubted[k] + 1 if off else 0
            if self._lost or self._doubted[k] >= s.contradicted:
                self._doubted[k] = 0
                restarted.append(one.name)
                if one.carries_masks:
                    one.correct(frame, soft)
                else:
                    one.init(frame, Target(tight, hard))
        return tuple(restarted)


def without_far_parts(soft_hw: SoftHW) -> SoftHW:
    """The mask without parts that lie far from its largest one.

    Args:
        soft_hw: float32 (H, W) in [0, 1].

    Returns:
        The same values; at most 0.3 in those parts.
    """
    hard = (soft_hw >= 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    if count <= 2:
        return soft_hw
    x1, y1, w, h, area = stats[1:].T.astype(np.float64)
    first = int(area.argmax())
    reach = FAR * np.sqrt(w[first] * h[first])
    gap_x = np.maximum(x1 - (x1 + w)[first], x1[first] - (x1 + w))
    gap_y = np.maximum(y1 - (y1 + h)[first], y1[first] - (y1 + h))
    far = np.concatenate([[False], np.maximum(gap_x, gap_y) > reach])
    if not far.any():
        return soft_hw
    return np.where(far[labels], np.minimum(soft_hw, np.float32(0.3)), soft_hw)


def _carried(said: list[Hypothesis | None], soft: SoftHW) -> SoftHW:
    """What colours are learned from: masks that inputs carry themselves, where there are some.

    Colours shape the fused mask, so learning them from it would confirm its own mistakes.
    """
    masks = [h.soft_hw for h in said if h is not None and h.soft_hw is not None]
    if not masks:
        return soft
    mean: SoftHW = (np.mean(masks, axis=0) / 255).astype(np.float32)
    return mean


def _mean_agreement(mixed: Mixed) -> float:
    there: NDArray[np.float32] = mixed.agreement_c[mixed.weights_c != 0]
    return float(there.mean()) if there.size else 0.0

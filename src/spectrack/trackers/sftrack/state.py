"""What SFTrack++ knows of its target, and how it judges whether a mask shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.trackers.sftrack.crop import OUTSIDE, Crop
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.tracking.appearance import ColourModel, colour_index, contrast_of
from spectrack.tracking.colour import robust_box

EARLY, EARLY_RATE = 8, 0.4
"""A mask found in a box is a guess: for so many frames new colours count more, less and less."""

GROWS, SHRINKS = 0.1, 0.01
"""How fast the usual area follows the present one: a target that is being covered, or leaves the
view, must not become used to being small."""

SHRINKS_AS_A_WHOLE = 0.1
"""The same of one that only gets smaller, as it or the camera moves away: a box tracker has its
box, and it has kept its proportions, while what covers a target leaves a part of other ones."""

HELD, KEPT = 0.6, 0.2
"""Least IoU of the mask's box with a box tracker's, and the largest change of proportions, as the
logarithm of width by height, with which a target is smaller as a whole."""

ASPECT_FOLLOWS = 0.1
"""How fast the usual proportions follow the present ones."""

WHOLE = 0.5
"""Share of the usual area from which on the target is seen well enough to learn from."""

REGAINED = 0.3
"""Share of the usual area that a lost target must show to be taken back."""

SLACK = 0.02
"""Lets targets be followed whose colours never told them from the background."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetState:
    """The target as of the last frame in which it was seen.

    Attributes:
        frame_hwc: That frame, uint8 RGB.
        soft_hw: Its mask there, float32 in [0, 1].
        box: Its box there.
        area: Its usual area, pixels.
        contrast: How far its colours stood out in the first frame, 0 to 1.
        likeness: How like the first colours its colours usually are, 0 to 1.
        youth: How much a first mask that was found in a box is still doubted, 1 to 0.
        lost: Frames since then.
        aspect: Its usual proportions, as the logarithm of width by height.
    """

    frame_hwc: FrameHWC
    soft_hw: SoftHW
    box: Box
    area: float
    contrast: float
    likeness: float
    youth: float
    lost: int
    aspect: float

    @classmethod
    def first(
        cls,
        frame_hwc: FrameHWC,
        soft_hw: SoftHW,
        box: Box,
        colours: ColourModel,
        guessed: bool,
    ) -> TargetState:
        """The state after the first frame.

        Args:
            frame_hwc: That frame.
            soft_hw: The mask there.
            box: Of the mask.
            colours: Learned from it.
            guessed: The mask was found in a box.
        """
        contrast = max(compare(frame_hwc, soft_hw, colours)[0], 0.0)
        area = float(np.count_nonzero(soft_hw >= 0.5))
        youth = 1.0 if guessed else 0.0
        aspect = _aspect(Box.from_mask(soft_hw >= 0.5) or box)
        return cls(frame_hwc.copy(), soft_hw, box, area, contrast, 1.0, youth, 0, aspect)

    def missed(self) -> TargetState:
        """The state after a frame in which the target was not seen."""
        return replace(self, lost=self.lost + 1)

    def seen(
        self,
        frame_hwc: FrameHWC,
        soft_hw: SoftHW,
        box: Box,
        judgement: Judgement,
        others: Sequence[Box] = (),
    ) -> TargetState:
        """The state after a frame in which it was.

        Args:
            frame_hwc: That frame.
            soft_hw: The mask there.
            box: The box there.
            judgement: Of the mask.
            others: What box trackers say.
        """
        likeness = self.likeness
        if self.shows_whole(judgement):
            likeness += 0.1 * (judgement.likeness - likeness)
        tight = Box.from_mask(soft_hw >= 0.5) or box
        change = _aspect(tight) - self.aspect
        held = any(tight.iou(one) >= HELD for one in others)
        smaller = SHRINKS_AS_A_WHOLE if held and abs(change) < KEPT else SHRINKS
        follow = GROWS if judgement.area > self.area else smaller
        return replace(
            self,
            frame_hwc=frame_hwc.copy(),
            soft_hw=soft_hw,
            box=box,
            area=self.area + follow * (judgement.area - self.area),
            likeness=likeness,
            youth=max(0.0, self.youth - 1 / EARLY),
            lost=0,
            aspect=self.aspect + (ASPECT_FOLLOWS * change if held else 0.0),
        )

    def shows_whole(self, judgement: Judgement) -> bool:
        """Whether enough is in view to learn from; a sliver would teach what hides the target."""
        return judgement.area >= WHOLE * self.area

    def sureness(self, judgement: Judgement) -> float:
        """How far the colours stand out against how they first did, (0, 1]."""
        return min(1.0, max(judgement.contrast, 0.05) / max(self.contrast, 0.05))


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a mask shows the target, and by what that was judged.

    Attributes:
        believed: It does.
        area: Of the mask, pixels.
        contrast: How far its colours are the target's, against those around it, -1 to 1.
        likeness: How like the target's they are as distributions, 0 to 1.
    """

    believed: bool
    area: float
    contrast: float = 0.0
    likeness: float = 0.0


def judge(
    frame_hwc: FrameHWC,
    soft_hw: SoftHW,
    colours: ColourModel,
    state: TargetState,
    settings: SFTrackSettings,
) -> Judgement:
    """Whether a mask shows the target: it is large enough, and has the target's colours.

    Args:
        frame_hwc: uint8 RGB.
        soft_hw: float32 (H, W) in [0, 1].
        colours: Of the target.
        state: What is known of it; a lost one must show more.
        settings: The thresholds.
    """
    area = float(np.count_nonzero(soft_hw >= 0.5))
    least = max(settings.vanish, REGAINED) if state.lost else settings.vanish
    if area < max(least * state.area, 1.0):
        return Judgement(False, area)
    contrast, likeness = compare(frame_hwc, soft_hw, colours)
    like = not state.lost or likeness >= settings.likeness * state.likeness
    distinct = contrast >= settings.distinct * state.contrast - SLACK
    return Judgement(like and distinct, area, contrast, likeness)


def _aspect(box: Box) -> float:
    return math.log(max(box.w, 1.0) / max(box.h, 1.0))


def compare(frame_hwc: FrameHWC, soft_hw: SoftHW, colours: ColourModel) -> tuple[float, float]:
    """Contrast and likeness of the colours of a mask; see :class:`Judgement`."""
    box = robust_box(soft_hw >= 0.5)
    if box is None:
        return 0.0, 0.0
    crop = Crop.around(box)
    index, local = colour_index(crop.cut(frame_hwc, OUTSIDE)), crop.cut(soft_hw)
    return contrast_of(colours.probability_hw(index), local), colours.likeness(index, local)

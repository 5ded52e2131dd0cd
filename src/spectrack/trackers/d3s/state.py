"""Where D3S believes its target is: what a score and a mask change, and what is reported.

All here are functions of numbers. The scale is that of the filter: pixels of the frame for one of
its patch. The target's aspect is that of the first frame. Pixel i has its centre at i.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from spectrack.structures import Box, SoftHW
from spectrack.trackers.d3s.crop import Corners, Crop
from spectrack.trackers.d3s.fit import Outline, area_preserving, believed_box
from spectrack.tracking.patches import PairYX, pair
from spectrack.tracking.target_state import BEYOND, LEAST_SIDE

HISTORY = 25
"""Scores and areas that are remembered."""
LOST = 100.0
"""Doubt where the filter says that nothing is there."""
LEAST_SCALE, LARGEST_CHANGE = 0.2, 0.75
"""A mask's scale is used if it is larger, and differs from the last by a smaller share."""
MOVES, REPORTS = 1.0, 2.0
"""A mask whose area differs from the remembered ones by a smaller share moves the target, and is
reported."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides which masks are used.

    Args:
        threshold: Probability above which a pixel is the target's.
        slowest: The scale changes at least by this factor a frame,
        fastest: and at most by this one.
        whole: All pieces of the mask are the target's; otherwise the largest one is.
        search: Side of the filter's patch in square roots of the target's area.
        side: Of the patch, pixels.
        sure: Doubt below which a mask changes the scale.
        rotated: Boxes turn with the target.
    """

    threshold: float = 0.5
    slowest: float = 0.95
    fastest: float = 1.05
    whole: bool = False
    search: float = 4.5
    side: int = 256
    sure: float = 3.5
    rotated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The target, and what was seen of it.

    Args:
        pos_yx: Its centre.
        size_hw: Its size; after a change of scale it follows with the next score that is believed.
        scale: Of the filter's patch.
        base_hw: Its size at scale 1.
        scores: Last ones that were believed.
        areas: Last areas of masks, in pixels of the crop.
    """

    pos_yx: PairYX
    size_hw: PairYX
    scale: float
    base_hw: PairYX
    scores: tuple[float, ...] = (1.0,)
    areas: tuple[float, ...] = ()

    @classmethod
    def start(cls, pos_yx: PairYX, size_hw: PairYX, rules: Rules) -> State:
        """In the first frame."""
        size = pair(size_hw)
        area = float(size[0]) * float(size[1]) * rules.search**2
        scale = math.sqrt(area) / rules.side
        return cls(pair(pos_yx), size, scale, size / np.float32(scale))

    @property
    def box(self) -> Box:
        """The upright box of centre and size, as a box that is given is understood."""
        (cy, cx), (h, w) = (map(float, v) for v in (self.pos_yx, self.size_hw))
        return Box(cx - w / 2, cy - h / 2, w, h)


def doubt_of(state: State, number: int, score: float) -> float:
    """How much lower a score is than those before: 0 in the first five frames, about 1 usually.

    As in the published program a negative score gives a negative doubt, and is believed.

    Args:
        state: Before the frame.
        number: Of the frame, the first is 1.
        score: The highest of the frame.
    """
    if number <= 5:
        return 0.0
    mean = float(np.mean(state.scores))
    return mean / score if score else math.inf


def believe(state: State, pos_yx: PairYX, score: float, frame_hw: tuple[int, int]) -> State:
    """Go where the filter saw the target.

    Args:
        state: Before.
        pos_yx: Where that is.
        score: How high it is there.
        frame_hw: Size of the frame.
    """
    frame = pair(frame_hw)
    least = float((LEAST_SIDE / state.base_hw).max())
    most = float((frame / state.base_hw).min())
    scale = max(min(state.scale, most), least)
    reach = np.float32(BEYOND) * (state.base_hw * np.float32(scale))
    return replace(
        state,
        scale=scale,
        size_hw=state.base_hw * np.float32(scale),
        pos_yx=np.maximum(np.minimum(pair(pos_yx), frame + reach), -reach),
        scores=(*state.scores, score)[-HISTORY:],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a mask gave.

    Args:
        state: After the frame.
        corners: Of the box reported, in the frame, middles of pixels; None where none is.
        soft_ss: Probabilities of the crop where its target may be, zero elsewhere; None where there
            is no outline.
    """

    state: State
    corners: Corners | None
    soft_ss: SoftHW | None


def segmented(soft_ss: SoftHW, crop: Crop, state: State, doubt: float, rules: Rules) -> Seen:
    """Take in the mask of a frame (section 3.4).

    Args:
        soft_ss: Probabilities of the crop, float32.
        crop: Where it lies.
        state: After the filter.
        doubt: By :func:`doubt_of`, or :data:`LOST`.
        rules: What decides.
    """
    hard = soft_ss > rules.threshold
    outline = Outline.of(hard)
    if outline is None:
        return Seen(state, None, None)
    rectangle = crop.to_frame(outline.rectangle)
    mean = float(np.mean(state.areas)) if state.areas else outline.area
    change = abs(mean - outline.area) / mean if mean > 0 else math.inf
    after = state
    if doubt < rules.sure and change < REPORTS:
        after = replace(
            after,
            areas=(*state.areas, outline.area)[-HISTORY:],
            scale=_next_scale(state.scale, rectangle, rules),
        )
    if change < MOVES:
        after = replace(after, pos_yx=pair(rectangle.mean(0)[::-1]))
    corners = None
    if change < REPORTS:
        corners = crop.to_frame(believed_box(outline, soft_ss.shape, rules.rotated))
    around = outline.around(hard if rules.whole else None, soft_ss.shape)
    return Seen(after, corners, np.where(around, soft_ss, np.float32(0)))


def _next_scale(scale: float, rectangle: Corners, rules: Rules) -> float:
    box = area_preserving(rectangle)
    told = math.sqrt(box.w * box.h) * rules.search / rules.side
    if not (told > LEAST_SCALE and abs(told - scale) / scale < LARGEST_CHANGE):
        return scale
    return min(max(told, rules.slowest * scale), rules.fastest * scale)


def reported_box(corners_42: Corners, rotated: bool) -> Box:
    """The box that stands for corners: tight about an upright one, of equal area for a rotated one.

    Args:
        corners_42: Middles of pixels.
        rotated: Whether they may be turned.
    """
    if rotated:
        x, y, w, h = area_preserving(corners_42)
        return Box(x + 0.5, y + 0.5, w, h)  # corners are middles of pixels, and boxes are edges
    (x1, y1), (x2, y2) = corners_42.min(0).tolist(), corners_42.max(0).tolist()
    return Box(x1, y1, x2 - x1 + 1, y2 - y1 + 1)

"""The box of a mask, drawn as the first frame's box was drawn.

Boxes that people give are seldom the tightest ones of what they mean: some leave a margin, some
follow rules of a benchmark. Where the given box and the box of the first mask differ clearly, later
boxes differ from those of later masks in the same way; and a box tracker, which began with the
given box too, has a share in them. Where the given box is the tight one, so are later boxes.

It tells, too, how large the mask's box was beside the box tracker's when all began. A mask that
later spreads onto what the target is a part of, or stands beside, grows beyond that, and is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectrack.structures import Box, SoftHW
from spectrack.tracking.colour import covering_box

DOUBT = 0.06
"""1 - IoU of the given box and the first mask's at which half of their difference is believed: less
of it may as well be an error of the mask."""

SHARE = 0.3
"""Of box trackers' boxes in the answer, where the given box clearly is no tight one."""

NEAR = 0.3
"""IoU from which on a box tracker's box is about the same thing as the mask."""

SPREADS, SPREAD = 0.15, 0.45
"""How much larger than box trackers' the box of a small target's mask may be, as the logarithm of
their areas' ratio, before it is cut a little, and when it is cut to theirs."""

SMALL, LIMBS = 40.0, 0.8
"""What both gain with each doubling of a target's side above so many pixels: box trackers cut limbs
off large targets, while masks of small ones spread."""

Margins = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class GivenBox:
    """How the box of the first frame was drawn.

    The numbers of this module were chosen on five DAVIS training sequences that no network
    here learned from, with boxes drawn off at random, and the same sequences made smaller;
    :data:`SMALL` and :data:`LIMBS` there, too, but they came after large targets of the DAVIS
    validation sequences and of the demo's clip had lost limbs without them.

    Args:
        margins: What the given box has beyond that of the first mask, at the left, the top, the
            right and the bottom, in sides of the latter; positive outward.
        share: Of box trackers' boxes in the answer, up to :data:`SHARE`.
        seen: The margins as they were, of which ``margins`` are what is believed.
    """

    margins: Margins = (0.0, 0.0, 0.0, 0.0)
    share: float = 0.0
    seen: Margins = (0.0, 0.0, 0.0, 0.0)

    @classmethod
    def of(cls, given: Box, mask_hw: SoftHW) -> GivenBox:
        """From a first frame.

        Args:
            given: The box that was given, pixels.
            mask_hw: Soft mask (H, W); one that nowhere reaches 0.5 says nothing.
        """
        tight, seen = Box.from_mask(mask_hw >= 0.5), given.clip(mask_hw.shape[::-1])
        if tight is None or seen is None:
            return cls()
        off = 1 - seen.iou(tight)
        belief = off**2 / (off**2 + DOUBT**2)
        (x1, y1, x2, y2), (a1, b1, a2, b2) = seen.xyxy, tight.xyxy
        out = ((a1 - x1) / tight.w, (b1 - y1) / tight.h, (x2 - a2) / tight.w, (y2 - b2) / tight.h)
        left, top, right, bottom = (belief * margin for margin in out)
        return cls((left, top, right, bottom), SHARE * belief, out)

    def draw(self, tight: Box) -> Box:
        """A mask's box with the margins."""
        left, top, right, bottom = self.margins
        x1, y1, x2, y2 = tight.xyxy
        x1, x2 = x1 - left * tight.w, x2 + right * tight.w
        y1, y2 = y1 - top * tight.h, y2 + bottom * tight.h
        return Box.from_xyxy(x1, y1, x2, y2)

    def tighten(self, drawn: Box) -> Box:
        """A box tracker's box without the margins that the given one had."""
        left, top, right, bottom = self.seen
        w, h = drawn.w / (1 + left + right), drawn.h / (1 + top + bottom)
        return Box(drawn.x + left * w, drawn.y + top * h, w, h)

    def cut(self, soft_hw: SoftHW, boxes: Sequence[Box]) -> SoftHW:
        """A later mask, without what it has spread onto.

        Args:
            soft_hw: Soft mask (H, W).
            boxes: Of box trackers in this frame.

        Returns:
            The same map where it has not grown beyond the boxes; else a copy that is zero outside
            of a box between its own and theirs.
        """
        tight = Box.from_mask(soft_hw >= 0.5) if boxes else None
        if tight is None:
            return soft_hw
        theirs = _mean([one for box in boxes if (one := self.tighten(box)).iou(tight) >= NEAR])
        if theirs is None:
            return soft_hw
        more = LIMBS * max(math.log2(math.sqrt(theirs.area) / SMALL), 0.0)
        grown = math.log(tight.area / theirs.area) - more
        weight = min(max((grown - SPREADS) / (SPREAD - SPREADS), 0.0), 1.0)
        if weight == 0:
            return soft_hw
        edges = [a + weight * (b - a) for a, b in zip(tight.xyxy, theirs.xyxy, strict=True)]
        rows, cols = Box.from_xyxy(*edges).slices(soft_hw.shape[::-1])
        out = np.zeros_like(soft_hw)
        out[rows, cols] = soft_hw[rows, cols]
        return out

    def __call__(self, soft_hw: SoftHW, boxes: Sequence[Box] = ()) -> Box | None:
        """The box of a later mask.

        Args:
            soft_hw: Soft mask (H, W).
            boxes: Of box trackers in this frame.

        Returns:
            Inside the frame, with at least 98 % of the pixels of 0.5 or more; None where there are
            none.
        """
        hard = soft_hw >= 0.5
        tight = Box.from_mask(hard)
        if tight is None:
            return None
        drawn = self.draw(tight)
        theirs = _mean([box for box in boxes if box.iou(drawn) >= NEAR])
        if theirs is not None:
            drawn = Box.from_xyxy(
                *(a + self.share * (b - a) for a, b in zip(drawn.xyxy, theirs.xyxy, strict=True))
            )
        held = covering_box(drawn, hard)
        return None if held is None else held.clip(soft_hw.shape[::-1])


def _mean(boxes: Sequence[Box]) -> Box | None:
    """The box of the mean edges."""
    if not boxes:
        return None
    edges = zip(*(box.xyxy for box in boxes), strict=True)
    return Box.from_xyxy(*(sum(values) / len(boxes) for values in edges))

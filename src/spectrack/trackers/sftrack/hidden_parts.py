"""Parts of the target that come out on the far side of what hides it.

A target that passes below something is a whole, then one part, then two with a gap. Boxes follow
the part that they know, and a mask made in a box ends with it. So where the target's box is
narrower or lower than it usually is, there is one more look at a larger box, in every second frame
until it shows something. What it shows apart from the mask belongs to it, too. What it shows beside
the mask does not: in a larger box a mask spreads more easily.

The numbers were chosen on training sequences of DAVIS-2016 and on the synthetic pond, see
``experiments/studies/hidden_parts.py``.
"""

from __future__ import annotations

import cv2
import numpy as np

from spectrack.structures import Box, SoftHW

NARROW = 0.88
"""Share of the usual width or height below which a part of the target may be hidden."""

LARGER = 1.3
"""Sides of the box that is looked at, in sides of the mask's box; more where more is missing."""

SURE = 0.7
"""Least mean of a part's soft mask."""

LEAST = 0.01
"""Least area of a part, in areas of the mask."""

WHOLE = 1.1
"""Largest sides of the mask's box with a part, in usual sides."""

AT_ONCE = 0.1
"""Largest area of a part, in areas of the mask, that is believed at once: what comes out is small
at first. A larger one must have been there the last time, too."""

GAP = 2
"""Pixels around the mask within which nothing is a part of its own."""

WIDENS, NARROWS = 0.3, 0.02
"""How fast usual sides follow the present ones, a frame: what hides a target has gone by soon, so
one that has turned is not looked at twice for long."""


class HiddenParts:
    """What is known of a target that tells whether parts of it are hidden.

    Args:
        box: Of the first mask.
    """

    def __init__(self, box: Box) -> None:
        self._w, self._h = box.w, box.h  # that its box usually has
        self._looked = False  # in the frame before,
        self._shown: list[Box] = []  # and what that showed

    def larger(self, box: Box) -> Box | None:
        """Where to look in this frame; None where nothing seems hidden, or a look was in vain.

        Args:
            box: Of its mask.
        """
        looked, self._looked = self._looked, False
        if min(box.w / self._w, box.h / self._h) >= NARROW or (looked and not self._shown):
            self._shown = []
            return None
        self._looked = True
        w, h = max(LARGER * box.w, 2 * self._w - box.w), max(LARGER * box.h, 2 * self._h - box.h)
        return Box(box.x + (box.w - w) / 2, box.y + (box.h - h) / 2, w, h)

    def follow(self, box: Box) -> None:
        """Get used to the box of this frame."""
        self._w, self._h = _followed(self._w, box.w), _followed(self._h, box.h)

    def added(self, soft_hw: SoftHW, wide_hw: SoftHW) -> SoftHW:
        """A mask with the parts of the target that a look at the larger box shows.

        They are apart from the mask and outside of its box, with them the target has about its
        usual sides at most, and large ones were shown in the frame before, too.

        Args:
            soft_hw: float32 (H, W) in [0, 1].
            wide_hw: What the larger box shows, of that shape.

        Returns:
            A copy with the parts; the same map where there are none.
        """
        before, self._shown = self._shown, []
        hard_hw = soft_hw >= 0.5
        own, both = Box.from_mask(hard_hw), Box.from_mask((wide_hw >= 0.5) | hard_hw)
        if own is None or both is None:
            return soft_hw
        area = both.slices((soft_hw.shape[1], soft_hw.shape[0]))
        hard, wide = np.ascontiguousarray(hard_hw[area]).view(np.uint8), wide_hw[area]
        near = cv2.dilate(hard, np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8))
        others = ((wide >= 0.5) & (hard == 0)).view(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(others, connectivity=8)
        flat, pixels = labels.ravel(), stats[:, cv2.CC_STAT_AREA]
        kept = np.bincount(flat, near.ravel(), count) == 0
        kept &= np.bincount(flat, wide.ravel(), count) >= SURE * pixels
        kept &= pixels >= LEAST * hard.sum()
        kept[0] = False  # what is no part
        for place in np.flatnonzero(kept):
            x, y, w, h = (float(n) for n in stats[place, :4])
            part = Box(both.x + x, both.y + y, w, h)
            kept[place] = self._belongs(part, own)
            if kept[place]:
                self._shown.append(part)
                small = pixels[place] <= AT_ONCE * hard.sum()
                kept[place] = small or any(_near(part, one) for one in before)
        if not kept.any():
            return soft_hw
        out = soft_hw.copy()
        out[area] = np.where(kept[labels], wide, out[area])
        return out

    def _belongs(self, part: Box, own: Box) -> bool:
        """Whether a part lies beside the mask, and both are no larger than the target."""
        (a1, b1, a2, b2), (x1, y1, x2, y2) = part.xyxy, own.xyxy
        apart = a2 <= x1 or a1 >= x2 or b2 <= y1 or b1 >= y2
        wide, high = max(a2, x2) - min(a1, x1), max(b2, y2) - min(b1, y1)
        return apart and wide <= WHOLE * max(self._w, own.w) and high <= WHOLE * max(self._h, own.h)


def _near(part: Box, before: Box) -> bool:
    """Whether a part may be the one of the frame before: it is not further off than its size."""
    (a1, b1, a2, b2), (x1, y1, x2, y2) = part.xyxy, before.xyxy
    far_x, far_y = max(a1 - x2, x1 - a2), max(b1 - y2, y1 - b2)
    return far_x <= max(part.w, before.w) and far_y <= max(part.h, before.h)


def _followed(usual: float, present: float) -> float:
    return usual + (WIDENS if present > usual else NARROWS) * (present - usual)

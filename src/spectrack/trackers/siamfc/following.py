"""SiamFC online: search regions of some scales, the best of them, and where its peak lies.

Section 3 of the paper, with what its published programs do besides.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.networks.alexnet import STRIDE
from spectrack.structures import Box, FrameHWC
from spectrack.trackers.siamfc.network import SEARCH, TEMPLATE
from spectrack.trackers.siamfc.settings import SiamFCSettings
from spectrack.tracking.siamese import LARGEST, Floats, Place, context_side, crop

LEAST = 2.0
"""Pixels of a side at least; of less no crop can be told from the next."""


class ScaleFollowing:
    """Where a target is, the crops about it, and where it goes.

    Args:
        frame_hwc: First frame, uint8 RGB.
        box: Of the target in it.
        settings: See :class:`~spectrack.trackers.siamfc.settings.SiamFCSettings`.

    Attributes:
        place: Where the target is; may be set.
    """

    def __init__(self, frame_hwc: FrameHWC, box: Box, settings: SiamFCSettings) -> None:
        self._settings = settings
        self._size_wh = frame_hwc.shape[1], frame_hwc.shape[0]
        self.move(box)
        red, green, blue = (round(v) for v in cv2.mean(frame_hwc)[:3])
        self._colour = red, green, blue
        half = settings.scales // 2
        self.factors: NDArray[np.float64] = settings.step ** np.arange(-half, half + 1.0)
        self._window: Floats | None = None

    def move(self, box: Box) -> None:
        """Go on from another box of the frame just seen."""
        width, height = self._size_wh
        if box.w > LARGEST * width or box.h > LARGEST * height:
            box = box.clip(self._size_wh) or box  # its crop would take all memory
        self.place = Place(box.x + (box.w - 1) / 2, box.y + (box.h - 1) / 2, box.w, box.h)

    @property
    def side(self) -> float:
        """Of the template in pixels of the frame."""
        return float(context_side(self.place.w, self.place.h))

    def cut_template(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The template of this frame, uint8 (127, 127, 3)."""
        return self._cut(frame_hwc, self.side, TEMPLATE)

    def cut_searches(self, frame_hwc: FrameHWC) -> NDArray[np.uint8]:
        """The search regions of this frame, uint8 (S, 255, 255, 3), the smallest first."""
        side = self.side * SEARCH / TEMPLATE
        return np.stack([self._cut(frame_hwc, side * f, SEARCH) for f in self.factors])

    def follow(self, responses_shw: Floats) -> tuple[Box, float]:
        """Go to the peak of the best scale.

        Args:
            responses_shw: Of the last search regions, float32 (S, n, n).

        Returns:
            The target's box, and the response there as it is, without penalty and window.
        """
        s = self._settings
        n = responses_shw.shape[-1] * s.finer
        fine = np.stack([cv2.resize(r, (n, n), interpolation=cv2.INTER_CUBIC)
                         for r in responses_shw])  # fmt: skip
        middle = len(fine) // 2
        weighed = fine * np.where(np.arange(len(fine)) == middle, 1.0, s.penalty)[:, None, None]
        best = int(weighed.max((1, 2)).argmax())
        share = weighed[best] - weighed[best].min()
        share = share / (share.sum() + 1e-16)
        blended = (1 - s.window) * share + s.window * self._cosine(n)
        row, column = divmod(int(blended.argmax()), n)
        factor = float(self.factors[best])
        # cells of the fine response to pixels of the search region, to pixels of the frame
        pixels = STRIDE / s.finer * (self.side * factor / TEMPLATE)
        cx = self.place.cx + (column - (n - 1) / 2) * pixels
        cy = self.place.cy + (row - (n - 1) / 2) * pixels
        change = self._bounded((1 - s.rate) + s.rate * factor)
        width, height = self._size_wh
        # the published programs let the target go anywhere; further off nothing is in the crop
        cx, cy = min(max(cx, -width), 2 * width), min(max(cy, -height), 2 * height)
        self.place = Place(cx, cy, self.place.w * change, self.place.h * change)
        return self.box, float(fine[best, row, column])

    @property
    def box(self) -> Box:
        """The target's box; its centre is the middle between first and last pixel."""
        x, y = self.place.cx - (self.place.w - 1) / 2, self.place.cy - (self.place.h - 1) / 2
        return Box(float(x), float(y), float(self.place.w), float(self.place.h))

    def _bounded(self, change: float) -> float:
        """A change of size that keeps it above nothing and the crops in memory."""
        w, h, (width, height) = float(self.place.w), float(self.place.h), self._size_wh
        too_large = w * change > LARGEST * width or h * change > LARGEST * height
        too_small = min(w, h) * change < LEAST
        if (too_large and change > 1) or (too_small and change < 1):
            return 1.0
        return change

    def _cosine(self, n: int) -> Floats:
        """The cosine window, (n, n), of sum 1 as the response is."""
        if self._window is None or len(self._window) != n:
            window = np.outer(np.hanning(n), np.hanning(n))
            self._window = window / window.sum()
        return self._window

    def _cut(self, frame_hwc: FrameHWC, side: float, out: int) -> FrameHWC:
        whole = max(round(side), 1)
        start = (round(float(c) - (whole - 1) / 2) for c in (self.place.cx, self.place.cy))
        x, y = start
        return crop(frame_hwc, (x, y), whole, out, self._colour)

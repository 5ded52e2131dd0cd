"""NanoTrack as OpenCV's TrackerNano has it, statement for statement, slips included.

Where it differs from the authors' tracker: one set of constants; whole numbers for sides, ratio of
sides, start of a crop and sum of sides; the square root of the window; padding by each frame's own
mean; float32. And a slip: sizes are compared with the target's position in pixels of the frame,
in place of its size in pixels of the search region.
"""

from __future__ import annotations

import cv2
import numpy as np

from spectrack.structures import Box, FrameHWC
from spectrack.tracking.siamese import (
    Candidates,
    Floats,
    Following,
    Place,
    Rules,
    choose,
    context_side,
    cosine_window,
    crop,
)

RULES = Rules(penalty=0.055, window=0.455, rate=0.37)
"""For every version of the weights."""


def root_window(cells: int) -> Floats:
    """OpenCV's two-dimensional Hann window, float32 (cells, cells): the root of the product."""
    return np.sqrt(cosine_window(cells))


class OpenCVFollowing(Following):
    """As :class:`~spectrack.tracking.siamese.Following`, by OpenCV's statements."""

    def cut_template(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The template of this frame, uint8 (template, template, 3)."""
        side = int(context_side(np.float32(self.place.w), np.float32(self.place.h)))
        return self._cut(frame_hwc, max(side, 1), self._template)

    def cut_search(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The search region of this frame, uint8 (search, search, 3)."""
        w, h = np.float32(self.place.w), np.float32(self.place.h)
        context = np.float32(int(w + h)) * np.float32(0.5)
        side = np.sqrt((w + context) * (h + context))
        self.scale = np.float32(self._template) / side
        whole = int(side * np.float32(self._search // self._template))
        return self._cut(frame_hwc, max(whole, 1), self._search)

    def follow(self, found: Candidates) -> tuple[Box, float]:
        """Go to the best candidate of the last search region.

        Returns:
            The target's box in whole pixels, and the candidate's score with penalty and window.
        """
        place, scale = self.place, np.float32(self.scale)
        choice = choose(
            found,
            (place.w * scale, place.h * scale),
            self._rules,
            self._window_n,
            compared_wh=(place.cx, place.cy),
        )
        moved = place.follow(found, choice, scale, self._rules, self._size_wh)
        self.place = _float32(moved)
        x, y, w, h = self.place.box
        return Box(int(x), int(y), int(w), int(h)), float(choice.blended[choice.best])

    def _first_place(self, box: Box) -> Place:
        return _float32(Place(box.x + box.w / 2, box.y + box.h / 2, box.w, box.h))

    def _cut(self, frame_hwc: FrameHWC, side: int, out: int) -> FrameHWC:
        half = (side + 1) // 2
        red, green, blue = (int(v) for v in np.rint(cv2.mean(frame_hwc)[:3]))
        start = int(self.place.cx) - half, int(self.place.cy) - half
        return crop(frame_hwc, start, side, out, (red, green, blue))


def _float32(place: Place) -> Place:
    return Place(*(np.float32(v) for v in (place.cx, place.cy, place.w, place.h)))

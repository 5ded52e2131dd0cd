"""The filter without future in a window that follows the target: bounded for any frame size.

Frames of at most ``PIXELS`` go through :class:`spectrack.spectral.guided.online.OnlineFilter` as
they are. Of larger ones it sees the part about the target, shrunk where it must be.
"""

from __future__ import annotations

import numpy as np

from spectrack.spectral.guided.canvas import FAINT, Canvas, View, flow_between, merge
from spectrack.spectral.guided.given import checked_flow, checked_masks
from spectrack.spectral.guided.online import OnlineFilter, OnlineSettings, Plane
from spectrack.structures import Box, FrameHWC

PIXELS = 450_000
"""Most pixels that are filtered of a frame: a whole frame of 480p, any aspect."""

_SLACK = 12


class WindowedOnlineFilter:
    """Filters each frame of a video at once, in memory that does not grow with the frame.

    Args:
        size_wh: Width and height of the frames.
        settings: The recipe; ``reach`` is in pixels of the window, which may be shrunk.
        pixels: Most pixels of the window; None for whole frames.

    Raises:
        InputError: If the size is not positive.
    """

    def __init__(
        self,
        size_wh: tuple[int, int],
        settings: OnlineSettings | None = None,
        pixels: int | None = PIXELS,
    ) -> None:
        s = settings or OnlineSettings()
        self._size = size_wh
        self._rise = np.float32((1 - s.level) / s.level)
        self._canvas = Canvas(size_wh, pixels, s.reach + _SLACK)
        self._filter = OnlineFilter(self._canvas.size_wh, s)
        self._view: View | None = None

    @property
    def held(self) -> int:
        """Frames held now."""
        return self._filter.held

    def push(
        self,
        frame_hwc: FrameHWC,
        soft_hw: Plane,
        forward_hw2: Plane | None = None,
        backward_hw2: Plane | None = None,
    ) -> Plane:
        """Filter the next frame; see :meth:`OnlineFilter.push`."""
        if self._canvas.whole:
            return self._filter.push(frame_hwc, soft_hw, forward_hw2, backward_hw2)
        (soft,) = checked_masks(frame_hwc, soft_hw, 1, self._size)
        box = Box.from_mask(soft >= FAINT)
        corners = None
        if box is not None:
            x1, y1, x2, y2 = (round(v) for v in box.xyxy)
            corners = x1, y1, x2, y2
        last, view = self._view, self._canvas.view(corners, self._view)
        self._view = view
        flows: list[Plane | None] = [None, None]
        if forward_hw2 is not None and backward_hw2 is not None and last is not None:
            both = [
                (view.cut(checked_flow(f, self._size)) * view.scale_xy).astype(np.float32)
                for f in (forward_hw2, backward_hw2)
            ]
            flows = [
                flow_between(both[0], view, last, view),
                flow_between(both[1], view, view, last),
            ]
        seen = np.clip(view.cut(soft), 0, 1)  # sums of areas may be a last bit above 1
        after = self._filter.push(view.cut(frame_hwc), seen, *flows)
        out = self._raised(soft)
        merge(out, view, after, self._raised(seen))
        return out

    def reset(self) -> None:
        """Forget all frames, for a cut; the window stays where it is until the target leaves it.

        For another video make a filter of its own.
        """
        self._filter.reset()

    def _raised(self, soft: Plane) -> Plane:
        """The curve of the filter that moves its level to one half, where it changes nothing."""
        out: Plane = (self._rise - 1) * soft
        out += 1
        np.divide(soft, out, out=out)
        out *= self._rise
        return out

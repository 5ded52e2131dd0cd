"""The guided filter for small frames: they are enlarged for it, and its masks brought back.

Reach, distance between taps and widths of parts that survive are counted in pixels, and were chosen
at 480p. In a frame of half that size each is twice as large beside the object, and the filter takes
away what is thin. Enlarged frames are no sharper, but links reach no further than they should.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.spectral.guided.given import checked_flow, checked_guide, checked_masks
from spectrack.spectral.guided.settings import GuidedSettings
from spectrack.spectral.guided.stream import GuidedStream

Planes = NDArray[np.float32]

USUAL = 480
"""Pixels of the shorter side that the settings were chosen at."""

SMALLEST, SMALL = 160, 400
"""Shorter sides from which on, and below which, frames are enlarged."""

MOST = 2.0
"""Largest factor."""


def stream_for(
    size_wh: tuple[int, int], settings: GuidedSettings, kernel: str = "numba"
) -> GuidedStream | EnlargedStream:
    """What filters the masks of one object in frames of a size.

    Args:
        size_wh: Width and height of the frames.
        settings: The recipe.
        kernel: See :class:`~spectrack.spectral.guided.stream.GuidedStream`.

    Raises:
        InputError: As there.
    """
    if SMALLEST <= min(size_wh) < SMALL:
        return EnlargedStream(size_wh, settings, kernel)
    return GuidedStream(size_wh, 1, settings, kernel)


class EnlargedStream:
    """Filters the masks of one object on enlarged frames.

    Args:
        size_wh: Width and height of the frames.
        settings: The recipe.
        kernel: See :class:`~spectrack.spectral.guided.stream.GuidedStream`.
    """

    def __init__(
        self, size_wh: tuple[int, int], settings: GuidedSettings, kernel: str = "numba"
    ) -> None:
        factor = min(MOST, USUAL / min(size_wh))
        self.size_wh = size_wh
        self.large_wh = (round(factor * size_wh[0]), round(factor * size_wh[1]))
        self._stream = GuidedStream(self.large_wh, 1, settings, kernel)
        self._known: deque[Planes | None] = deque()  # masks inside that come out as they went in

    def push(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_mhw: Planes,
        forward_hw2: NDArray[np.float32] | None = None,
        backward_hw2: NDArray[np.float32] | None = None,
        fixed: bool = False,
        guide_hw: NDArray[np.float32] | None = None,
    ) -> list[Planes]:
        """As :meth:`GuidedStream.push <spectrack.spectral.guided.stream.GuidedStream.push>`."""
        (soft_hw,) = checked_masks(frame_hwc, soft_mhw, 1, self.size_wh)
        guide_hw = checked_guide(guide_hw, self.size_wh)
        forward, backward = self._flow(forward_hw2), self._flow(backward_hw2)
        self._known.append(soft_hw[None].copy() if fixed else None)
        frame = np.asarray(cv2.resize(frame_hwc, self.large_wh, interpolation=cv2.INTER_CUBIC))
        ready = self._stream.push(
            frame.astype(np.uint8, copy=False),
            self._soft(soft_hw),
            forward,
            backward,
            fixed,
            None if guide_hw is None else self._soft(guide_hw),
        )
        return [self._small(one) for one in ready]

    def flush(self) -> list[Planes]:
        """As :meth:`GuidedStream.flush <spectrack.spectral.guided.stream.GuidedStream.flush>`."""
        return [self._small(one) for one in self._stream.flush()]

    def _soft(self, soft_hw: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map of [0, 1]; means of ones may come out a little above one."""
        large = self._large(soft_hw)
        return np.minimum(large, np.float32(1), out=large)

    def _large(self, image: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(cv2.resize(image, self.large_wh), np.float32)

    def _flow(self, flow_hw2: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        if flow_hw2 is None:
            return None
        checked_flow(flow_hw2, self.size_wh)
        factors = np.divide(self.large_wh, self.size_wh, dtype=np.float32)
        return self._large(flow_hw2) * factors

    def _small(self, soft_mhw: Planes) -> Planes:
        known = self._known.popleft()
        if known is not None:
            return known
        small = cv2.resize(soft_mhw[0], self.size_wh, interpolation=cv2.INTER_AREA)
        return np.minimum(np.asarray(small, np.float32), np.float32(1))[None]

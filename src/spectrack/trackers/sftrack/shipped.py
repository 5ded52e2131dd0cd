"""The networks that come with the package, for whoever needs a mask in a box."""

from __future__ import annotations

from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.trackers.sftrack.first import first_mask
from spectrack.trackers.sftrack.segmenter import Segmenter
from spectrack.trackers.sftrack.weights import shared_sftrack


class ShippedFirstMask:
    """Makes masks in boxes by the shipped networks; see :func:`first_mask`.

    Raises:
        InputError: If the shipped weights cannot be read.
    """

    def __init__(self) -> None:
        self._segment = Segmenter(shared_sftrack().feat2seg)

    def __call__(self, frame_hwc: FrameHWC, box: Box) -> SoftHW:
        """Soft mask of the thing in a box: float32 (H, W) in [0, 1], not empty."""
        return first_mask(self._segment, frame_hwc, box)

"""The two verbs of every tracker."""

from __future__ import annotations

from typing import Protocol

from spectrack.errors import InputError
from spectrack.structures import FrameHWC, Prediction, Target


class Tracker(Protocol):
    """Follows one target through frames; holds bounded memory whatever the length of the video."""

    def init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start on a frame.

        Args:
            frame_hwc: uint8 RGB of shape (H, W, 3).
            target: What to follow; its box or mask lies in this frame.

        Returns:
            The answer for this first frame: the mask and box given, or found in the box given.

        Raises:
            InputError: If frame or target cannot be used.
        """
        ...

    def update(self, frame_hwc: FrameHWC) -> Prediction:
        """Answer for the next frame.

        Raises:
            InputError: If the frame is of another size or :meth:`init` was not called.
        """
        ...


def check_frame(frame_hwc: FrameHWC, size_wh: tuple[int, int] | None = None) -> tuple[int, int]:
    """Make sure a frame is uint8 RGB and of the size expected.

    Returns:
        Its width and height.

    Raises:
        InputError: If it is not.
    """
    if frame_hwc.ndim != 3 or frame_hwc.shape[2] != 3 or frame_hwc.dtype.name != "uint8":
        raise InputError(
            f"a {frame_hwc.dtype} frame of shape {frame_hwc.shape} was given; "
            "expected uint8 RGB of shape (height, width, 3)"
        )
    width, height = frame_hwc.shape[1], frame_hwc.shape[0]
    if width == 0 or height == 0:
        raise InputError(f"a frame of {width}x{height} was given; give frames with pixels")
    if size_wh is not None and (width, height) != size_wh:
        raise InputError(
            f"a frame of {width}x{height} follows frames of {size_wh[0]}x{size_wh[1]}; "
            "give frames of one size"
        )
    return width, height

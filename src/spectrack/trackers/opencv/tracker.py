"""OpenCV's box trackers behind the two verbs: KCF, CSRT, MIL, MedianFlow, MOSSE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.colour import mask_from_box

_NAMES = {
    "kcf": "TrackerKCF",
    "csrt": "TrackerCSRT",
    "mil": "TrackerMIL",
    "medianflow": "TrackerMedianFlow",
    "mosse": "TrackerMOSSE",
}
# Correlation filters fail on patches of a few pixels; smaller boxes are tracked by this much more.
_SMALLEST_SIDE = 8.0


@dataclass(frozen=True, slots=True)
class OpenCVSettings:
    """Which tracker of OpenCV.

    Args:
        kind: ``kcf``, ``csrt``, ``mil``, ``medianflow`` or ``mosse``.
        masks: Fill every box with a mask by colour.
    """

    kind: str = "csrt"
    masks: bool = False


class OpenCVTracker(Tracker):
    """A box tracker of OpenCV.

    Args:
        settings: See :class:`OpenCVSettings`.

    Raises:
        InputError: If the kind is unknown or the installed OpenCV lacks it.
    """

    Settings = OpenCVSettings

    def __init__(self, settings: OpenCVSettings | None = None) -> None:
        super().__init__(settings)
        self._create = find_constructor(self.settings.kind)
        self._tracker: Any = None

    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        size = self.size_wh
        inner = target.box.clip(size) or target.box
        self._box = self._given = inner
        whole = _whole_pixels(inner, size)
        self._shift = (inner.x - whole[0], inner.y - whole[1])
        self._ratio = (inner.w / whole[2], inner.h / whole[3])
        self._tracker = self._create()
        try:
            started = self._tracker.init(_bgr(frame_hwc), whole)
        except cv2.error:
            started = False
        if started is False:  # the newer trackers answer None
            self._tracker = None
        mask = target.mask if target.mask is not None else self._fill(frame_hwc, inner)
        return Prediction(target.box, mask if self.settings.masks else None, 1.0)

    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        box = self._ask(frame_hwc)
        if box is None:
            empty = np.zeros(frame_hwc.shape[:2], dtype=bool) if self.settings.masks else None
            return Prediction(None, empty, 0.0, found=False)
        self._box = box
        return Prediction(box, self._fill(frame_hwc, box), 1.0)

    def _ask(self, frame: FrameHWC) -> Box | None:
        if self._tracker is None:
            return None
        try:
            ok, (x, y, w, h) = self._tracker.update(_bgr(frame))
        except cv2.error:  # some fail on targets that leave the frame
            return None
        if not ok or not np.isfinite([x, y, w, h]).all() or w <= 0 or h <= 0:
            return None
        (rx, ry), (sx, sy) = self._ratio, self._shift
        scale_x = w * rx / self._given.w
        scale_y = h * ry / self._given.h
        return Box(x + sx * scale_x, y + sy * scale_y, w * rx, h * ry).clip(self.size_wh)

    def _fill(self, frame: FrameHWC, box: Box) -> HardHW | None:
        return mask_from_box(frame, box) if self.settings.masks else None


def find_constructor(kind: str) -> Callable[[], Any]:
    """What builds a tracker of a kind; the older ones live in ``cv2.legacy``.

    Raises:
        InputError: If the kind is unknown or the installed OpenCV lacks it.
    """
    if kind not in _NAMES:
        raise InputError(f"OpenCV tracker {kind!r} is unknown; use one of {', '.join(_NAMES)}")
    name = _NAMES[kind]
    for home in (cv2, getattr(cv2, "legacy", None)):
        found: Callable[[], Any] | None = getattr(home, f"{name}_create", None)
        if found is None:
            found = getattr(getattr(home, name, None), "create", None)
        if found is not None:
            return found
    raise InputError(
        f"the installed OpenCV {cv2.__version__} has no {name}; "
        "install opencv-contrib-python-headless"
    )


def _bgr(frame: FrameHWC) -> Any:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)


def _whole_pixels(box: Box, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Whole-pixel box of at least 8 pixels a side where the frame allows it."""
    sides = []
    for start, length, limit in ((box.x, box.w, size_wh[0]), (box.y, box.h, size_wh[1])):
        wanted = min(max(round(length), int(_SMALLEST_SIDE)), limit)
        first = round(start + length / 2 - wanted / 2)
        sides.append((min(max(first, 0), limit - wanted), wanted))
    (x, w), (y, h) = sides
    return x, y, w, h

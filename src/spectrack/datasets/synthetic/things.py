"""Several patterned things on made-up ground, with the exact mask of each; apart or crossing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.synthetic.sprites import periodic_noise
from spectrack.errors import InputError
from spectrack.structures import FrameHWC

Float = NDArray[np.float32]
Index = NDArray[np.uint8]

_HUES = (0, 90, 30, 130, 60, 160, 110, 15)  # of OpenCV's circle of 180, neighbours far apart


@dataclass(frozen=True)
class _Thing:
    """An ellipse: its colours (h, w, 3), half axes, middle, and how far it strays."""

    skin_hwc: Float
    half_xy: tuple[float, float]
    middle_xy: tuple[float, float]
    stray_xy: tuple[float, float]
    phase: float


class Things:
    """Things that are told apart by colour and pattern; later ones lie over earlier ones.

    Args:
        count: How many, 1 to 8.
        size_wh: Of the frames.
        crossing: Things go to and fro along the middle row and pass one another; otherwise each
            stays in a part of the frame of its own.
        period: Frames from one end of a path to the other and back.
        seed: Of patterns.

    Raises:
        InputError: If there are none or too many.
    """

    def __init__(
        self,
        count: int,
        size_wh: tuple[int, int] = (854, 480),
        crossing: bool = False,
        period: int = 60,
        seed: int = 0,
    ) -> None:
        if not 1 <= count <= len(_HUES):
            raise InputError(f"{count} things were asked for; give 1 to {len(_HUES)}")
        rng = np.random.default_rng(seed)
        self.size_wh, self._period = size_wh, period
        self._ground = _pattern(rng, size_wh, None)
        width, height = size_wh
        columns, rows = 4, 2
        cell_w, cell_h = width / columns, height / rows
        self._things = []
        for k in range(count):
            half = (0.2 * cell_w, 0.18 * cell_h)
            skin = _pattern(rng, (math.ceil(2 * half[0]) + 2, math.ceil(2 * half[1]) + 2), _HUES[k])
            middle = ((k % columns + 0.5) * cell_w, (k // columns % rows + 0.5) * cell_h)
            stray, phase = (0.25 * cell_w, 0.25 * cell_h), 0.9 * k
            if crossing:
                middle = (width / 2, height / 2 + 0.1 * cell_h * (k - (count - 1) / 2))
                stray = (width / 2 - 1.5 * half[0], 0.0)
                phase = math.pi * (0.35 + 2 * k / count)  # the first two meet soon
            self._things.append(_Thing(skin, half, middle, stray, phase))

    def render(self, time: int) -> tuple[FrameHWC, Index]:
        """A frame, uint8 RGB, and which thing each pixel shows: 0 for the ground, else 1 on."""
        image, index = self._ground.copy(), np.zeros(self.size_wh[::-1], dtype=np.uint8)
        rows, cols = np.mgrid[: self.size_wh[1], : self.size_wh[0]].astype(np.float32)
        for number, one in enumerate(self._things, start=1):
            turn = 2 * math.pi * time / self._period + one.phase
            x = one.middle_xy[0] + one.stray_xy[0] * math.cos(turn)
            y = one.middle_xy[1] + one.stray_xy[1] * math.sin(2 * turn)
            inside = ((cols - x) / one.half_xy[0]) ** 2 + ((rows - y) / one.half_xy[1]) ** 2 <= 1
            corner = (x - one.skin_hwc.shape[1] / 2, y - one.skin_hwc.shape[0] / 2)
            place = np.array([[1, 0, corner[0]], [0, 1, corner[1]]])
            skin = cv2.warpAffine(one.skin_hwc, place, self.size_wh, borderMode=cv2.BORDER_REFLECT)
            image[inside] = skin[inside]
            index[inside] = number
        return np.clip(np.rint(image), 0, 255).astype(np.uint8), index

    def clip(self, frames: int) -> Iterator[tuple[FrameHWC, Index]]:
        """The first frames, as :meth:`render` gives them."""
        return (self.render(time) for time in range(frames))


def _pattern(rng: np.random.Generator, size_wh: tuple[int, int], hue: int | None) -> Float:
    """Smooth noise of one hue, or grey ground; float32 (H, W, 3)."""
    light = np.clip(128 + 40 * periodic_noise(rng, size_wh, 1.2), 20, 235)
    if hue is None:
        return np.repeat(light[..., None], 3, axis=2).astype(np.float32)
    hsv = np.empty((size_wh[1], size_wh[0], 3), dtype=np.uint8)
    hsv[..., 0] = (hue + 4 * periodic_noise(rng, size_wh, 1.5)) % 180
    hsv[..., 1], hsv[..., 2] = 200, light
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)

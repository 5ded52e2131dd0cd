"""Random changes of the crops that a tracking network learns from."""

from __future__ import annotations

import math
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box, FrameHWC

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Pixel = TypeVar("Pixel", np.uint8, np.bool_)

COLOUR_AXES = np.array(
    [
        [-0.55919361, 0.98062831, -0.41940627],
        [1.72091413, 0.19879334, -1.82968581],
        [4.64467907, 4.73710203, 4.88324118],
    ]
)
"""Rows for red, green and blue of what is multiplied by three random numbers, as published.

Its rows, not its columns, are the main axes of natural colours, so casts come out uncorrelated and
most of all in blue; the published weights were trained with them like that.
"""


def jittered_box(
    box: Box, rng: np.random.Generator, scale: float, shift_xy: tuple[float, float]
) -> Box:
    """A box that is off: where a tracker might have looked for the target.

    Args:
        box: The true one.
        rng: Where chance comes from.
        scale: Standard deviation of the logarithm of each side.
        shift_xy: Range of the centre's error along each axis, in square roots of the new area;
            it is drawn evenly from minus one half to one half of it.
    """
    w, h = (float(v) for v in (box.w, box.h) * np.exp(scale * rng.standard_normal(2)))
    off = math.sqrt(w * h) * np.array(shift_xy) * (rng.random(2) - 0.5)
    cx, cy = (float(v) for v in np.array(box.center) + off)
    return Box(cx - w / 2, cy - h / 2, w, h)


def grey(frame_hwc: FrameHWC, exchanged: bool = True) -> FrameHWC:
    """A picture without colours, in three equal channels.

    Args:
        frame_hwc: uint8 RGB.
        exchanged: With the weights of red and blue exchanged, as in the published training of RTS,
            which takes the channels for red, green, blue when they are blue, green, red.
    """
    kind = cv2.COLOR_BGR2GRAY if exchanged else cv2.COLOR_RGB2GRAY
    return np.dstack([cv2.cvtColor(frame_hwc, kind)] * 3)


def flipped(picture: NDArray[Pixel]) -> NDArray[Pixel]:
    """A picture or mask with left and right exchanged."""
    return np.ascontiguousarray(picture[:, ::-1])


def brighter(frame_hwc: FrameHWC, gain: float) -> FrameHWC:
    """All values times ``gain``, cut at 255."""
    return np.asarray(cv2.convertScaleAbs(frame_hwc, alpha=gain), np.uint8)


def colour_cast(picture_hwc: Floats, rng: np.random.Generator) -> Floats:
    """All pixels changed by one random colour (SiamRPN's training).

    Args:
        picture_hwc: float32 RGB (H, W, 3), 0 to 255; the result may leave that range by a little.
        rng: Where chance comes from.
    """
    return picture_hwc - (COLOUR_AXES @ rng.standard_normal(3)).astype(np.float32)


def cross_blur(picture_hwc: Floats, size: int, upright: float) -> Floats:
    """A picture blurred along x and y, as by a filter that is a cross (SiamRPN's training).

    Args:
        picture_hwc: float32 (H, W, C).
        size: Length of both bars, odd.
        upright: Weight of the upright bar, in [0, 1]; the other has the rest.
    """
    tall, wide = cv2.blur(picture_hwc, (1, size)), cv2.blur(picture_hwc, (size, 1))
    return np.asarray(upright * tall + (1 - upright) * wide, np.float32)


def mirrored_box(box: Box, width: int) -> Box:
    """The box in the mirrored picture of that width, counted between centres of pixels."""
    return Box(width - 1 - (box.x + box.w), box.y, box.w, box.h)


def turn(size_hw: tuple[int, int], degrees: float, zoom: float) -> NDArray[np.float64]:
    """The 2x3 matrix of a rotation and zoom about the middle of a picture.

    Args:
        size_hw: Height and width of the picture.
        degrees: Counter-clockwise as seen.
        zoom: Above 1 enlarges.
    """
    height, width = size_hw
    matrix = cv2.getRotationMatrix2D((width * 0.5, height * 0.5), degrees, zoom)
    return np.asarray(matrix, np.float64)


def warped(picture: Pixels, matrix: NDArray[np.float64], nearest: bool = False) -> Pixels:
    """A picture or mask of its own size after an affine map; 0 comes in from beyond."""
    height, width = picture.shape[:2]
    kind = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=kind), np.uint8)


def warped_box(box: Box, matrix: NDArray[np.float64], size_hw: tuple[int, int]) -> Box:
    """The upright box about the mapped corners, cut to a picture of that size."""
    xs, ys = (box.x, box.x + box.w), (box.y, box.y + box.h)
    corners = np.array([[x, y, 1] for x in xs for y in ys]) @ matrix.T
    most = np.array([size_hw[1], size_hw[0]])
    low, high = np.clip(corners.min(0), 0, most), np.clip(corners.max(0), 0, most)
    return Box.from_xyxy(*(float(v) for v in (*low, *high)))

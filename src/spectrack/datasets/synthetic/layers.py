"""Cut-outs that move over a background, with the exact mask of what stays visible.

A layer is RGB and opacity; its colours go on beyond its edge, so that a soft edge takes nothing
of the background it was cut from (no halo). Points are (x, y), pixel centres at whole numbers;
places are 3x3 matrices from still or layer pixels to frame pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import HardHW

Places = NDArray[np.float64]  # (3, 3) or, one a frame, (T, 3, 3)
Pixels = NDArray[np.uint8]

EDGE = cv2.BORDER_REPLICATE  # cut-outs are clear at their edge, and colours go on beyond it
COARSE = 4  # holes are filled at this fraction of the size
DETAIL = 41  # pixels; structure finer than this counts as detail
LONGEST_SMEAR = 15


@dataclass(frozen=True, eq=False)
class Patch:
    """A layer as drawn: the part of the frame it is in, its colours and opacity 0..1 there."""

    rows: slice
    columns: slice
    colours_hwc: Pixels
    opacity_hw: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Layer:
    """A cut-out and where it is in every frame.

    Args:
        pixels_hwc: uint8 (h, w, 4), RGB and opacity.
        places_t33: Layer pixels to frame pixels, frame by frame.
        bends_tgg2: Random displacements on a coarse grid over the layer, in frame pixels; spread
            bicubically. None for a layer that keeps its shape.
        smears_t2: Motion blur of every frame as a vector in pixels.
    """

    pixels_hwc: Pixels
    places_t33: Places
    bends_tgg2: NDArray[np.float32] | None = None
    smears_t2: NDArray[np.float64] | None = None

    def draw(self, frame: int, size_wh: tuple[int, int]) -> Patch | None:
        """The layer in a frame of that size, or None where it is out of view."""
        place = self.places_t33[frame]
        height, width = self.pixels_hwc.shape[:2]
        corners = place[:2] @ np.array(
            [[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]]
        )
        bend = None if self.bends_tgg2 is None else self.bends_tgg2[frame]
        reach = 1 + (0 if bend is None else float(np.abs(bend).max()))
        reach += 0 if self.smears_t2 is None else LONGEST_SMEAR / 2
        left, top = np.floor(corners.min(axis=1) - reach).astype(int)
        right, bottom = np.ceil(corners.max(axis=1) + reach).astype(int) + 1
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(right, size_wh[0]), min(bottom, size_wh[1])
        if x0 >= x1 or y0 >= y1:
            return None
        if bend is None:
            shifted = place[:2].copy()
            shifted[:, 2] -= (x0, y0)
            window = (int(x1 - x0), int(y1 - y0))
            drawn = cv2.warpAffine(self.pixels_hwc, shifted, window, borderMode=EDGE)
        else:
            spread = cv2.resize(
                bend, (int(right - left), int(bottom - top)), interpolation=cv2.INTER_CUBIC
            )[y0 - top : y1 - top, x0 - left : x1 - left]
            xs = spread[..., 0] + np.arange(x0, x1, dtype=np.float32)
            ys = spread[..., 1] + np.arange(y0, y1, dtype=np.float32)[:, None]
            (a, b, c), (d, e, f) = np.linalg.inv(place)[:2].astype(np.float32)
            from_xy = a * xs + b * ys + c, d * xs + e * ys + f
            drawn = cv2.remap(self.pixels_hwc, *from_xy, cv2.INTER_LINEAR, borderMode=EDGE)
        pixels = np.asarray(drawn, np.uint8)
        if self.smears_t2 is not None:
            pixels = smear(pixels, self.smears_t2[frame])
        opacity = pixels[..., 3] * np.float32(1 / 255)
        colours = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), np.uint8)
        return Patch(slice(y0, y1), slice(x0, x1), colours, opacity)


def paint(frame_hwc: Pixels, patch: Patch | None) -> None:
    """Lay a patch over a frame, in place."""
    if patch is None:
        return
    part = frame_hwc[patch.rows, patch.columns]
    part[:] = cv2.blendLinear(
        patch.colours_hwc, part.copy(), patch.opacity_hw, np.float32(1) - patch.opacity_hw
    )


def visible(
    target: Patch | None, front: Sequence[Patch | None], size_wh: tuple[int, int]
) -> HardHW:
    """Where the target is seen: at least half of a pixel's colour is its own."""
    share = np.zeros((size_wh[1], size_wh[0]), np.float32)
    if target is not None:
        share[target.rows, target.columns] = target.opacity_hw
        for patch in front:
            if patch is not None:
                share[patch.rows, patch.columns] *= 1 - patch.opacity_hw
    return np.asarray(share >= 0.5, np.bool_)


def cut_out(image_hwc: Pixels, mask_hw: HardHW, feather: int) -> tuple[Pixels, Places]:
    """The object of a still, its edge softened over ``feather`` pixels, and its place there."""
    x, y, w, h = cv2.boundingRect(mask_hw.view(np.uint8))
    pad = feather + 2
    sides = (pad, pad, pad, pad)
    image: NDArray[Any] = cv2.copyMakeBorder(image_hwc[y : y + h, x : x + w], *sides, EDGE)
    mask = np.pad(mask_hw[y : y + h, x : x + w].view(np.uint8), pad)
    known: NDArray[Any] = mask
    opacity: NDArray[Any] = mask * np.uint8(255)
    if feather:
        # The outermost pixels of a mask carry the background's colour.
        known = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=feather)
        known = known if known.any() else mask
        opacity = cv2.blur(opacity, (2 * feather + 1, 2 * feather + 1))
    return np.dstack([fill(image, known), opacity]), shift(x - pad, y - pad)


def behind(image_hwc: Pixels, mask_hw: HardHW, feather: int) -> Pixels:
    """The still without its object: smooth colours from around it, with detail from elsewhere."""
    hole: NDArray[Any] = mask_hw.view(np.uint8)
    if feather:
        size = 4 * feather + 1
        hole = cv2.dilate(hole, np.ones((size, size), np.uint8))
    return fill(image_hwc, np.asarray(1 - hole, np.uint8), detail=True)


def fill(image_hwc: Pixels, known_hw: Pixels, detail: bool = False) -> Pixels:
    """Fill what is not known by normalised convolution over a pyramid (push and pull).

    Args:
        image_hwc: uint8 (H, W, 3).
        known_hw: uint8 (H, W), 1 where the image is to be kept, 0 where it is to be filled.
        detail: Whether the fill gets the fine structure of the half of the image that is better
            known, and of its mirror image.

    Returns:
        The image, with known pixels untouched.
    """
    height, width = known_hw.shape
    small = (-(-width // COARSE), -(-height // COARSE))
    kept = cv2.bitwise_and(image_hwc, image_hwc, mask=known_hw)
    colour = cv2.resize(kept, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = cv2.resize(known_hw.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    pulled = _pull(colour, weight.astype(np.float32))
    large = cv2.resize(pulled, (width, height), interpolation=cv2.INTER_LINEAR)
    smooth = cv2.convertScaleAbs(large)  # rounds and stays within 0..255
    filled = _with(image_hwc, known_hw, smooth)
    if not detail:
        return filled
    fine = cv2.subtract(filled, cv2.blur(filled, (DETAIL, DETAIL)), dtype=cv2.CV_16S)
    fine = cv2.bitwise_and(fine, fine, mask=known_hw)
    half = (width + 1) // 2
    left, right = slice(0, half), slice(width - half, width)
    if known_hw[:, left].sum() > known_hw[:, right].sum():
        fine[:, right] = fine[:, left]
        fine[:, left] = fine[:, right][:, ::-1].copy()
    else:
        fine[:, left] = fine[:, right]
        fine[:, right] = fine[:, left][:, ::-1].copy()
    return _with(image_hwc, known_hw, np.asarray(cv2.add(smooth, fine, dtype=cv2.CV_8U), np.uint8))


def _with(image_hwc: Pixels, known_hw: Pixels, rest_hwc: NDArray[Any]) -> Pixels:
    """The image where it is known, the rest elsewhere."""
    return np.asarray(cv2.copyTo(image_hwc, known_hw, rest_hwc.copy()), np.uint8)


def _pull(colour: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour where there is weight; elsewhere that of the next coarser level."""
    height, width = weight.shape
    if min(height, width) <= 1 or weight.min() > 0.99:
        known = weight.sum()
        coarse: NDArray[Any] = colour.sum(axis=(0, 1)) / known if known > 0 else np.zeros(3)
    else:
        half = ((width + 1) // 2, (height + 1) // 2)
        fewer, less = (cv2.resize(a, half, interpolation=cv2.INTER_AREA) for a in (colour, weight))
        below = _pull(np.asarray(fewer, np.float32), np.asarray(less, np.float32))
        coarse = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR)
    # The colour is that of the known share of a pixel; the rest of it is the coarser level's.
    return np.asarray(colour + (1 - weight[..., None]) * coarse, np.float32)


def shrink(pixels_hwc: Pixels, scale: float) -> tuple[Pixels, Places]:
    """Pixels made smaller for drawing at that scale (no aliasing), and their place in the old."""
    if scale > 0.8:
        return pixels_hwc, np.eye(3)
    height, width = pixels_hwc.shape[:2]
    new_w, new_h = max(2, round(width * scale)), max(2, round(height * scale))
    across, down = width / new_w, height / new_h
    back = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
    small = cv2.resize(pixels_hwc, (new_w, new_h), interpolation=cv2.INTER_AREA)
    if pixels_hwc.shape[2] == 4:  # again clear at the edge
        small = cv2.copyMakeBorder(small, 1, 1, 1, 1, EDGE)
        for edge in (small[0], small[-1], small[:, 0], small[:, -1]):
            edge[:, 3] = 0
        back = back @ shift(-1, -1)
    return np.asarray(small, np.uint8), back


def smear(pixels_hwc: Pixels, vector_xy: NDArray[np.float64]) -> Pixels:
    """Blur along a vector, in pixels; at most LONGEST_SMEAR of them."""
    x, y = vector_xy
    length = float(np.hypot(x, y))
    if length < 1:
        return pixels_hwc
    shorter = min(1.0, LONGEST_SMEAR / length) / 2
    middle = int(np.ceil(length * shorter))
    kernel = np.zeros((2 * middle + 1, 2 * middle + 1), np.float32)
    dx, dy = round(x * shorter), round(y * shorter)
    cv2.line(kernel, (middle - dx, middle - dy), (middle + dx, middle + dy), 1.0)
    return np.asarray(cv2.filter2D(pixels_hwc, -1, kernel / kernel.sum()), np.uint8)


def shift(x: float, y: float) -> Places:
    """The matrix that moves by (x, y)."""
    return np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])

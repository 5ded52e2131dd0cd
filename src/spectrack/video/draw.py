"""Draw what a tracker found: mask, contour, box and score on a copy of the frame.

All widths scale with the frame: 1 unit is 1 pixel at 480 rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC

Color = tuple[int, int, int]

COLORS: tuple[Color, ...] = (
    (255, 76, 60),
    (46, 168, 255),
    (82, 205, 92),
    (255, 196, 30),
    (196, 104, 255),
    (36, 214, 200),
    (255, 120, 190),
    (255, 150, 60),
)
"""Colours of objects 1, 2, ... on overlays; bright on dark and light frames alike."""

_DARK = np.array([12.0, 12.0, 16.0], dtype=np.float32)
_OUTLINE_OPACITY = 0.65


def object_color(object_id: int) -> Color:
    """Overlay colour (r, g, b) of an object id (1, 2, ...)."""
    return COLORS[(object_id - 1) % len(COLORS)]


def draw_overlay(
    frame_hwc: FrameHWC,
    mask_hw: NDArray[Any] | None = None,
    box: Box | Sequence[float] | None = None,
    score: float | None = None,
    label: str | None = None,
    color: Color = COLORS[0],
    alpha: float = 0.4,
) -> FrameHWC:
    """Draw one object on a copy of a frame.

    Args:
        frame_hwc: uint8 RGB frame of shape (H, W, 3).
        mask_hw: Hard (bool) or soft ([0, 1]) mask of shape (H, W); soft masks tint softly and get
            their contour at 0.5.
        box: Box (x, y, w, h) in pixels.
        score: Confidence, written with two digits.
        label: Text before the score.
        color: Colour (r, g, b), 0 to 255.
        alpha: Strength of the tint inside the mask, in [0, 1].

    Returns:
        The drawing, uint8 RGB of shape (H, W, 3).

    Raises:
        InputError: If frame and mask do not have these shapes.
    """
    if frame_hwc.ndim != 3 or frame_hwc.shape[2] != 3 or frame_hwc.dtype != np.uint8:
        raise InputError(
            f"a frame of dtype {frame_hwc.dtype} and shape {frame_hwc.shape} was given; "
            "expected uint8 RGB of shape (height, width, 3)"
        )
    out = np.ascontiguousarray(frame_hwc).copy()
    unit = max(min(out.shape[:2]) / 480, 0.5)
    tight = None if box is None else Box.coerce(box)
    if mask_hw is not None:
        if mask_hw.shape != out.shape[:2]:
            raise InputError(
                f"a mask of shape {mask_hw.shape} was given for a frame of shape "
                f"{out.shape[:2]}; give one of the same size"
            )
        inside = Box.from_mask(mask_hw >= 0.5)
        _draw_mask(out, mask_hw, color, alpha, unit)
        anchor = tight or inside
    else:
        anchor = tight
    if tight is not None:
        _draw_box(out, tight, color, unit)
    words = [w for w in (label, None if score is None else f"{score:.2f}") if w]
    if words:
        _draw_label(out, "  ".join(words), anchor, color, unit, boxed=tight is not None)
    return out


def _draw_mask(
    out: FrameHWC, mask_hw: NDArray[Any], color: Color, alpha: float, unit: float
) -> None:
    """Tint inside the mask and draw its contour: a colour line between two thin dark ones.

    The contour is a band of the distance to the mask's edge, slightly smoothed: free of stairs,
    the same for any topology, and open where the object leaves the frame.
    """
    touched = Box.from_mask(mask_hw)
    if touched is None:
        return
    height, width = mask_hw.shape
    half, dark = max(0.9 * unit, 0.75), max(0.8 * unit, 0.7)
    margin = int(np.ceil(half + dark + 4 * unit)) + 2
    x1, y1, x2, y2 = (int(v) for v in touched.xyxy)
    part = (
        slice(max(y1 - margin, 0), min(y2 + margin, height)),
        slice(max(x1 - margin, 0), min(x2 + margin, width)),
    )
    soft = np.clip(mask_hw[part].astype(np.float32), 0, 1)
    tint = alpha * soft
    line: NDArray[Any] = np.zeros_like(soft)
    rim = line
    hard = (soft >= 0.5).astype(np.uint8)
    if hard.any() and not hard.all():
        inner = cv2.distanceTransform(hard, cv2.DIST_L2, cv2.DIST_MASK_5)
        outer = cv2.distanceTransform(1 - hard, cv2.DIST_L2, cv2.DIST_MASK_5)
        # Pixel centres next to the edge lie 1 apart in the transform but 0.5 from the edge.
        signed = np.where(hard > 0, inner - 0.5, 0.5 - outer)
        edge = np.abs(cv2.GaussianBlur(signed, (0, 0), 0.9 * unit))
        line = np.clip(half + 0.5 - edge, 0, 1)
        rim = _OUTLINE_OPACITY * np.clip(half + dark + 0.5 - edge, 0, 1)
    # Three layers, the tint below, then the dark rim, then the line, blended in one pass.
    rim = rim * (1 - line)
    paint = line + tint * (1 - line - rim)
    keep = 1 - paint - rim
    for channel in range(3):
        layer = out[part][..., channel]
        layer[...] = np.rint(layer * keep + (color[channel] * paint + _DARK[channel] * rim))


def _draw_box(out: FrameHWC, box: Box, color: Color, unit: float) -> None:
    """Crisp rectangle on whole pixels with a thin dark line on either side."""
    line, dark = max(1, round(1.6 * unit)), max(1, round(0.7 * unit))
    x1, y1, x2, y2 = (round(v) for v in box.xyxy)
    _frame(
        out,
        x1 - line - dark,
        y1 - line - dark,
        x2 + line + dark,
        y2 + line + dark,
        line + 2 * dark,
        _DARK,
        _OUTLINE_OPACITY,
    )
    _frame(out, x1 - line, y1 - line, x2 + line, y2 + line, line, np.array(color, np.float32), 1.0)


def _frame(
    out: FrameHWC,
    x1: int,
    y1: int,
    x2: int,
    y2: int,
    thickness: int,
    color: NDArray[np.float32],
    opacity: float,
) -> None:
    """Fill the border of a rectangle, clipped to the frame; each pixel once."""
    t = thickness
    for top, bottom, left, right in (
        (y1, y1 + t, x1, x2),
        (y2 - t, y2, x1, x2),
        (y1 + t, y2 - t, x1, x1 + t),
        (y1 + t, y2 - t, x2 - t, x2),
    ):
        area = out[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        area[...] = np.rint(area * (1 - opacity) + color * opacity)


def _draw_label(
    out: FrameHWC, text: str, anchor: Box | None, color: Color, unit: float, boxed: bool
) -> None:
    """Text on a filled plate above the anchor's top-left corner, or inside where it must."""
    tile = text_tile(text, max(11, round(15 * unit)), color)
    height, width = tile.shape[:2]
    gap = max(1, round(1.6 * unit)) if boxed else round(5 * unit)
    x, y = (0, 0) if anchor is None else (round(anchor.x), round(anchor.y))
    x -= gap if boxed else 0
    y -= height + (0 if anchor is None else gap if not boxed else 0)
    if y < 0 and anchor is not None and boxed:
        y = max(round(anchor.y), 0)
    x = int(np.clip(x, 0, max(out.shape[1] - width, 0)))
    y = int(np.clip(y, 0, max(out.shape[0] - height, 0)))
    area = out[y : y + height, x : x + width]
    area[...] = tile[: area.shape[0], : area.shape[1]]


def text_tile(text: str, size: int, background: Color) -> FrameHWC:
    """A line of text on a plate of one colour, black or white by contrast; shape (h, w, 3)."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    width = font.getlength(text)
    pad = max(2, round(size * 0.3))
    luma = float(np.dot(background, (0.299, 0.587, 0.114)))
    ink = (16, 16, 20) if luma > 130 else (255, 255, 255)
    height = ascent + descent + 2
    plate = Image.new("RGB", (round(width) + 2 * pad, height), background)
    ImageDraw.Draw(plate).text((pad, 1), text, font=font, fill=ink)
    return np.asarray(plate)


@lru_cache(maxsize=16)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)

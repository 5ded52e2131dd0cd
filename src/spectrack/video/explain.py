"""How a fusing tracker came to its answer, as a picture: its inputs, their masks, mix and result.

A row is a moment: the frame with the box of every input; what each input became as a mask; the mix
of them; the result. All but the first picture of a row look at the same part of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, HardHW, SoftHW
from spectrack.video.draw import COLORS, Color, draw_overlay

RESULT_COLOR = COLORS[0]
"""Colour of the result; the inputs have the others."""

CELL_AREA = 320 * 180
"""Pixels of one picture, whatever its shape."""

_NARROWEST, _WIDEST = 170, 380
_LOWEST, _TALLEST = 60, 800
_SHADE: Color = (24, 24, 30)
_LEAST_SHARE = 0.22
_CONTEXT = 1.4


@dataclass(frozen=True, slots=True, eq=False)
class InputView:
    """What one input said of a frame, and what became of it.

    Args:
        name: Of the input.
        box: Where it sees the target; None where it sees nothing.
        soft_hw: The mask made of it, float32 (H, W); None where it was not heard.
        share: Its part in the mix, 0 to 1; None where nothing was mixed.
        agreement: How well it agreed with the others of late, 0 to 1; None as above.
        restarted: Whether it was started again after this frame.
    """

    name: str
    box: Box | None
    soft_hw: SoftHW | None = None
    share: float | None = None
    agreement: float | None = None
    restarted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One frame and how its answer came about.

    Args:
        index: Number of the frame, from 0.
        frame_hwc: uint8 RGB (H, W, 3).
        inputs: In the tracker's order.
        mixed_hw: The mix of their masks, float32 (H, W); None where there was none.
        result_hw: The final mask, float32 or bool (H, W); None where there is none.
        box: The final box.
        score: The final score.
        note: A word or two of what happened: ``start``, ``lost``, ``found again``; or nothing.
    """

    index: int
    frame_hwc: FrameHWC
    inputs: tuple[InputView, ...]
    mixed_hw: SoftHW | None
    result_hw: SoftHW | HardHW | None
    box: Box | None
    score: float
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One picture of a row.

    Args:
        picture_hwc: uint8 RGB.
        caption: One line below it.
        share: Length of the bar below it, 0 to 1; None for no bar.
        badge: A word in its corner.
    """

    picture_hwc: FrameHWC
    caption: str = ""
    share: float | None = None
    badge: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A drawn moment: small, whatever the size of the frame.

    Args:
        index: Number of the frame.
        note: See :class:`Moment`.
        names: Of the inputs.
        cells: The frame, one an input, the mix, the result.
    """

    index: int
    note: str
    names: tuple[str, ...]
    cells: tuple[Cell, ...]


def input_color(number: int) -> Color:
    """Colour (r, g, b) of an input, counted from 0."""
    return COLORS[1 + number % (len(COLORS) - 1)]


def draw_moment(moment: Moment) -> Row:
    """Draw the pictures of one row.

    Raises:
        InputError: If frame and masks differ in size.
    """
    height, width = moment.frame_hwc.shape[:2]
    maps = [moment.mixed_hw, moment.result_hw, *(one.soft_hw for one in moment.inputs)]
    for found in maps:
        if found is not None and found.shape != (height, width):
            raise InputError(
                f"a mask of shape {found.shape} was given for a frame of {width}x{height}; "
                "give masks of the frame's size"
            )
    boxes = [one.box for one in moment.inputs] + [moment.box]
    part = _part_of((width, height), [box for box in boxes if box is not None])
    view = _View(part, cell_size((width, height)))
    close = view.picture(moment.frame_hwc)
    cells = [
        _scene(moment, part),
        *(_input_cell(view, close, one, input_color(k)) for k, one in enumerate(moment.inputs)),
        _mix_cell(view, close, moment),
        _result_cell(view, close, moment),
    ]
    return Row(moment.index, moment.note, tuple(one.name for one in moment.inputs), tuple(cells))


def cell_size(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a picture of a row, for frames of this size."""
    aspect = size_wh[0] / size_wh[1]
    width = float(np.clip((CELL_AREA * aspect) ** 0.5, _NARROWEST, _WIDEST))
    return round(width), round(float(np.clip(width / aspect, _LOWEST, _TALLEST)))


class _View:
    """The part of the frame that a picture shows, and how it gets there."""

    def __init__(self, part: Box, size_wh: tuple[int, int]) -> None:
        self._part, self._size = part, size_wh
        self._scale = (size_wh[0] / part.w, size_wh[1] / part.h)

    def picture(self, image: NDArray[Any]) -> NDArray[Any]:
        """A frame or a map, cut and scaled; outside the frame it goes on as at the rim."""
        way = cv2.INTER_AREA if min(self._scale) < 1 else cv2.INTER_CUBIC
        if image.ndim == 2:
            way = cv2.INTER_AREA if min(self._scale) < 1 else cv2.INTER_LINEAR
        rows, cols = self._part.slices((image.shape[1], image.shape[0]))
        found: NDArray[Any] = cv2.resize(image[rows, cols], self._size, interpolation=way)
        return found

    def box(self, box: Box) -> Box:
        """A box of the frame, in the picture."""
        (sx, sy), part = self._scale, self._part
        return Box((box.x - part.x) * sx, (box.y - part.y) * sy, box.w * sx, box.h * sy)


def _part_of(size_wh: tuple[int, int], boxes: Sequence[Box]) -> Box:
    """A part of the frame, of its shape and on whole pixels, that holds all boxes with context."""
    width, height = size_wh
    corners = [inside.xyxy for box in boxes if (inside := box.clip(size_wh)) is not None]
    if not corners:
        return Box(0, 0, width, height)
    low, high = np.min(corners, axis=0)[:2], np.max(corners, axis=0)[2:]
    needed = _CONTEXT * max((high[0] - low[0]) / width, (high[1] - low[1]) / height)
    share = float(np.clip(needed, _LEAST_SHARE, 1))
    w, h = max(round(width * share), 1), max(round(height * share), 1)
    x = int(np.clip(round((low[0] + high[0] - w) / 2), 0, width - w))
    y = int(np.clip(round((low[1] + high[1] - h) / 2), 0, height - h))
    return Box(x, y, w, h)


def _scene(moment: Moment, part: Box) -> Cell:
    size = (moment.frame_hwc.shape[1], moment.frame_hwc.shape[0])
    view = _View(Box(0, 0, *size), cell_size(size))
    out = view.picture(moment.frame_hwc)
    if (part.w, part.h) != size:
        x1, y1, x2, y2 = (round(v) for v in view.box(part).xyxy)
        cv2.rectangle(out, (x1, y1), (x2 - 1, y2 - 1), (255, 255, 255), 1)
    for k, one in enumerate(moment.inputs):
        if one.box is not None:
            _outline(out, view.box(one.box), input_color(k))
    return Cell(out)


def _input_cell(view: _View, close: FrameHWC, one: InputView, color: Color) -> Cell:
    badge = "restarted" if one.restarted else ""
    if one.box is None:
        return Cell(_dimmed(close), "sees nothing", badge=badge)
    unheard = one.soft_hw is None and one.share is not None
    mask = None if one.soft_hw is None else view.picture(one.soft_hw)
    out = draw_overlay(_dimmed(close) if unheard else close, mask, color=color)
    _outline(out, view.box(one.box), color)
    if one.share is None or one.agreement is None or unheard:
        return Cell(out, "not heard" if unheard else "", badge=badge)
    caption = f"weight {100 * one.share:.0f} %   agrees {one.agreement:.2f}"
    return Cell(out, caption, one.share, badge)


def _mix_cell(view: _View, close: FrameHWC, moment: Moment) -> Cell:
    """The mix as a glow on the darkened frame."""
    if moment.mixed_hw is None:
        return Cell(_dimmed(close), "nothing to mix" if moment.index else "the first frame")
    soft = np.clip(view.picture(moment.mixed_hw.astype(np.float32)), 0, 1)
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)
    glow = table[np.rint(255 * soft).astype(np.uint8), 0, ::-1].astype(np.float32)
    strength = np.minimum(1.6 * soft, 0.92)[..., None]
    out = _dimmed(close) * (1 - strength) + glow * strength
    return Cell(np.rint(out).astype(np.uint8))


def _result_cell(view: _View, close: FrameHWC, moment: Moment) -> Cell:
    if moment.box is None:
        return Cell(_dimmed(close), "out of sight", badge=moment.note or "lost")
    mask = None
    if moment.result_hw is not None:
        mask = view.picture(moment.result_hw.astype(np.float32))
    out = draw_overlay(close, mask, color=RESULT_COLOR)
    _outline(out, view.box(moment.box), RESULT_COLOR)
    x, y, w, h = moment.box
    badge = "" if moment.note == "start" else moment.note
    caption = f"score {moment.score:.2f}   box {x:.0f}, {y:.0f}, {w:.0f} x {h:.0f}"
    return Cell(out, caption, moment.score, badge)


def _outline(out: FrameHWC, box: Box, color: Color) -> None:
    """A box in a picture this small: two pixels of colour, a dark one on either side."""
    x1, y1, x2, y2 = (round(v) for v in box.xyxy)
    for grow, shade in ((2, _SHADE), (-1, _SHADE), (1, color), (0, color)):
        near, far = (x1 - grow, y1 - grow), (x2 - 1 + grow, y2 - 1 + grow)
        cv2.rectangle(out, near, far, shade, 1)


def _dimmed(picture: FrameHWC) -> FrameHWC:
    grey = picture.mean(axis=2, keepdims=True) * 0.34 + 10
    return np.repeat(np.rint(grey).astype(np.uint8), 3, axis=2)

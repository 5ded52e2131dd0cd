"""The sheet of an explanation: rows of moments under headings that are the legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.draw import COLORS, Color
from spectrack.video.explain import RESULT_COLOR, Row, input_color

_BACK: Color = (17, 18, 23)
_INK: Color = (238, 239, 243)
_FAINT: Color = (140, 143, 154)
_RAIL: Color = (44, 46, 56)
_BADGES: dict[str, Color] = {"lost": COLORS[0], "found again": COLORS[2], "restarted": COLORS[3]}
_MARGIN, _GAP, _GUTTER = 28, 10, 104
_TITLE, _HEADINGS, _CAPTION, _SECTION, _FOOTER = 62, 36, 34, 40, 34
_KEY = (
    "white frame: what the other pictures show      weight: share in the mix      "
    "agrees: with the other inputs, of late      mix: before the spectral filter"
)


def explain_sheet(sections: Mapping[str, Sequence[Row]], title: str, about: str = "") -> FrameHWC:
    """Lay rows out on one sheet.

    Args:
        sections: Heading to rows, all of the same inputs and size; one section needs no heading
            and shows none.
        title: Above everything.
        about: A fainter line beside the title.

    Returns:
        uint8 RGB.

    Raises:
        InputError: If there is no row, or rows differ in inputs or size.
    """
    rows = [row for found in sections.values() for row in found]
    kinds = {(row.names, row.cells[0].picture_hwc.shape) for row in rows}
    if len(kinds) != 1:
        raise InputError(
            f"{len(rows)} rows of {len(kinds)} kinds were given; expected rows of one video and "
            "the same inputs"
        )
    names = rows[0].names
    height, width = rows[0].cells[0].picture_hwc.shape[:2]
    headed = len(sections) > 1
    step = height + _CAPTION
    tall = (
        _MARGIN
        + _TITLE
        + _HEADINGS
        + len(rows) * step
        + _FOOTER
        + headed * sum(_SECTION for found in sections.values() if found)
    )
    wide = 2 * _MARGIN + _GUTTER + len(rows[0].cells) * (width + _GAP) - _GAP
    sheet = Image.new("RGB", (wide, tall), _BACK)
    pen = ImageDraw.Draw(sheet)
    lefts = [_MARGIN + _GUTTER + k * (width + _GAP) for k in range(len(rows[0].cells))]
    y = _MARGIN
    pen.text((_MARGIN, y), title, font=_font(30), fill=_INK)
    after = _MARGIN + pen.textlength(title, font=_font(30)) + 18
    if after + pen.textlength(about, font=_font(17)) < wide - _MARGIN:
        pen.text((after, y + 12), about, font=_font(17), fill=_FAINT)
    y += _TITLE
    _headings(pen, lefts, y, names)
    y += _HEADINGS
    for heading, found in sections.items():
        if headed and found:
            pen.text((_MARGIN, y + 8), heading, font=_font(20), fill=_INK)
            y += _SECTION
        for row in found:
            _row(sheet, pen, row, lefts, y, (width, height))
            y += step
    pen.text((_MARGIN + _GUTTER, y + 4), _KEY, font=_font(14), fill=_FAINT)
    return np.asarray(sheet)


def _headings(pen: ImageDraw.ImageDraw, lefts: Sequence[int], y: int, names: Sequence[str]) -> None:
    """Names of the columns; an input's dot has the colour of its boxes."""
    plain = ["all inputs", *names, "mix", "result"]
    dots: list[Color | None] = [None, *map(input_color, range(len(names))), None, RESULT_COLOR]
    most = lefts[1] - lefts[0] - 30
    for x, name, dot in zip(lefts, plain, dots, strict=True):
        while pen.textlength(name, font=_font(18)) > most:
            name = name.rstrip("…")[:-1] + "…"
        start = x
        if dot is not None:
            pen.ellipse((x, y + 6, x + 12, y + 18), fill=dot)
            start += 20
        pen.text((start, y), name, font=_font(18), fill=_INK)


def _row(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    row: Row,
    lefts: Sequence[int],
    y: int,
    size_wh: tuple[int, int],
) -> None:
    width, height = size_wh
    pen.text((_MARGIN, y), "frame", font=_font(14), fill=_FAINT)
    pen.text((_MARGIN, y + 16), str(row.index), font=_font(30), fill=_INK)
    if row.note:
        pen.text((_MARGIN, y + 56), row.note, font=_font(16), fill=_BADGES.get(row.note, _FAINT))
    last = len(row.cells) - 1
    for k, (x, cell) in enumerate(zip(lefts, row.cells, strict=True)):
        sheet.paste(Image.fromarray(cell.picture_hwc), (x, y))
        if cell.badge:
            _badge(pen, cell.badge, x + width - 8, y + 8)
        below = y + height
        if cell.share is not None:
            color = RESULT_COLOR if k == last else input_color(k - 1)
            pen.rectangle((x, below + 3, x + width - 1, below + 5), fill=_RAIL)
            length = round(cell.share * (width - 1))
            pen.rectangle((x, below + 3, x + length, below + 5), fill=color)
        pen.text((x, below + 8), cell.caption, font=_font(14), fill=_FAINT)


def _badge(pen: ImageDraw.ImageDraw, text: str, right: int, top: int) -> None:
    color = _BADGES.get(text, _FAINT)
    length = pen.textlength(text, font=_font(14))
    pen.rounded_rectangle((right - length - 16, top, right, top + 22), radius=11, fill=color)
    pen.text((right - length - 8, top + 3), text, font=_font(14), fill=(16, 16, 20))


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)

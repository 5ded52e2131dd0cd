"""A small contact sheet of masks as HTML, for notebooks; no video is needed."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from spectrack.structures import Box

MOST_FRAMES = 8
"""Frames on a sheet, whatever the length of the video."""
SIDE = 160
"""Longer side of a picture in pixels."""
_GROUND, _EDGE = (238, 238, 240), (60, 60, 68)


@dataclass(frozen=True)
class Cell:
    """A frame on the sheet.

    Args:
        caption: Text below it.
        index_hw: Object ids, uint8 of shape (H, W); 0 is background.
        boxes: Boxes in pixels.
    """

    caption: str
    index_hw: NDArray[np.uint8]
    boxes: Sequence[Box]


def chosen_frames(count: int) -> list[int]:
    """Indices spread evenly from the first frame to the last, at most ``MOST_FRAMES``."""
    wanted = min(count, MOST_FRAMES)
    return np.linspace(0, count - 1, wanted).round().astype(int).tolist() if wanted else []


def sheet_html(title: str, cells: Iterable[Cell], palette: NDArray[np.uint8]) -> str:
    """The sheet.

    Args:
        title: Text above it.
        cells: The frames.
        palette: Colour of each object id, uint8 of shape (256, 3).

    Returns:
        HTML that needs nothing from elsewhere: the pictures are in it as PNG.
    """
    colours = palette.copy()
    colours[0] = _GROUND
    figures = []
    for cell in cells:
        data = base64.b64encode(cell_png(cell, colours)).decode("ascii")
        caption = html.escape(cell.caption)
        figures.append(
            f'<figure style="display:inline-block;margin:2px;text-align:center;font-size:11px">'
            f'<img alt="{caption}" src="data:image/png;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return f"<div><div><code>{html.escape(title)}</code></div>{''.join(figures)}</div>"


def cell_png(cell: Cell, colours: NDArray[np.uint8]) -> bytes:
    """One frame as the bytes of a PNG whose longer side is ``SIDE`` pixels at most."""
    height, width = cell.index_hw.shape
    scale = min(1.0, SIDE / max(height, width))
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(colours[cell.index_hw]).resize(size_wh, Image.Resampling.BOX)
    draw = ImageDraw.Draw(image)
    for box in cell.boxes:
        x1, y1, x2, y2 = (v * scale for v in box.xyxy)
        draw.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=_EDGE)
    out = BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()

"""Contact sheets: a grid of labelled pictures, for the documentation and the reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from spectrack.errors import InputError
from spectrack.storage import replacing
from spectrack.structures import FrameHWC
from spectrack.video.draw import Color, text_tile


def contact_sheet(
    images: Sequence[FrameHWC],
    labels: Sequence[str] | None = None,
    columns: int = 4,
    width: int = 320,
    gap: int = 6,
    background: Color = (255, 255, 255),
) -> FrameHWC:
    """Arrange pictures in rows, each with its label above.

    Args:
        images: uint8 RGB pictures of shape (H, W, 3); brought to one width.
        labels: One text a picture, or none at all.
        columns: Pictures in a row.
        width: Width of each picture in pixels.
        gap: Pixels between pictures and around them.
        background: Colour (r, g, b) behind them.

    Returns:
        The sheet, uint8 RGB.

    Raises:
        InputError: If there is no picture or the labels are not as many as the pictures.
    """
    if not images or (labels is not None and len(labels) != len(images)):
        raise InputError(
            f"{len(images)} pictures with {0 if labels is None else len(labels)} labels were "
            "given; expected at least one picture and a label for each or for none"
        )
    cells = []
    for i, image in enumerate(images):
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        shrinks = width < image.shape[1]
        way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        cell = np.asarray(cv2.resize(image, (width, height), interpolation=way), dtype=np.uint8)
        if labels is not None:
            tile = text_tile(labels[i], max(11, round(width / 22)), background)[:, :width]
            bar = np.full((tile.shape[0], width, 3), background, dtype=np.uint8)
            bar[:, : tile.shape[1]] = tile
            cell = np.concatenate([bar, cell])
        cells.append(cell)
    columns = min(columns, len(cells))
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    heights = [max(cell.shape[0] for cell in row) for row in rows]
    size = (sum(heights) + gap * (len(rows) + 1), columns * (width + gap) + gap, 3)
    sheet = np.full(size, background, dtype=np.uint8)
    y = gap
    for row, tall in zip(rows, heights, strict=True):
        for j, cell in enumerate(row):
            x = gap + j * (width + gap)
            sheet[y : y + cell.shape[0], x : x + width] = cell
        y += tall + gap
    return sheet


def write_picture(path: str | Path, image_hwc: FrameHWC) -> Path:
    """Write a uint8 RGB picture as PNG or JPEG (by its name), complete or not at all.

    Returns:
        The file.
    """
    out = Path(path)
    kind = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}.get(out.suffix.lower())
    if kind is None:
        raise InputError(f"{path} cannot be written as a picture; give .png or .jpg")
    options = {"optimize": True} if kind == "PNG" else {"quality": 92, "subsampling": 0}
    with replacing(out) as part:
        Image.fromarray(image_hwc).save(part, format=kind, **options)
    return out

"""Images and regions of the TraX protocol as ours, and answers as its regions.

Only this module loads the package ``trax``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from trax import Image, Mask, Polygon, Rectangle, Region, TraxException
from trax.server import Server

from spectrack.errors import InputError
from spectrack.metrics.polygons import upright_box
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, Target
from spectrack.video.folder import read_image

__all__ = ["FORMATS", "Kind", "Server", "TraxException", "frame_of", "region_of", "target_of"]

Kind = Literal["rectangle", "polygon", "mask"]
"""Kinds of regions that a tracker can answer with."""

FORMATS = (Image.PATH, Image.MEMORY, Image.BUFFER)
"""Ways in which images may come: names of files, pixels, or the content of files."""


def frame_of(images: Mapping[str, Any]) -> FrameHWC:
    """The colour image of a request, uint8 RGB of shape (H, W, 3).

    Raises:
        InputError: If there is none, or it cannot be read.
    """
    if "color" not in images:
        raise InputError(f"images {sorted(images)} came; expected one of the channel color")
    image = images["color"]
    kind = image.type()
    if kind == Image.PATH:
        return read_image(image.path())
    if kind == Image.BUFFER:
        try:
            with Picture.open(io.BytesIO(image.buffer())) as picture:
                return np.ascontiguousarray(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Picture.DecompressionBombError) as error:
            raise InputError(f"an image came that cannot be decoded ({error})") from error
    if kind != Image.MEMORY:
        raise InputError(f"an image of kind {kind} came; expected one of {', '.join(FORMATS)}")
    pixels: NDArray[Any] = image.array()
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def target_of(region: Any, size_wh: tuple[int, int]) -> Target:
    """What to follow: a rectangle, the box around a polygon, or a mask.

    Args:
        region: Of the protocol.
        size_wh: Width and height of the frame; a mask may be smaller or larger.

    Raises:
        InputError: If it is of another kind, or empty.
    """
    if region.type == Region.RECTANGLE:
        return Target(box=region.bounds())
    if region.type == Region.POLYGON:
        return Target(box=upright_box(np.array(list(region), dtype=np.float64)))
    if region.type != Region.MASK:
        raise InputError(
            f"a region of kind {region.type} came; expected a rectangle, polygon or mask"
        )
    return Target(mask=placed(region.array() != 0, region.offset(), size_wh))


def placed(inside_hw: HardHW, offset_xy: tuple[int, int], size_wh: tuple[int, int]) -> HardHW:
    """A mask of a part of the frame as one of the whole frame; what lies outside is cut."""
    out = np.zeros((size_wh[1], size_wh[0]), dtype=bool)
    x, y = offset_xy
    rows = slice(max(y, 0), max(min(y + inside_hw.shape[0], size_wh[1]), 0))
    cols = slice(max(x, 0), max(min(x + inside_hw.shape[1], size_wh[0]), 0))
    if rows.stop > rows.start and cols.stop > cols.start:
        out[rows, cols] = inside_hw[rows.start - y : rows.stop - y, cols.start - x : cols.stop - x]
    return out


def region_of(found: Prediction, kind: Kind, size_wh: tuple[int, int]) -> Any:
    """An answer as a region; an empty one where nothing was found.

    Args:
        found: The answer.
        kind: Of the region. A polygon is the rectangle of least area around the mask, or the
            corners of the box; a mask of a box is the filled box.
        size_wh: Width and height of the frame.
    """
    hard = found.hard_mask() if found.found else None
    box = found.box if found.found else None
    if kind == "mask":
        return _mask(hard, box, size_wh)
    if box is None and hard is not None:
        box = Box.from_mask(hard)
    if kind == "rectangle" or box is None:
        return Rectangle.create(*(box or (0, 0, 0, 0)))
    return Polygon.create(_corners(hard, box))


def _mask(hard: HardHW | None, box: Box | None, size_wh: tuple[int, int]) -> Any:
    """A mask, cut to what is filled: the protocol sends every pixel of the rest."""
    if hard is None:
        hard = np.zeros((size_wh[1], size_wh[0]), dtype=bool) if box is None else box.fill(size_wh)
    tight = Box.from_mask(hard)
    if tight is None:
        return Mask.create(np.zeros((1, 1), dtype=np.uint8))
    rows, cols = tight.slices(size_wh)
    inside = np.ascontiguousarray(hard[rows, cols], dtype=np.uint8)
    return Mask.create(inside, x=cols.start, y=rows.start)


def _corners(hard: HardHW | None, box: Box) -> list[tuple[float, float]]:
    """Four corners around a mask, or those of a box."""
    if hard is not None and hard.any():
        # Corners of pixels, not their centres: every pixel is a square of side 1.
        rows, cols = np.nonzero(hard)
        points = np.concatenate([np.stack([cols + dx, rows + dy], 1) for dx, dy in _AROUND])
        drawn = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))
        return [(float(x), float(y)) for x, y in drawn]
    x1, y1, x2, y2 = box.xyxy
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


_AROUND = ((0, 0), (1, 0), (0, 1), (1, 1))

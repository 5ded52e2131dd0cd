"""Masks as a see-through picture that the page lays over a frame."""

from __future__ import annotations

import io
from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image

from spectrack.structures import Box, HardHW
from spectrack.video.draw import COLORS

INSIDE, EDGE = 105, 235
"""Opacity of the inside of a mask and of its edge, of 255."""


def overlay_png(
    objects: Iterable[tuple[int, HardHW | None, Box | None]], size_wh: tuple[int, int]
) -> bytes:
    """Objects as a PNG with transparency.

    Args:
        objects: Object id, its hard mask (H, W), and its box, which is drawn where there is no
            mask; later ones lie above.
        size_wh: Width and height of the frame.

    Returns:
        A PNG of the frame's size. Opacity is 0 outside all masks and boxes; each object has the
        colour of :func:`spectrack.video.draw.object_color`, denser along its edge.
    """
    width, height = size_wh
    index_hw = np.zeros((height, width), dtype=np.uint8)
    edge = np.ones((3, 3), np.uint8)
    steps = max(1, round(min(size_wh) / 480))
    for object_id, mask_hw, box in objects:
        inside = 1 + (object_id - 1) % len(COLORS)
        if mask_hw is not None:
            hard = mask_hw.astype(np.uint8)
            index_hw[mask_hw] = inside
            inner = cv2.erode(hard, edge, iterations=steps, borderValue=1)
            index_hw[mask_hw & (inner == 0)] = inside + len(COLORS)
        elif box is not None:
            x1, y1, x2, y2 = (round(v) for v in box.xyxy)
            cv2.rectangle(index_hw, (x1, y1), (x2 - 1, y2 - 1), inside + len(COLORS), steps + 1)
    picture = Image.fromarray(index_hw).convert("P")
    colors = [(0, 0, 0), *COLORS, *COLORS]
    picture.putpalette(np.array(colors, np.uint8).tobytes())
    picture.info["transparency"] = bytes([0, *[INSIDE] * len(COLORS), *[EDGE] * len(COLORS)])
    out = io.BytesIO()
    picture.save(out, format="PNG", compress_level=1, transparency=picture.info["transparency"])
    return out.getvalue()

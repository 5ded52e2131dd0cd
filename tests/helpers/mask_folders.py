"""Small folders in the layouts of mask data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from box_folders import write_images
from spectrack.tracks import write_index_png

SIZE_WH = (32, 24)


def id_map(*objects):
    """Ids (24, 32) with blocks ``(id, x, y, w, h)``; later ones lie above."""
    out = np.zeros(SIZE_WH[::-1], np.uint8)
    for key, x, y, w, h in objects:
        out[y : y + h, x : x + w] = key
    return out


def write_sequence(root: Path, frames: str, truth: str, name: str, ids, stems) -> None:
    """Frames ``root/frames/name/STEM.jpg`` and numbered masks; None where a frame has no mask."""
    write_images(root / frames / name, [])
    (root / truth / name).mkdir(parents=True, exist_ok=True)
    for stem, one in zip(stems, ids, strict=True):
        write_images(root / frames / name, [int(stem)], digits=len(stem), suffix=".jpg")
        if one is not None:
            write_index_png(root / truth / name / f"{stem}.png", one)

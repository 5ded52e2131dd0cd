"""YOLO segmentation: a file of text a frame, with a line an object: its class and one polygon.

Corners are shares of width and height; classes count from 0. A polygon is one ring, so parts and
holes are joined to it by lines walked there and back. ``data.yaml`` names the classes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from spectrack.errors import InputError
from spectrack.exports.base import About, gathered, read_text
from spectrack.exports.polygons import fill, joined, parts_of
from spectrack.storage import write_text
from spectrack.structures import Box, HardHW, Prediction
from spectrack.tracks import Track, Tracks

LABELS, DATA = "labels", "data.yaml"
MOST_CLASSES = 255


def write(tracks: Tracks, folder: Path, about: About) -> None:
    """Write ``labels/STEM.txt`` for every frame, and ``data.yaml``."""
    (folder / LABELS).mkdir()
    size, classes = np.array(tracks.first.size_wh, dtype=np.float64), about.classes(tracks)
    for t, stem in enumerate(tracks.first.stems):
        lines = []
        for object_id, track in tracks.items():
            parts = parts_of(track.mask(t), about.tolerance)
            if parts:
                corners = " ".join(f"{v:.8g}" for v in (joined(parts) / size).ravel())
                lines.append(f"{classes[about.label(object_id)] - 1} {corners}\n")
        write_text(folder / LABELS / f"{stem}.txt", "".join(lines))
        about.progress(t + 1, len(tracks.first))
    # JSON's strings are YAML's, whatever the names hold.
    names = "".join(f"  {number - 1}: {json.dumps(name)}\n" for name, number in classes.items())
    write_text(folder / DATA, f"path: .\ntrain: images\nval: images\nnames:\n{names}")


def read(folder: Path, about: About) -> Tracks:
    """Tracks from a folder of files of text: an object a class, as YOLO knows no objects.

    Raises:
        InputError: If a file is missing, or a line is none.
    """
    size_wh, stems = about.known("yolo")
    root = folder / LABELS if (folder / LABELS).is_dir() else folder
    found: dict[int, dict[int, HardHW]] = {}
    for t, stem in enumerate(stems):
        file = root / f"{stem}.txt"
        if not file.is_file():
            continue  # a frame without objects may have no file
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            if not line.strip():
                continue
            key, mask = _line(line, size_wh, f"line {number} of {file}")
            masks = found.setdefault(key + 1, {})
            masks[t] = masks[t] | mask if t in masks else mask
    tracks = {}
    for object_id, masks in sorted(found.items()):
        track = tracks[object_id] = Track(size_wh)
        for t, stem in enumerate(stems):
            here = masks.get(t)
            box = None if here is None else Box.from_mask(here)
            track.append(Prediction(box, here, float(box is not None), box is not None), stem)
    return gathered(tracks, folder)


def _line(line: str, size_wh: tuple[int, int], where: str) -> tuple[int, HardHW]:
    """Class and mask of one line."""
    try:
        first, *rest = line.split()
        key, corners = int(first), np.array([float(v) for v in rest]).reshape(-1, 2)
        if not 0 <= key < MOST_CLASSES:
            raise ValueError(first)
    except ValueError:
        raise InputError(f"{where} is none of YOLO; expected a class and corners x y x y") from None
    pixels = corners * size_wh
    nearest = np.round(pixels)  # shares of eight digits are a little off the pixels' edges
    return key, fill([np.where(np.abs(pixels - nearest) < 1e-3, nearest, pixels)], size_wh)

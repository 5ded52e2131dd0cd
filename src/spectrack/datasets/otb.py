"""OTB-50 and OTB-100: a box for every frame (Wu et al., CVPR 2013 and TPAMI 2015).

Layout: ``SEQ/img/0001.jpg`` and ``SEQ/groundtruth_rect.txt``, a line ``x,y,w,h`` for every frame
(or with tabs or spaces), 1-based: x = 1 is the first column. Sequences with two targets have
``groundtruth_rect.1.txt`` and so on; they are two sequences here, ``Jogging-1`` and ``Jogging-2``,
as they are in the published lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import ImageRun, chosen, read_rows
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.video.folder import image_files

STARTS = {"David": 300}
"""Number of the first image that is annotated, where it is not the first there is."""

FILES = re.compile(r"groundtruth_rect(?:\.(\d+))?\.txt")


class Otb(Dataset):
    """Sequences of OTB, in the order of their names.

    Images after the last annotated one are not part of a sequence, as the benchmark ends there
    (``Football1`` has 81 images, 74 boxes). A box without area is no truth.

    Args:
        root: Folder that holds the sequences' folders.
        sequences: Only these, in this order; all where left out.

    Raises:
        InputError: If there are no sequences, one asked for is not there, images are missing, or a
            file of boxes is malformed (named, with the line).
    """

    protocol = "otb"

    def __init__(self, root: str | Path, sequences: Iterable[str] | None = None) -> None:
        folder = Path(root)
        there = {
            _name(path): path
            for path in sorted(folder.glob("*/groundtruth_rect*.txt"))
            if FILES.fullmatch(path.name)
        }
        if not there:
            raise InputError(
                f"{folder} holds no sequences of OTB; give the folder that holds folders with "
                "groundtruth_rect.txt and img"
            )
        names = chosen(sequences, list(there), folder)
        super().__init__("OTB", [_sequence(name, there[name]) for name in names])


def _name(path: Path) -> str:
    """Of a sequence, from its file of boxes."""
    match = FILES.fullmatch(path.name)
    number = match and match[1]
    return f"{path.parent.name}-{number}" if number else path.parent.name


def _sequence(name: str, path: Path) -> VideoSequence:
    rows = read_rows(path, (4,))
    boxes = [_box(row, path, line) for line, row in enumerate(rows, 1)]
    images = path.parent / "img"
    stems = [file.stem for file in image_files(images, what="frames")]
    first = STARTS.get(path.parent.name, 0)
    start = next((i for i, stem in enumerate(stems) if _number(stem) >= first), len(stems))
    stems = stems[start : start + len(boxes)]
    if len(stems) < len(boxes):
        raise InputError(
            f"{path} has {len(boxes)} boxes but {images} only {len(stems)} frames for them; "
            "complete the sequence"
        )
    return VideoSequence(
        name,
        tuple(stems),
        partial(ImageRun, images, start, len(boxes)),
        read_box=boxes.__getitem__,
    )


def _box(row: tuple[float, ...] | None, path: Path, line: int) -> Box | None:
    """A box in our coordinates, in which the first pixel begins at 0."""
    if row is None:
        return None
    x, y, w, h = row
    if w < 0 or h < 0:
        raise InputError(f"{path}, line {line} has a box with a negative side; correct the file")
    return Box(x - 1, y - 1, w, h) if w > 0 and h > 0 else None


def _number(stem: str) -> int:
    digits = re.findall(r"\d+", stem)
    return int(digits[-1]) if digits else 0

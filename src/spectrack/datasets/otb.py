"""OTB-50 and OTB-100: a box for every frame (Wu et al., CVPR 2013 and TPAMI 2015).

Layout: ``SEQ/img/0001.jpg`` and ``SEQ/groundtruth_rect.txt``, a line ``x,y,w,h`` for every frame
(or with tabs or spaces), 1-based: x = 1 is the first column. Sequences with two targets have
``groundtruth_rect.1.txt`` and so on; they are two sequences here, ``Jogging-1`` and ``Jogging-2``,
as they are in the published lists. The benchmark's toolkit holds what is difficult about them in
``anno/att/SEQ.txt``; it is read where that folder lies in the root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import box_sequence, read_attributes, read_boxes
from spectrack.datasets.listing import chosen
from spectrack.errors import InputError

STARTS = {"David": 300}
"""Number of the first image that is annotated, where it is not the first there is."""

ATTRIBUTES = (
    "illumination variation",
    "out-of-plane rotation",
    "scale variation",
    "occlusion",
    "deformation",
    "motion blur",
    "fast motion",
    "in-plane rotation",
    "out of view",
    "background clutter",
    "low resolution",
)
"""In the order of the toolkit's files."""

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
            # Human4 is published with an empty file for a target that was given up.
            if (match := FILES.fullmatch(path.name)) and (not match[1] or path.read_bytes().strip())
        }
        if not there:
            raise InputError(
                f"{folder} holds no sequences of OTB; give the folder that holds folders with "
                "groundtruth_rect.txt and img"
            )
        names = chosen(sequences, there, folder)
        super().__init__("OTB", [_sequence(name, there[name], folder) for name in names])


def _name(path: Path) -> str:
    """Of a sequence, from its file of boxes."""
    match = FILES.fullmatch(path.name)
    number = match and match[1]
    return f"{path.parent.name}-{number}" if number else path.parent.name


def _sequence(name: str, path: Path, root: Path) -> VideoSequence:
    return box_sequence(
        path,
        read_boxes(path, first_pixel=1),
        path.parent / "img",
        name,
        ends="with lines",
        first=STARTS.get(path.parent.name, 0),
        attributes=read_attributes(root / "anno" / "att" / f"{name}.txt", ATTRIBUTES),
    )

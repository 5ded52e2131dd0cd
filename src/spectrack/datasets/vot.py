"""VOT: a box or a rotated rectangle for every frame (Kristan et al., ECCV workshops 2014).

Layout: ``list.txt`` with the names of the sequences, ``SEQ/groundtruth.txt`` with 4 numbers
(x, y, w, h) or 8 (x1, y1, ..., x4, y4, corners in their order) on every line, and the frames as
``SEQ/00000001.jpg`` or ``SEQ/color/00000001.jpg``. Coordinates are taken as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import chosen, read_rows
from spectrack.errors import InputError
from spectrack.metrics.polygons import Upright, upright_box
from spectrack.structures import Box
from spectrack.video.folder import ImageFolder, image_files


@dataclass(frozen=True)
class VotOptions:
    """What can be chosen about VOT."""

    upright: Upright = "bounds"
    """How rotated truth becomes a box: the one around its corners, or one of its area."""


class Vot(Dataset):
    """Sequences of a VOT challenge.

    Args:
        root: Folder that holds list.txt and the sequences' folders; without a list the folders
            with a groundtruth.txt are taken, by name.
        sequences: Only these, in this order; all of the list where left out.
        upright: How a rotated truth becomes a box: ``bounds`` or ``mean_area``, see
            :func:`~spectrack.metrics.polygons.upright_box`.

    Raises:
        InputError: If there are no sequences, one asked for is not there, ``upright`` is unknown,
            frames and boxes differ in number, or a file is malformed (named, with the line).
    """

    protocol = "vot"
    Options = VotOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        upright: Upright = VotOptions.upright,
    ) -> None:
        folder = Path(root)
        if upright not in get_args(Upright):
            raise InputError(
                f"upright {upright!r} is unknown; choose one of {', '.join(get_args(Upright))}"
            )
        names = chosen(sequences, _listed(folder), folder)
        super().__init__(
            f"VOT {folder.resolve().name}, boxes by {upright}",
            [_sequence(folder / name, upright) for name in names],
        )


def _listed(root: Path) -> list[str]:
    path = root / "list.txt"
    if path.is_file():
        names = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    else:
        names = sorted(file.parent.name for file in root.glob("*/groundtruth.txt"))
    if not names:
        raise InputError(
            f"{root} holds no sequences of VOT; give the folder that holds list.txt and folders "
            "with groundtruth.txt"
        )
    return names


def _sequence(folder: Path, upright: Upright) -> VideoSequence:
    path = folder / "groundtruth.txt"
    rows = read_rows(path, (4, 8))
    polygons = [None if row is None else _corners(row, path, n) for n, row in enumerate(rows, 1)]
    boxes = [_box(polygon, upright) for polygon in polygons]
    images = folder / "color" if (folder / "color").is_dir() else folder
    stems = tuple(file.stem for file in image_files(images, what="frames"))
    if len(stems) != len(rows):
        raise InputError(
            f"{path} has {len(rows)} lines but {images} {len(stems)} frames; complete the sequence"
        )
    return VideoSequence(
        folder.name,
        stems,
        partial(ImageFolder, images),
        read_box=boxes.__getitem__,
        read_polygon=polygons.__getitem__,
    )


def _corners(row: tuple[float, ...], path: Path, line: int) -> NDArray[np.float64]:
    """Corners (4, 2) of a line of 4 or 8 numbers."""
    if len(row) == 4:
        x, y, w, h = row
        if w < 0 or h < 0:
            raise InputError(f"{path}, line {line} has a box with a negative side; correct it")
        row = (x, y, x + w, y, x + w, y + h, x, y + h)
    return np.array(row, dtype=np.float64).reshape(4, 2)


def _box(corners: NDArray[np.float64] | None, upright: Upright) -> Box | None:
    """The upright box, or None without truth or without area."""
    box = None if corners is None else upright_box(corners, upright)
    return box if box is not None and box.area > 0 else None

"""VOT2013 to VOT2022: a box, a rotated rectangle or a mask for every frame (Kristan et al.).

Layout: ``list.txt`` with the names of the sequences (or ``sequences/list.txt``, as the toolkit's
workspaces have it), ``SEQ/groundtruth.txt`` with a region on every line, and the frames as
``SEQ/00000001.jpg`` or ``SEQ/color/00000001.jpg``. Regions are boxes (VOT2013; long-term from 2018
on, with ``nan`` or ``0,0,0,0`` where the target is out of sight), rotated rectangles (VOT2014 to
VOT2019) or masks (VOT2020 and later), see :mod:`spectrack.datasets.vot_regions`. Coordinates are
taken as they stand.

What the challenge tells of frames, a number on every line, is kept under the file's name:
``occlusion.tag`` (``occlusion.label`` until VOT2014), ``practice.value``, and ``anchor.value`` of
VOT2020 and later: 1 where a run begins forwards, -1 where backwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import frames_of, read_lines, read_values
from spectrack.datasets.listing import checked_choice, chosen, read_list
from spectrack.datasets.vot_regions import Regions
from spectrack.errors import InputError
from spectrack.metrics.polygons import Upright

TOLD = (".tag", ".label", ".value")
"""Kinds of files that tell one number of every frame."""


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
            frames and regions differ in number, or a file is malformed (named, with the line). A
            malformed mask is told when it is read.
    """

    protocol = "vot"
    Options = VotOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        upright: Upright = VotOptions.upright,
    ) -> None:
        checked_choice(upright, Upright, "upright")
        folder = Path(root)
        inner = folder / "sequences"
        place = inner if (inner / "list.txt").is_file() else folder
        names = chosen(sequences, _listed(place), folder)
        super().__init__(
            f"VOT {folder.resolve().name}, boxes by {upright}",
            [_sequence(place / name, upright) for name in names],
        )


def _listed(root: Path) -> list[str]:
    path = root / "list.txt"
    if path.is_file():
        return read_list(path)
    names = sorted(file.parent.name for file in root.glob("*/groundtruth.txt"))
    if not names:
        raise InputError(
            f"{root} holds no sequences of VOT; give the folder that holds list.txt and folders "
            "with groundtruth.txt"
        )
    return names


def _sequence(folder: Path, upright: Upright) -> VideoSequence:
    path = folder / "groundtruth.txt"
    lines = [line for _, line in read_lines(path)]
    images = folder / "color" if (folder / "color").is_dir() else folder
    stems, open_frames = frames_of(path, len(lines), images)
    truth = Regions(path, lines, upright, open_frames)
    masks = truth.hold_masks
    return VideoSequence(
        folder.name,
        stems,
        open_frames,
        read_mask=truth.mask if masks else None,
        read_box=truth.box,
        read_polygon=None if masks else truth.polygon,
        frame_values=_told(folder, len(stems)),
    )


def _told(folder: Path, count: int) -> dict[str, NDArray[np.float64]]:
    """What is told of frames, by the names of the files."""
    files = sorted(p for p in folder.iterdir() if p.suffix in TOLD and p.is_file())
    return {file.stem: read_values(file, count) for file in files}

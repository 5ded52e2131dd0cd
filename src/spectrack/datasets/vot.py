"""VOT2013 to VOT2022: a box, a rotated rectangle or a mask for every frame (Kristan et al.).

Layout: ``list.txt`` with the names of the sequences (or ``sequences/list.txt``, as the toolkit's
workspaces have it), ``SEQ/groundtruth.txt`` with a region on every line, and the frames as
``SEQ/00000001.jpg`` or ``SEQ/color/00000001.jpg``. Regions are boxes (VOT2013; long-term from 2018
on, with ``nan`` or ``0,0,0,0`` where the target is out of sight), rotated rectangles (VOT2014 to
VOT2019) or masks (VOT2020 and later), as :mod:`spectrack.video.vot_regions` reads them; a code in
the place of a region is no truth. Coordinates are taken as they stand.

What the challenge tells of frames, a number on every line, is kept under the file's name:
``occlusion.tag`` (``occlusion.label`` until VOT2014), ``practice.value``, and ``anchor.value`` of
VOT2020 and later: 1 where a run begins forwards, -1 where backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import read_lines, read_values
from spectrack.datasets.frame_folders import frames_of
from spectrack.datasets.listing import checked_choice, chosen, read_list
from spectrack.errors import InputError
from spectrack.metrics.polygons import Upright, upright_box
from spectrack.structures import Box, HardHW
from spectrack.video.frames import Frames
from spectrack.video.vot_regions import Region, VotMask, parse_region

Term = Literal["short", "long"]
Year = Literal[2015, 2016, 2017, 2018, 2019, 2020, 2021, 2022]
"""The challenges that have an interval of lengths for EAO."""
TOLD = (".tag", ".label", ".value")
"""Kinds of files that tell one number of every frame."""


@dataclass(frozen=True)
class VotOptions:
    """What can be chosen about VOT."""

    upright: Upright = "bounds"
    """How rotated truth becomes a box: the one around its corners, or one of its area."""
    term: Term = "short"
    """Which challenge: short, or long, in which a tracker says when its target is out of sight."""
    year: Year | None = None
    """Whose lengths EAO is the mean over; those of the sequences where left out."""


class Vot(Dataset):
    """Sequences of a VOT challenge.

    Args:
        root: Folder that holds list.txt and the sequences' folders; without a list the folders
            with a groundtruth.txt are taken, by name.
        sequences: Only these, in this order; all of the list where left out.
        upright: How a rotated truth becomes a box: ``bounds`` or ``mean_area``, see
            :func:`~spectrack.metrics.polygons.upright_box`.
        term: ``short``, or ``long`` for the long-term challenges, which are scored otherwise.
        year: Of the challenge, for the lengths that its EAO is the mean over.

    Raises:
        InputError: If there are no sequences, one asked for is not there, an option is unknown,
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
        term: Term = VotOptions.term,
        year: Year | None = VotOptions.year,
    ) -> None:
        checked_choice(upright, Upright, "upright")
        checked_choice(term, Term, "term")
        if year is not None:
            checked_choice(year, Year, "year")
            self.challenge = f"vot{year}"
        if term == "long":
            self.protocol = "vot_long_term"
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
    truth = _Truth(path, lines, upright, open_frames)
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


class _Truth:
    """The regions of a file, one a frame. Masks are decoded when they are asked for.

    Args:
        path: The file, for messages.
        lines: Its lines.
        upright: How a rotated rectangle becomes a box.
        open_frames: Opens the frames, whose size a mask needs.

    Attributes:
        hold_masks: Whether there are masks among the regions.

    Raises:
        InputError: If a line is no region; the message names file and line.
    """

    def __init__(
        self, path: Path, lines: Sequence[str], upright: Upright, open_frames: Callable[[], Frames]
    ) -> None:
        self._path, self._upright, self._open_frames = path, upright, open_frames
        self._size_wh: tuple[int, int] | None = None
        self._masks = {i: line for i, line in enumerate(lines) if line.lstrip().startswith("m")}
        self._corners = [
            None if i in self._masks else _corners(self._region(i, line))
            for i, line in enumerate(lines)
        ]
        self.hold_masks = bool(self._masks)

    def polygon(self, index: int) -> NDArray[np.float64] | None:
        """Corners of a frame's region, float64 (N, 2) in pixels, or None where there are none."""
        return self._corners[index]

    def box(self, index: int) -> Box | None:
        """The upright box of a frame's region, or None where there is none, or it has no area."""
        if index in self._masks:
            return self._mask(index).box
        corners = self._corners[index]
        if corners is None:
            return None
        box = upright_box(corners, self._upright if len(corners) == 4 else "bounds")
        return box if box.area > 0 else None

    def mask(self, index: int) -> HardHW | None:
        """The mask of a frame, bool (H, W); None where its region is no mask."""
        if index not in self._masks:
            return None
        if self._size_wh is None:
            with self._open_frames() as frames:
                self._size_wh = frames.size_wh
        return self._mask(index).fill(self._size_wh)

    def _mask(self, index: int) -> VotMask:
        return cast(VotMask, self._region(index, self._masks[index]))

    def _region(self, index: int, line: str) -> Region:
        try:
            return parse_region(line)
        except InputError as error:
            raise InputError(f"{self._path}, line {index + 1}: {error}") from error


def _corners(region: Region) -> NDArray[np.float64] | None:
    """Corners (N, 2) of a box or polygon; None for a code, or a box without area."""
    if isinstance(region, np.ndarray):
        return region
    if not isinstance(region, Box) or region.area == 0:
        return None
    x, y, w, h = region
    return np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])


def _told(folder: Path, count: int) -> dict[str, NDArray[np.float64]]:
    """What is told of frames, by the names of the files; they may end early, as for the toolkit."""
    files = sorted(p for p in folder.iterdir() if p.suffix in TOLD and p.is_file())
    return {file.stem: read_values(file, count, loose=True) for file in files}

"""NFS, Need for Speed: 100 videos at 240 and at 30 frames a second (Galoogahi et al., ICCV 2017).

Layout: ``SEQ/240/SEQ/00001.jpg`` and ``SEQ/240/SEQ.txt``, and the same with ``30``, in which every
eighth frame is kept. A line of truth is ``id xmin ymin xmax ymax frame lost occluded generated
"label"``, as VATIC writes it: edges in pixels, flags 0 or 1.

Some files of 30 frames a second hold a line for every frame of the 240; then every eighth is taken.
Files that are off by one line from their frames end where the shorter one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import box_of, box_sequence, numbers_of, read_lines
from spectrack.datasets.listing import checked_choice, chosen
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.video.folder import image_files, natural_key

Rate = Literal[30, 240]
RATIO = 8
"""Frames of the fast videos for one of the slow ones."""


@dataclass(frozen=True)
class NfsOptions:
    """What can be chosen about NFS."""

    fps: Rate = 30
    """Frames per second: 30 or 240."""


class Nfs(Dataset):
    """Sequences of NFS, by name.

    Args:
        root: Folder that holds the sequences' folders.
        sequences: Only these, in this order; all where left out.
        fps: Frames per second.

    Raises:
        InputError: If there are no sequences, or one is not there. A malformed or incomplete one is
            told when it is opened.
    """

    protocol = "otb"
    Options = NfsOptions

    def __init__(
        self, root: str | Path, sequences: Iterable[str] | None = None, fps: Rate = NfsOptions.fps
    ) -> None:
        checked_choice(fps, Rate, "fps")
        folder = Path(root)
        there = [p.stem for p in folder.glob(f"*/{fps}/*.txt") if p.stem == p.parts[-3]]
        there.sort(key=natural_key)
        if not there:
            raise InputError(
                f"{folder} holds no sequences of NFS; give the folder that holds folders "
                f"SEQ with {fps}/SEQ.txt and {fps}/SEQ"
            )
        names = chosen(sequences, there, folder)
        super().__init__(
            f"NFS {fps} fps", {name: partial(_open, folder / name / str(fps)) for name in names}
        )


def _open(folder: Path) -> VideoSequence:
    name = folder.parent.name
    path, images = folder / f"{name}.txt", folder / name
    rows = [_row(line, f"{path}, line {number}") for number, line in read_lines(path)]
    count = len(image_files(images, what="frames"))
    every = rows[::RATIO]
    if folder.name == "30" and abs(len(every) - count) < abs(len(rows) - count):
        rows = every
    shorter = min(len(rows), count)
    if max(len(rows), count) - shorter > 1:
        raise InputError(
            f"{path} has {len(rows)} lines but {images} {count} frames for them; "
            "complete the sequence"
        )
    told = {"occlusion": np.array([occluded for _, occluded in rows[:shorter]], np.float64)}
    boxes = [box for box, _ in rows[:shorter]]
    return box_sequence(path, boxes, images, name, ends="with lines", frame_values=told)


def _row(line: str, where: str) -> tuple[Box | None, bool]:
    """The box of a line, None where the target is lost, and whether it is occluded."""
    numbers = numbers_of(" ".join(line.split()[:9]), where, (9,))
    if numbers is None:
        return None, False
    _, x1, y1, x2, y2, _, lost, occluded, _ = numbers
    return None if lost else box_of((x1, y1, x2 - x1, y2 - y1), where), bool(occluded)

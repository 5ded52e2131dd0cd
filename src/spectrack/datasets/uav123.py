"""UAV123, UAV20L and UAV123@10fps: targets seen from drones (Mueller et al., ECCV 2016).

Layout: ``data_seq/UAV123/SEQ/000001.jpg`` and ``anno/UAV123/SEQ.txt``, a line ``x,y,w,h`` for every
frame, NaN where the target is out of sight; ``anno/UAV20L/SEQ.txt`` for the 20 long sequences of
the same frames; ``data_seq/UAV123_10fps`` and ``anno/UAV123_10fps`` for every third frame. What is
difficult about a sequence stands in ``att/SEQ.txt`` beside its boxes. Pixels are counted from 1, as
the benchmark's toolkit is that of OTB.

Some videos are cut into several sequences (``car1_1`` to ``car1_3`` are parts of ``car1``); where
each part begins is told by the benchmark's list of sequences, ``configSeqs.m``, and stands here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import box_sequence, read_attributes, read_boxes
from spectrack.datasets.listing import checked_choice, chosen, find_place
from spectrack.errors import InputError
from spectrack.video.folder import natural_key

Part = Literal["UAV123", "UAV20L", "UAV123_10fps"]

STARTS: dict[str, tuple[int, ...]] = {
    "bird1": (1, 775, 1573),
    "car1": (1, 751, 1627),
    "car6": (1, 487, 1807, 2953, 3925),
    "car8": (1, 1357),
    "car16": (1, 415),
    "group1": (1, 1333, 2515, 3925),
    "group2": (1, 907, 1771),
    "group3": (1, 1567, 2827, 4369),
    "person2": (1, 1189),
    "person4": (1, 1501),
    "person5": (1, 877),
    "person7": (1, 1249),
    "person8": (1, 1075),
    "person12": (1, 601),
    "person14": (1, 847, 1813),
    "person17": (1, 1501),
    "person19": (1, 1243, 2791),
    "truck4": (1, 577),
    "uav1": (1, 1555, 2473),
}
"""Video to the number of the first frame of each of its sequences, at 30 frames a second."""

ATTRIBUTES = (
    "scale variation",
    "aspect ratio change",
    "low resolution",
    "fast motion",
    "full occlusion",
    "partial occlusion",
    "out of view",
    "background clutter",
    "illumination variation",
    "viewpoint change",
    "camera motion",
    "similar object",
)
"""In the order of the toolkit's files."""


@dataclass(frozen=True)
class Uav123Options:
    """What can be chosen about UAV123."""

    part: Part = "UAV123"
    """Which benchmark: the 123 sequences, the 20 long ones, or every third frame."""


class Uav123(Dataset):
    """Sequences of UAV123, by name.

    Args:
        root: Folder that holds data_seq and anno.
        sequences: Only these, in this order; all where left out.
        part: ``UAV123``, ``UAV20L`` or ``UAV123_10fps``.

    Raises:
        InputError: If the part or a sequence is not there. A malformed or incomplete sequence is
            told when it is opened.
    """

    protocol = "otb"
    Options = Uav123Options

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        part: Part = Uav123Options.part,
    ) -> None:
        checked_choice(part, Part, "part")
        boxes = find_place(Path(root), [f"anno/{part}"], part)
        shown = "UAV123" if part == "UAV20L" else part
        frames = find_place(Path(root), [f"data_seq/{shown}"], part)
        there = sorted((p.stem for p in boxes.glob("*.txt")), key=natural_key)
        if not there:
            raise InputError(f"{boxes} holds no text files of boxes; complete the data set")
        step = 3 if part == "UAV123_10fps" else 1
        super().__init__(
            part,
            {n: partial(_open, n, boxes, frames, step) for n in chosen(sequences, there, boxes)},
        )


def place_of(name: str, step: int) -> tuple[str, int]:
    """The video that a sequence is a part of, and the number of its first frame.

    Args:
        name: Of the sequence.
        step: Every which frame of the original is there.
    """
    video, _, number = name.rpartition("_")
    starts = STARTS.get(video, ())
    if not number.isdecimal() or not 1 <= int(number) <= len(starts):
        return name, 1
    return video, (starts[int(number) - 1] - 1) // step + 1


def _open(name: str, boxes: Path, frames: Path, step: int) -> VideoSequence:
    video, first = place_of(name, step)
    path = boxes / f"{name}.txt"
    return box_sequence(
        path,
        read_boxes(path, first_pixel=1),
        frames / video,
        name,
        ends="with lines",
        first=first,
        attributes=read_attributes(boxes / "att" / f"{name}.txt", ATTRIBUTES),
    )

"""TrackingNet: 30,643 videos from YouTube (Mueller et al., ECCV 2018).

Layout: chunks ``TRAIN_0`` to ``TRAIN_11`` and ``TEST``, each with ``frames/SEQ/0.jpg`` and
``anno/SEQ.txt``, a line ``x,y,w,h`` for every frame; in ``TEST`` for the first alone. Frames are
read from ``frames``, into which ``zips/SEQ.zip`` must be unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import box_sequence, read_boxes
from spectrack.datasets.listing import checked_choice, chosen, find_place
from spectrack.errors import InputError
from spectrack.video.folder import natural_key

Split = Literal["test", "train"]


@dataclass(frozen=True)
class TrackingNetOptions:
    """What can be chosen about TrackingNet."""

    split: Split = "test"
    """Which part: test or train; the truth of test is known for the first frames alone."""
    chunks: str | None = None
    """Only these chunks of the training part, by their numbers: 0,2 or 0-3."""


class TrackingNet(Dataset):
    """Sequences of one split, chunk by chunk, by name.

    Args:
        root: Folder that holds TEST, TRAIN_0 and so on.
        sequences: Only these, in this order; all of the split where left out.
        split: ``test`` or ``train``.
        chunks: Only these chunks of the training part: numbers and ranges, ``0,2,4-6``; all that
            are there where left out.

    Raises:
        InputError: If a chunk or a sequence is not there. A malformed or incomplete sequence is
            told when it is opened.
    """

    protocol = "trackingnet"
    Options = TrackingNetOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        split: Split = TrackingNetOptions.split,
        chunks: str | None = TrackingNetOptions.chunks,
    ) -> None:
        checked_choice(split, Split, "split")
        folder = Path(root)
        if split == "test":
            names = ["TEST"]
        elif chunks is not None:
            names = [f"TRAIN_{number}" for number in numbers_in(chunks)]
        else:
            found = (p.name for p in folder.glob("TRAIN_*") if p.is_dir())
            names = sorted(found, key=natural_key) or ["TRAIN_0"]
        there: dict[str, Path] = {}
        for name in names:
            boxes = find_place(folder, [f"{name}/anno"], "TrackingNet")
            files = sorted(boxes.glob("*.txt"), key=lambda p: natural_key(p.name))
            there |= {file.stem: file for file in files}
        if not there:
            raise InputError(f"{folder}/{names[0]}/anno holds no text files; complete the data set")
        part = split if chunks is None or split == "test" else f"{split} {chunks}"
        opened = chosen(sequences, there, folder)
        super().__init__(f"TrackingNet {part}", {n: partial(_open, there[n]) for n in opened})


def numbers_in(chunks: str) -> list[int]:
    """Numbers of chunks from text such as ``0,2,4-6``.

    Raises:
        InputError: If it is no such text.
    """
    numbers: list[int] = []
    for word in chunks.split(","):
        match = re.fullmatch(r"\s*(\d{1,3})(?:-(\d{1,3}))?\s*", word)
        if match is None:
            raise InputError(f"chunks {chunks!r} was given; expected numbers such as 0,2 or 0-3")
        numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
    return list(dict.fromkeys(numbers))


def _open(path: Path) -> VideoSequence:
    boxes = read_boxes(path)
    images = path.parents[1] / "frames" / path.stem
    packed = path.parents[1] / "zips" / f"{path.stem}.zip"
    if not images.is_dir() and packed.is_file():
        raise InputError(f"{images} does not exist; unpack {packed} into it")
    ends: Literal["with frames", "together"] = "with frames" if len(boxes) == 1 else "together"
    return box_sequence(path, boxes, images, path.stem, ends=ends)

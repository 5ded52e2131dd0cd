"""GOT-10k: 10,000 videos of 563 classes (Huang, Zhao, Huang, TPAMI 2019).

Layout: ``train``, ``val`` and ``test``, each with ``list.txt`` and ``SEQ/00000001.jpg``,
``SEQ/groundtruth.txt`` (a line ``x,y,w,h`` for every frame; in ``test`` for the first alone),
``SEQ/absence.label`` (1 where the target is absent), ``SEQ/cover.label`` (how much of it is
visible, from 0, nothing, to 8, all), ``SEQ/cut_by_image.label`` (1 where the border of the image
cuts it) and ``SEQ/meta_info.ini`` with the class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import box_sequence, read_boxes, read_values
from spectrack.datasets.listing import (
    checked_choice,
    chosen,
    find_place,
    read_list,
    read_text,
    subfolders,
)

Split = Literal["val", "train", "test"]
LABELS = ("absence", "cover", "cut_by_image")


@dataclass(frozen=True)
class Got10kOptions:
    """What can be chosen about GOT-10k."""

    split: Split = "val"
    """Which part: val, train or test; the truth of test is known for the first frames alone."""


class Got10k(Dataset):
    """Sequences of one split; a target that is absent, or covered wholly, has no box.

    Args:
        root: Folder that holds train, val and test.
        sequences: Only these, in this order; all of the split where left out.
        split: ``val``, ``train`` or ``test``.

    Raises:
        InputError: If the split or a sequence is not there. A malformed or incomplete sequence is
            told when it is opened.
    """

    protocol = "got10k"
    Options = Got10kOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        split: Split = Got10kOptions.split,
    ) -> None:
        checked_choice(split, Split, "split")
        folder = find_place(Path(root), [split], "GOT-10k")
        listed = folder / "list.txt"
        there = read_list(listed) if listed.is_file() else subfolders(folder)
        names = chosen(sequences, there, folder)
        super().__init__(f"GOT-10k {split}", {n: partial(_open, folder / n) for n in names})


def _open(folder: Path) -> VideoSequence:
    path = folder / "groundtruth.txt"
    boxes = read_boxes(path)
    first_alone = len(boxes) == 1
    files = {name: folder / f"{name}.label" for name in LABELS}
    told = {n: read_values(p, len(boxes)) for n, p in files.items() if p.is_file()}
    gone = np.zeros(len(boxes), bool)
    if "absence" in told:
        gone |= told["absence"] > 0
    if "cover" in told:
        gone |= told["cover"] == 0
    return box_sequence(
        path,
        [None if out else box for box, out in zip(boxes, gone, strict=True)],
        folder,
        ends="with frames" if first_alone else "together",
        frame_values=told,
        categories=_class(folder / "meta_info.ini"),
    )


def _class(path: Path) -> dict[int, str]:
    """The class of the target, where the file is there and names it."""
    if not path.is_file():
        return {}
    found = re.search(r"^object_class:\s*(.+?)\s*$", read_text(path, "a text file"), re.MULTILINE)
    return {1: found[1]} if found else {}

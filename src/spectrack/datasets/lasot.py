"""LaSOT and its extension: long videos of 70 classes and of 15 more (Fan et al., 2019 and 2021).

Layout: ``CLASS/CLASS-N/img/00000001.jpg``, or ``CLASS-N`` in the root, with ``groundtruth.txt`` (a
line ``x,y,w,h`` for every frame), ``full_occlusion.txt`` and ``out_of_view.txt`` (0 or 1 for every
frame, on one line) and ``nlp.txt``, the target in words. The lists of the splits,
``testing_set.txt`` and ``training_set.txt``, lie in the root; the extension has no splits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import box_sequence, read_attributes, read_boxes, read_values
from spectrack.datasets.listing import checked_choice, chosen, read_list, read_text
from spectrack.errors import InputError
from spectrack.video.folder import natural_key

Split = Literal["test", "train", "all"]
LISTS = {"test": "testing_set.txt", "train": "training_set.txt"}
FLAGS = ("full_occlusion", "out_of_view")
"""Frames with one of them are without truth (section 4 of the paper, and its toolkit)."""

ATTRIBUTES = (
    "illumination variation",
    "partial occlusion",
    "deformation",
    "motion blur",
    "camera motion",
    "rotation",
    "background clutter",
    "viewpoint change",
    "scale variation",
    "full occlusion",
    "fast motion",
    "out of view",
    "low resolution",
    "aspect ratio change",
)
"""In the order of the toolkit's files, ``att/SEQ.txt``, read where that folder is in the root."""


@dataclass(frozen=True)
class LasotOptions:
    """What can be chosen about LaSOT."""

    split: Split = "test"
    """Which part: test, train, or all that is there."""


class Lasot(Dataset):
    """Sequences of one split, in the order of its list.

    Args:
        root: Folder that holds the classes' folders and the lists.
        sequences: Only these, in this order; all of the split where left out.
        split: ``test``, ``train``, or ``all`` that is there, by name.

    Raises:
        InputError: If the list or a sequence is not there. A malformed or incomplete sequence is
            told when it is opened.
    """

    protocol = "lasot"
    Options = LasotOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        split: Split = LasotOptions.split,
    ) -> None:
        checked_choice(split, Split, "split")
        folder, listed = Path(root), None
        if split != "all":
            path = folder / LISTS[split]
            if not path.is_file():
                raise InputError(
                    f"{folder} has no {LISTS[split]}, the list of LaSOT's sequences for {split}; "
                    "put it beside the classes, or choose split all"
                )
            listed = read_list(path)
        name = f"LaSOT {split}"
        super().__init__(name, _sequences(name, folder, sequences, listed))


class LasotExtension(Dataset):
    """Sequences of LaSOT's extension, 150 of 15 classes, by name.

    Args:
        root: Folder that holds the classes' folders.
        sequences: Only these, in this order; all where left out.

    Raises:
        InputError: As :class:`Lasot`.
    """

    protocol = "lasot"

    def __init__(self, root: str | Path, sequences: Iterable[str] | None = None) -> None:
        name = "LaSOT extension"
        super().__init__(name, _sequences(name, Path(root), sequences, None))


def _sequences(
    data_set: str, root: Path, wanted: Iterable[str] | None, listed: list[str] | None
) -> dict[str, Callable[[], VideoSequence]]:
    """Name to what opens a sequence; of all that are there where none are listed."""
    if listed is None:
        found = {p.parent.name for p in root.glob("*/groundtruth.txt")}
        found |= {p.parent.name for p in root.glob("*/*/groundtruth.txt")}
        listed = sorted(found, key=natural_key)
    if not listed:
        raise InputError(
            f"{root} holds no sequences of {data_set}; give the folder that holds "
            "CLASS/CLASS-N/groundtruth.txt"
        )
    return {name: partial(_open, root, name) for name in chosen(wanted, listed, root)}


def _open(root: Path, name: str) -> VideoSequence:
    kind = name.rpartition("-")[0]
    folder = root / kind / name if (root / kind / name).is_dir() else root / name
    path = folder / "groundtruth.txt"
    boxes = read_boxes(path)
    files = {flag: folder / f"{flag}.txt" for flag in FLAGS}
    told = {flag: read_values(p, len(boxes)) for flag, p in files.items() if p.is_file()}
    gone = sum(told.values(), np.zeros(len(boxes))) > 0
    words = folder / "nlp.txt"
    return box_sequence(
        path,
        [None if out else box for box, out in zip(boxes, gone, strict=True)],
        folder / "img",
        name,
        frame_values=told,
        categories={1: kind} if kind else {},
        attributes=read_attributes(root / "att" / f"{name}.txt", ATTRIBUTES),
        description=read_text(words, "a text file").strip() if words.is_file() else "",
    )

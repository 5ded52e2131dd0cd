"""LVOS: long videos, a minute and more (Hong et al., ICCV 2023; second edition arXiv 2404.19326).

Layout: ``SPLIT/JPEGImages/SEQ/00000001.jpg``, ``SPLIT/Annotations/SEQ/00000001.png``, indexed, and
``SPLIT/SPLIT_meta.json`` (or ``SPLIT_meta.json``, or ``SPLIT/meta.json``) with the objects of every
sequence and the first frame of each; SPLIT is ``train``, ``valid`` or ``test``. Not every frame is
annotated. Without a list an object is given in the first annotated frame in which it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from spectrack.datasets.base import Dataset
from spectrack.datasets.indexed_truth import indexed_sequence
from spectrack.datasets.listing import checked_choice, chosen, find_place, subfolders
from spectrack.datasets.video_meta import read_meta
from spectrack.datasets.youtube_vos import open_listed
from spectrack.errors import InputError

Split = Literal["valid", "train", "test"]


@dataclass(frozen=True)
class LvosOptions:
    """What can be chosen about LVOS."""

    split: Split = "valid"
    """Which part: valid, train or test."""


class Lvos(Dataset):
    """Sequences of one split, in the order of its list, or by name.

    Args:
        root: Folder that holds train, valid and test.
        sequences: Only these, in this order; all of the split where left out.
        split: ``valid``, ``train`` or ``test``.

    Raises:
        InputError: If the split or a sequence is not there, or the list is malformed. An incomplete
            sequence is told when it is opened.
    """

    Options = LvosOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        split: Split = LvosOptions.split,
    ) -> None:
        checked_choice(split, Split, "split")
        folder = Path(root)
        images = find_place(folder, [f"{split}/JPEGImages"], "LVOS")
        truth = find_place(folder, [f"{split}/Annotations"], "LVOS")
        lists = [f"{split}/{split}_meta.json", f"{split}_meta.json", f"{split}/meta.json"]
        path = next((folder / name for name in lists if (folder / name).is_file()), None)
        if path is None:
            there = subfolders(images)
            if not there:
                raise InputError(f"{images} holds no folders of sequences; complete the data set")
            opened = {
                n: partial(indexed_sequence, n, images / n, truth / n)
                for n in chosen(sequences, there, images)
            }
        else:
            listed = read_meta(path)
            opened = {
                n: partial(open_listed, images / n, truth / n, listed[n], path)
                for n in chosen(sequences, listed, folder)
            }
        super().__init__(f"LVOS {split}", opened)

"""MOSE: several objects in crowds, often covered (Ding et al., ICCV 2023).

Layout: ``SPLIT/JPEGImages/SEQ/00000.jpg`` and ``SPLIT/Annotations/SEQ/00000.png``, indexed; SPLIT
is ``train`` or ``valid``. Of ``valid`` only the frames are annotated in which objects are given. An
object is given in the first annotated frame in which it is.
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
from spectrack.errors import InputError

Split = Literal["valid", "train", "test"]


@dataclass(frozen=True)
class MoseOptions:
    """What can be chosen about MOSE."""

    split: Split = "valid"
    """Which part: valid, train or test."""


class Mose(Dataset):
    """Sequences of one split, by name.

    Args:
        root: Folder that holds train and valid.
        sequences: Only these, in this order; all of the split where left out.
        split: ``valid``, ``train`` or ``test``.

    Raises:
        InputError: If the split or a sequence is not there. An incomplete sequence is told when it
            is opened.
    """

    Options = MoseOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        split: Split = MoseOptions.split,
    ) -> None:
        checked_choice(split, Split, "split")
        folder = Path(root)
        images = find_place(folder, [f"{split}/JPEGImages"], "MOSE")
        truth = find_place(folder, [f"{split}/Annotations"], "MOSE")
        there = subfolders(images)
        if not there:
            raise InputError(f"{images} holds no folders of sequences; complete the data set")
        names = chosen(sequences, there, images)
        super().__init__(
            f"MOSE {split}",
            {n: partial(indexed_sequence, n, images / n, truth / n) for n in names},
        )

"""YouTube-VOS 2018 and 2019: several objects that appear late (Xu et al., arXiv 1809.03327).

Layout: ``SPLIT/JPEGImages/SEQ/00000.jpg``, ``SPLIT/Annotations/SEQ/00000.png``, indexed, and
``SPLIT/meta.json`` with the objects of every sequence, their categories, and the annotated frames
in which they are; SPLIT is ``train``, ``valid`` or ``test``. Every fifth frame is annotated and in
``JPEGImages``; all frames are in ``SPLIT_all_frames/JPEGImages``. Of ``valid`` and ``test`` only
the frames are annotated in which an object is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.frame_folders import stems_in
from spectrack.datasets.indexed_truth import first_seen, indexed_sequence
from spectrack.datasets.listing import checked_choice, chosen, find_place
from spectrack.datasets.video_meta import Objects, categories_of, read_meta, starts_of

Split = Literal["valid", "train", "test"]
Year = Literal[2019, 2018]
Frames = Literal["annotated", "all"]


@dataclass(frozen=True)
class YouTubeVosOptions:
    """What can be chosen about YouTube-VOS."""

    split: Split = "valid"
    """Which part: valid, train or test."""
    year: Year = 2019
    """Which edition lies in the folder, for reports: 2018 or 2019."""
    frames: Frames = "annotated"
    """Which frames: every fifth, or all, of which every fifth is scored."""


class YouTubeVos(Dataset):
    """Sequences of one split, in the order of its list.

    Categories that ``train/meta.json`` names, where it is there, are ``seen`` in training.

    Args:
        root: Folder that holds train, valid and test.
        sequences: Only these, in this order; all of the split where left out.
        split: ``valid``, ``train`` or ``test``.
        year: 2018 or 2019; the layout is the same.
        frames: ``annotated`` or ``all``.

    Raises:
        InputError: If the split or a sequence is not there, or the list is malformed. An incomplete
            sequence is told when it is opened.
    """

    protocol = "youtube_vos"
    Options = YouTubeVosOptions

    def __init__(
        self,
        root: str | Path,
        sequences: Iterable[str] | None = None,
        split: Split = YouTubeVosOptions.split,
        year: Year = YouTubeVosOptions.year,
        frames: Frames = YouTubeVosOptions.frames,
    ) -> None:
        checked_choice(split, Split, "split")
        checked_choice(year, Year, "year")
        checked_choice(frames, Frames, "frames")
        folder, data_set = Path(root), "YouTube-VOS"
        path = find_place(folder, [f"{split}/meta.json"], data_set)
        part = split if frames == "annotated" else f"{split}_all_frames"
        images = find_place(folder, [f"{part}/JPEGImages"], data_set)
        truth = find_place(folder, [f"{split}/Annotations"], data_set)
        listed = read_meta(path)
        training = folder / "train" / "meta.json"
        if training.is_file():
            known = listed if training == path else read_meta(training)
            self.seen = frozenset(c for o in known.values() for c in categories_of(o).values())
        every = "" if frames == "annotated" else ", all frames"
        super().__init__(
            f"{data_set} {year} {split}{every}",
            {
                name: partial(open_listed, images / name, truth / name, listed[name], path)
                for name in chosen(sequences, listed, folder)
            },
        )


def open_listed(images: Path, truth: Path, objects: Objects, path: Path) -> VideoSequence:
    """A sequence whose objects are listed.

    Args:
        images: Folder of its frames.
        truth: Folder of its numbered masks.
        objects: What is told of its objects.
        path: The file that tells it, for messages.

    Raises:
        InputError: If there are no frames, or one in which an object is given is not there.
    """
    name = images.name
    starts = starts_of(objects, stems_in(images), f"{path}, {name}")
    return indexed_sequence(
        name,
        images,
        truth,
        first_seen if starts is None else starts,
        categories=categories_of(objects),
    )

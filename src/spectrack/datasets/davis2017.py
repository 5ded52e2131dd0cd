"""DAVIS-2017: several objects a sequence (Pont-Tuset et al., 2017, arXiv 1704.00675).

Layout: ``JPEGImages/RES/SEQ/00000.jpg``; ``Annotations/RES/SEQ/00000.png``, indexed, for the
semi-supervised task, in which the objects of the first frame are given; and
``Annotations_unsupervised/RES`` for the unsupervised one (Caelles et al., arXiv 1905.00737), in
which none is, and where pixels of value 255 count for nobody. Lists of sequences are
``ImageSets/2017/SPLIT.txt``, and ``ImageSets/2019/SPLIT.txt`` for the test splits of the
unsupervised task. RES is ``480p`` or ``Full-Resolution``. Of ``test-dev`` and ``test-challenge``
only the first frames are annotated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from spectrack.datasets.base import Dataset
from spectrack.datasets.davis_layout import find_davis, read_split
from spectrack.datasets.indexed_truth import indexed_sequence, of_any_mask, of_first_mask
from spectrack.datasets.listing import checked_choice

Task = Literal["semi-supervised", "unsupervised"]


@dataclass(frozen=True)
class Davis2017Options:
    """What can be chosen about DAVIS-2017."""

    task: Task = "semi-supervised"
    """Whether the objects of the first frame are given, or none: semi-supervised, unsupervised."""
    split: str = "val"
    """Name of a list in ImageSets: val, train, test-dev or test-challenge."""
    resolution: str = "480p"
    """Name of the image size, of those that are there: 480p or Full-Resolution."""
    frames: str | None = None
    """Image size of the frames, where it is another than that of the truth."""
    need_frames: bool = True
    """Whether frames must be there; without them JPEGImages may be absent."""


class Davis2017(Dataset):
    """Sequences of one split, in the order of its list.

    Args:
        root: Folder that holds JPEGImages, Annotations and ImageSets.
        split: Name of a list in ImageSets.
        resolution: Name of the image size.
        sequences: Only these, in this order; all of the split where left out.
        frames: Image size of the frames, where it is another than that of the truth.
        need_frames: Whether frames must be there; else their names are those of the annotations.
        task: ``semi-supervised`` or ``unsupervised``.

    Raises:
        InputError: If the task, the root, the split, the resolution or a sequence does not exist;
            the message names what does.
    """

    Options = Davis2017Options

    def __init__(
        self,
        root: str | Path,
        split: str = Davis2017Options.split,
        resolution: str = Davis2017Options.resolution,
        sequences: Iterable[str] | None = None,
        frames: str | None = Davis2017Options.frames,
        need_frames: bool = Davis2017Options.need_frames,
        task: Task = Davis2017Options.task,
    ) -> None:
        checked_choice(task, Task, "task")
        alone = task == "unsupervised"
        self.protocol = "davis_unsupervised" if alone else "davis"
        folder, data_set = Path(root), "DAVIS-2017"
        truth = f"{'Annotations_unsupervised' if alone else 'Annotations'}/{resolution}"
        places = find_davis(folder, data_set, truth, frames or resolution, need_frames)
        first = ("2019", "2017") if alone and split.startswith("test") else ("2017",)
        listed = read_split(folder, split, first)
        wanted = places.choose(sequences, listed, f"{data_set} {split}")
        of_frames = f", frames {frames}" if frames not in (None, resolution) else ""
        super().__init__(
            f"{data_set} {'unsupervised ' if alone else ''}{split} {resolution}{of_frames}",
            {
                name: partial(
                    indexed_sequence,
                    name,
                    places.frames / name,
                    places.truth / name,
                    of_any_mask if alone else of_first_mask,
                    named_by_truth=not need_frames,
                )
                for name in wanted
            },
        )

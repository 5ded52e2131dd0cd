"""TempleColor-128: 128 colour videos (Liang, Blasch, Ling, IEEE TIP 2015).

Layout: ``SEQ/img/0001.jpg``, ``SEQ/SEQ_gt.txt`` with a line ``x,y,w,h`` for every frame of the
sequence, and ``SEQ/SEQ_frames.txt`` with the numbers of its first and last image, ``1,360``. Pixels
are counted from 1, as the benchmark's toolkit is that of OTB.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.box_files import box_sequence, read_boxes, read_values
from spectrack.datasets.listing import chosen
from spectrack.errors import InputError
from spectrack.video.folder import natural_key


class TempleColor128(Dataset):
    """Sequences of TempleColor-128, by name.

    Args:
        root: Folder that holds the sequences' folders.
        sequences: Only these, in this order; all where left out.

    Raises:
        InputError: If there are no sequences, or one is not there. A malformed or incomplete one is
            told when it is opened.
    """

    protocol = "otb"

    def __init__(self, root: str | Path, sequences: Iterable[str] | None = None) -> None:
        folder = Path(root)
        there = sorted((p.parent.name for p in folder.glob("*/*_gt.txt")), key=natural_key)
        if not there:
            raise InputError(
                f"{folder} holds no sequences of TempleColor-128; give the folder that holds "
                "folders SEQ with SEQ_gt.txt and img"
            )
        names = chosen(sequences, dict.fromkeys(there), folder)
        super().__init__("TempleColor-128", {n: partial(_open, folder / n) for n in names})


def _open(folder: Path) -> VideoSequence:
    name = folder.name
    path = folder / f"{name}_gt.txt"
    boxes = read_boxes(path, first_pixel=1)
    first = 0
    span = folder / f"{name}_frames.txt"
    if span.is_file():
        first, last = (int(v) for v in read_values(span, 2))
        if last - first + 1 != len(boxes):
            raise InputError(
                f"{span} names frames {first} to {last} but {path.name} has {len(boxes)} boxes; "
                "complete the sequence"
            )
    return box_sequence(path, boxes, folder / "img", name, ends="with lines", first=first)

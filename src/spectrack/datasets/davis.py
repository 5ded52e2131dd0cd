"""DAVIS-2016: one object a sequence, a mask for every frame (Perazzi et al., CVPR 2016).

Layout: ``JPEGImages/RES/SEQ/00000.jpg``, ``Annotations/RES/SEQ/00000.png`` and the lists of
sequences, ``ImageSets/RES/SPLIT.txt`` (2016 packages) or ``ImageSets/2016/SPLIT.txt`` (2017 ones);
a list of another size does as well, as the sequences are the same. Annotations that number several
objects, as those of 2017 do, are one object here; :mod:`spectrack.datasets.davis2017` tells them
apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.davis_layout import DavisFolders, find_davis, read_split
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.masks import read_mask
from spectrack.video.reader import open_video


@dataclass(frozen=True)
class DavisOptions:
    """What can be chosen about DAVIS-2016."""

    split: str = "val"
    """Name of a list in ImageSets: val or train."""
    resolution: str = "480p"
    """Name of the image size, of those that are there."""
    frames: str | None = None
    """Image size of the frames, where it is another than that of the truth."""
    need_frames: bool = True
    """Whether frames must be there; without them JPEGImages may be absent."""


class Davis2016(Dataset):
    """Sequences of one split; truth is ``annotation > 0``.

    Args:
        root: Folder that holds JPEGImages, Annotations and ImageSets.
        split: Name of a list in ImageSets: ``val`` or ``train``.
        resolution: Name of the image size: ``480p``, or any other that is there.
        sequences: Only these, in this order; all of the split where left out.
        frames: Image size of the frames, where it is another than that of the truth.
        need_frames: Whether frames must be there. Without them sequences and the names of their
            frames are those of the annotations, and JPEGImages may be absent.

    Raises:
        InputError: If the root, the split, the resolution or a sequence does not exist; the
            message names what does.
    """

    Options = DavisOptions

    def __init__(
        self,
        root: str | Path,
        split: str = DavisOptions.split,
        resolution: str = DavisOptions.resolution,
        sequences: Iterable[str] | None = None,
        frames: str | None = DavisOptions.frames,
        need_frames: bool = DavisOptions.need_frames,
    ) -> None:
        folder, data_set = Path(root), "DAVIS-2016"
        places = find_davis(
            folder, data_set, f"Annotations/{resolution}", frames or resolution, need_frames
        )
        listed = read_split(folder, split, (resolution, "2016"))
        wanted = places.choose(sequences, listed, f"{data_set} {split}")
        of_frames = f", frames {frames}" if frames not in (None, resolution) else ""
        super().__init__(
            f"{data_set} {split} {resolution}{of_frames}",
            [_sequence(name, places) for name in wanted],
        )


def _sequence(name: str, places: DavisFolders) -> VideoSequence:
    frames, truth = places.frames / name, places.truth / name
    named, suffix = (frames, ".jpg") if places.need_frames else (truth, ".png")
    stems = tuple(sorted(path.stem for path in named.iterdir() if path.suffix == suffix))
    if not stems:
        raise InputError(f"{named} holds no {suffix} images; complete the data set")
    return VideoSequence(name, stems, partial(open_video, frames), partial(_read, truth, stems))


def _read(folder: Path, stems: tuple[str, ...], index: int) -> HardHW | None:
    """Annotation of a frame, or None where there is none."""
    path = folder / f"{stems[index]}.png"
    return read_mask(path) > 0 if path.is_file() else None

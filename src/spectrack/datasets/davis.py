"""DAVIS-2016: one object a sequence, a mask for every frame (Perazzi et al., CVPR 2016).

Layout: ``JPEGImages/RES/SEQ/00000.jpg``, ``Annotations/RES/SEQ/00000.png`` and the lists of
sequences, ``ImageSets/RES/SPLIT.txt`` (2016 packages) or ``ImageSets/2016/SPLIT.txt`` (2017 ones);
a list of another size does as well, as the sequences are the same. Annotations that number several
objects, as those of 2017 do, are one object here, but ``read_objects`` tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset, VideoSequence
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
        folder = Path(root)
        truth_root = folder / "Annotations" / resolution
        frames_root = folder / "JPEGImages" / (frames or resolution)
        needed = [frames_root, truth_root] if need_frames else [truth_root]
        for place in needed:
            if not place.parent.is_dir():
                name = place.parent.name
                raise InputError(f"{folder} has no folder {name}; give the root of DAVIS-2016")
            if not place.is_dir():
                raise InputError(
                    f"resolution {place.name!r} is not in {place.parent}; "
                    f"it has {_names(place.parent)}"
                )
        listed = _read_split(folder, split, resolution)
        wanted = listed if sequences is None else list(sequences)
        for name in wanted:
            if name not in listed:
                raise InputError(
                    f"sequence {name!r} is not in DAVIS-2016 {split}; it has {', '.join(listed)}"
                )
            for place in needed:
                if not (place / name).is_dir():
                    raise InputError(
                        f"{place} lacks folder {name}; complete the data set or choose among "
                        f"{_names(place)}"
                    )
        super().__init__(
            f"DAVIS-2016 {split} {resolution}",
            [_sequence(n, frames_root / n, truth_root / n, need_frames) for n in wanted],
        )


def _sequence(name: str, frames: Path, truth: Path, need_frames: bool) -> VideoSequence:
    named, suffix = (frames, ".jpg") if need_frames else (truth, ".png")
    stems = tuple(sorted(path.stem for path in named.iterdir() if path.suffix == suffix))
    if not stems:
        raise InputError(f"{named} holds no {suffix} images; complete the data set")
    return VideoSequence(
        name,
        stems,
        partial(open_video, frames),
        partial(_read, truth, stems),
        read_objects=partial(_read_objects, truth, stems),
    )


def _read(folder: Path, stems: tuple[str, ...], index: int) -> HardHW | None:
    """Annotation of a frame, or None where there is none."""
    path = folder / f"{stems[index]}.png"
    return read_mask(path) > 0 if path.is_file() else None


def _read_objects(folder: Path, stems: tuple[str, ...], index: int) -> NDArray[np.uint8] | None:
    """Object ids of a frame, 1 where the annotation has no numbers, or None where there is none."""
    path = folder / f"{stems[index]}.png"
    if not path.is_file():
        return None
    mask = read_mask(path)
    return mask if mask.dtype == np.uint8 else (mask > 0).astype(np.uint8)


def _read_split(root: Path, split: str, resolution: str) -> list[str]:
    """Names of a split, in the order of its list."""
    every = sorted(root.glob("ImageSets/*/"))
    first = [root / "ImageSets" / resolution, root / "ImageSets" / "2016"]
    for folder in [*first, *every]:
        path = folder / f"{split}.txt"
        if path.is_file():
            lines = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
            # The original lists name every frame: /JPEGImages/480p/SEQ/00000.jpg and its mask.
            names = [Path(line).parent.name if "/" in line else line for line in lines]
            return list(dict.fromkeys(names))
    found = sorted({p.stem for folder in every for p in folder.glob("*.txt")})
    raise InputError(
        f"split {split!r} is not in {root / 'ImageSets'}; it has {', '.join(found) or 'no lists'}"
    )


def _names(folder: Path) -> str:
    return ", ".join(sorted(p.name for p in folder.iterdir() if p.is_dir())) or "none"

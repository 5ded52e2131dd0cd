"""DAVIS-2016: one object a sequence, a mask for every frame (Perazzi et al., CVPR 2016).

Layout: ``JPEGImages/RES/SEQ/00000.jpg``, ``Annotations/RES/SEQ/00000.png`` and the lists of
sequences, ``ImageSets/RES/SPLIT.txt`` (2016 packages) or ``ImageSets/2016/SPLIT.txt`` (2017 ones).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from spectrack.datasets.base import Dataset, Sequence
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.masks import read_mask
from spectrack.video.reader import open_video


class Davis2016(Dataset):
    """Sequences of one split; truth is ``annotation > 0``.

    Args:
        root: Folder that holds JPEGImages, Annotations and ImageSets.
        split: Name of a list in ImageSets: ``val`` or ``train``.
        resolution: Name of the image size: ``480p``, or any other that is there.
        sequences: Only these, in this order; all of the split where left out.

    Raises:
        InputError: If the root, the split, the resolution or a sequence does not exist; the
            message names what does.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "val",
        resolution: str = "480p",
        sequences: Iterable[str] | None = None,
    ) -> None:
        folder = Path(root)
        frames, truth = folder / "JPEGImages" / resolution, folder / "Annotations" / resolution
        if not (folder / "JPEGImages").is_dir():
            raise InputError(f"{folder} has no folder JPEGImages; give the root of DAVIS-2016")
        if not frames.is_dir():
            names = _names(folder / "JPEGImages")
            raise InputError(f"resolution {resolution!r} is not in {folder}; it has {names}")
        listed = _read_split(folder, split, resolution)
        wanted = listed if sequences is None else list(sequences)
        for name in wanted:
            if name not in listed:
                raise InputError(
                    f"sequence {name!r} is not in DAVIS-2016 {split}; it has {', '.join(listed)}"
                )
            if not (frames / name).is_dir() or not (truth / name).is_dir():
                missing = frames if not (frames / name).is_dir() else truth
                raise InputError(
                    f"{missing} lacks folder {name}; complete the data set or choose among "
                    f"{_names(missing)}"
                )
        super().__init__(
            f"DAVIS-2016 {split} {resolution}",
            [_sequence(name, frames / name, truth / name) for name in wanted],
        )


def _sequence(name: str, frames: Path, truth: Path) -> Sequence:
    stems = tuple(sorted(path.stem for path in frames.iterdir() if path.suffix == ".jpg"))
    if not stems:
        raise InputError(f"{frames} holds no .jpg frames; complete the data set")
    return Sequence(name, stems, partial(open_video, frames), partial(_read, truth, stems))


def _read(folder: Path, stems: tuple[str, ...], index: int) -> HardHW | None:
    """Annotation of a frame, or None where there is none."""
    path = folder / f"{stems[index]}.png"
    return read_mask(path) > 0 if path.is_file() else None


def _read_split(root: Path, split: str, resolution: str) -> list[str]:
    """Names of a split, in the order of its list."""
    lists = [root / "ImageSets" / resolution, root / "ImageSets" / "2016"]
    for folder in lists:
        path = folder / f"{split}.txt"
        if path.is_file():
            lines = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
            # The original lists name every frame: /JPEGImages/480p/SEQ/00000.jpg and its mask.
            names = [Path(line).parent.name if "/" in line else line for line in lines]
            return list(dict.fromkeys(names))
    found = sorted({p.stem for folder in lists if folder.is_dir() for p in folder.glob("*.txt")})
    raise InputError(
        f"split {split!r} of {resolution} is not in {root / 'ImageSets'}; "
        f"it has {', '.join(found) or 'no lists'}"
    )


def _names(folder: Path) -> str:
    return ", ".join(sorted(p.name for p in folder.iterdir() if p.is_dir())) or "none"

"""Where the packages of DAVIS keep frames, annotations and lists, of 2016 and of 2017."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spectrack.datasets.base import shortened
from spectrack.datasets.listing import checked_name, read_text, subfolders
from spectrack.errors import InputError


@dataclass(frozen=True, slots=True)
class DavisFolders:
    """Folders of the frames and annotations of one image size, one folder a sequence in each.

    Args:
        frames: Of the frames.
        truth: Of the annotations.
        need_frames: Whether frames must be there.
    """

    frames: Path
    truth: Path
    need_frames: bool

    def choose(
        self, sequences: Iterable[str] | None, listed: Sequence[str], split: str
    ) -> list[str]:
        """The sequences asked for, or all of a list.

        Raises:
            InputError: If one is not in the list, or its folders are not there.
        """
        wanted = list(listed) if sequences is None else list(sequences)
        for name in wanted:
            if name not in listed:
                raise InputError(f"sequence {name!r} is not in {split}; it has {', '.join(listed)}")
            for place in [self.frames, self.truth] if self.need_frames else [self.truth]:
                if not (place / name).is_dir():
                    raise InputError(
                        f"{place} lacks folder {name}; complete the data set or choose among "
                        f"{shortened(subfolders(place))}"
                    )
        return wanted


def find_davis(
    root: Path, data_set: str, truth: str, frames: str, need_frames: bool
) -> DavisFolders:
    """The folders of one image size.

    Args:
        root: Folder that holds JPEGImages, Annotations and ImageSets.
        data_set: Name of the data set, for messages.
        truth: Folder of the annotations, below the root.
        frames: Image size of the frames.
        need_frames: Whether frames must be there.

    Raises:
        InputError: If a folder is not there; the message names what is.
    """
    found = DavisFolders(root / "JPEGImages" / frames, root / truth, need_frames)
    for place in [found.frames, found.truth] if need_frames else [found.truth]:
        if not place.parent.is_dir():
            name = place.parent.name
            raise InputError(f"{root} has no folder {name}; give the root of {data_set}")
        if not place.is_dir():
            raise InputError(
                f"resolution {place.name!r} is not in {place.parent}; "
                f"it has {shortened(subfolders(place.parent))}"
            )
    return found


def read_split(root: Path, split: str, first: Sequence[str]) -> list[str]:
    """Names of a split, in the order of its list.

    Args:
        root: Folder that holds ImageSets.
        split: Name of the list.
        first: Folders of ImageSets that are looked into before the others.

    Raises:
        InputError: If there is no such list; the message names those that are.
    """
    every = sorted(root.glob("ImageSets/*/"))
    for folder in [*(root / "ImageSets" / name for name in first), *every]:
        path = folder / f"{split}.txt"
        if path.is_file():
            text = read_text(path, "a list of names")
            lines = [line.split()[0] for line in text.splitlines() if line.strip()]
            # The original lists name every frame: /JPEGImages/480p/SEQ/00000.jpg and its mask.
            names = [Path(line).parent.name if "/" in line else line for line in lines]
            return [checked_name(name, path) for name in dict.fromkeys(names)]
    found = sorted({p.stem for folder in every for p in folder.glob("*.txt")})
    raise InputError(
        f"split {split!r} is not in {root / 'ImageSets'}; it has {', '.join(found) or 'no lists'}"
    )

"""The frames of a sequence: images of a folder, all or some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from spectrack.datasets.base import shortened
from spectrack.errors import InputError
from spectrack.video.alignment import frame_number
from spectrack.video.folder import ImageFolder, image_files
from spectrack.video.frames import Frames

Ends = Literal["together", "with lines", "with frames"]
"""Whether frames and lines of truth end together, or which of them say where a sequence ends."""


class NamedImages(ImageFolder):
    """Some images of a folder.

    Args:
        path: The folder.
        stems: Their file stems, in order, one or more.

    Raises:
        InputError: If one is not there, or as :class:`~spectrack.video.folder.ImageFolder`.
    """

    def __init__(self, path: Path, stems: Sequence[str]) -> None:
        super().__init__(path)
        there = {file.stem: file for file in self._files}
        lacking = [stem for stem in stems if stem not in there]
        if lacking:
            raise InputError(f"{path} lacks frames {shortened(lacking)}; complete the sequence")
        self._files = [there[stem] for stem in stems]
        self.stems = list(stems)


def stems_in(folder: Path) -> tuple[str, ...]:
    """Stems of the images of a folder, in natural order.

    Raises:
        InputError: If there is none.
    """
    return tuple(file.stem for file in image_files(folder, what="frames"))


def frames_of(
    path: Path, count: int, images: Path, ends: Ends = "together", first: int = 0
) -> tuple[tuple[str, ...], Callable[[], Frames]]:
    """The frames that belong to the lines of a file.

    Args:
        path: The file, for messages.
        count: How many lines it has, >= 1.
        images: The folder of the frames.
        ends: ``together`` needs a line for every frame; ``with lines`` leaves the frames behind the
            last line out; ``with frames`` keeps them.
        first: Number, in their names, of the first frame; lower ones are left out.

    Returns:
        The stems of the frames, and what opens them.

    Raises:
        InputError: If there are no images, or not as many as lines.
    """
    stems = stems_in(images)
    if first:
        later = (i for i, stem in enumerate(stems) if (frame_number(stem) or 0) >= first)
        stems = stems[next(later, len(stems)) :]
    if ends == "with lines":
        stems = stems[:count]
    fewer = len(stems) < count
    if fewer or (ends == "together" and len(stems) > count):
        raise InputError(
            f"{path} has {count} lines but {images} {'only ' if fewer else ''}{len(stems)} frames "
            "for them; complete the sequence"
        )
    return stems, partial(NamedImages, images, stems)

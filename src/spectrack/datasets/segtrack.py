"""SegTrack v2: 14 sequences with 24 objects (Li et al., ICCV 2013).

Layout: ``JPEGImages/SEQ/*`` (PNG or BMP in spite of its name) and ``GroundTruth/SEQ/*.png``, white
on black, for a sequence of one object; ``GroundTruth/SEQ/1/*.png``, ``GroundTruth/SEQ/2/*.png`` and
so on for one of several. Masks belong to the frames of their name, or number, or position. An
object is given in the first frame in which it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.frame_folders import NamedImages, stems_in
from spectrack.datasets.indexed_truth import LateStarts
from spectrack.datasets.listing import chosen, find_place, subfolders
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.alignment import align_stems
from spectrack.video.folder import image_files
from spectrack.video.masks import read_mask


class SegTrackV2(Dataset):
    """Sequences of SegTrack v2, by name.

    Args:
        root: Folder that holds JPEGImages and GroundTruth.
        sequences: Only these, in this order; all where left out.

    Raises:
        InputError: If a folder or a sequence is not there. An incomplete sequence is told when it
            is opened.
    """

    def __init__(self, root: str | Path, sequences: Iterable[str] | None = None) -> None:
        folder = Path(root)
        images = find_place(folder, ["JPEGImages"], "SegTrack v2")
        truth = find_place(folder, ["GroundTruth"], "SegTrack v2")
        there = subfolders(images)
        if not there:
            raise InputError(f"{images} holds no folders of sequences; complete the data set")
        names = chosen(sequences, there, images)
        super().__init__(
            "SegTrack v2", {name: partial(_open, images / name, truth / name) for name in names}
        )


class _ObjectFolders:
    """Masks of each object in a folder of its own; they may overlap.

    Args:
        files: Object id to the mask of every frame, None where a frame has none.
    """

    def __init__(self, files: dict[int, list[Path | None]]) -> None:
        self._files = files

    def one(self, index: int, object_id: int) -> HardHW | None:
        """Mask of an object, bool (H, W); None where it has none."""
        file = self._files[object_id][index] if object_id in self._files else None
        return None if file is None else read_mask(file) > 0

    def all(self, index: int) -> HardHW | None:
        """Mask of all objects together; None where none has one."""
        masks = [m for m in (self.one(index, key) for key in self._files) if m is not None]
        if len({mask.shape for mask in masks}) > 1:
            shown = self._files[min(self._files)][index]
            raise InputError(f"{shown} and the masks of other objects differ in size; correct them")
        return np.any(masks, axis=0) if masks else None

    def starts(self) -> dict[int, int]:
        """Object id to the first frame in which it is; masks are read until it is found."""
        found: dict[int, int] = {}
        for key, files in self._files.items():
            for index in range(len(files)):
                mask = self.one(index, key)
                if mask is not None and mask.any():
                    found[key] = index
                    break
        return found


def _open(images: Path, truth: Path) -> VideoSequence:
    if not truth.is_dir():
        raise InputError(f"{truth} does not exist; complete the data set")
    stems = stems_in(images)
    numbered = sorted(int(name) for name in subfolders(truth) if name.isdecimal())
    folders = {number: truth / str(number) for number in numbered} or {1: truth}
    masks = _ObjectFolders({k: _aligned(f, stems, images) for k, f in folders.items()})
    return VideoSequence(
        images.name,
        stems,
        partial(NamedImages, images, stems),
        masks.all,
        read_object=masks.one,
        starts=LateStarts(masks.starts),
    )


def _aligned(folder: Path, stems: tuple[str, ...], images: Path) -> list[Path | None]:
    files = image_files(folder, what="masks")
    names = [file.stem for file in files]
    places = align_stems(names, stems, len(stems), str(folder), str(images)).places
    return [None if place is None else files[place] for place in places]

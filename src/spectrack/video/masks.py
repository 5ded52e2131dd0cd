"""Masks of any method from disk, aligned to the frames of a video.

:mod:`spectrack.video.mask_kinds` tells what a file means. In a folder the grey files are judged
together: where one is soft, all are, so that a frame in which a soft mask fades to two levels is
not taken for a hard one; where they are object ids, all are, so that a frame which one of several
objects has left is not taken for a hard mask of the other.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError, InputWarning
from spectrack.structures import HardHW, SoftHW
from spectrack.tracks import MASKS
from spectrack.video.alignment import align_stems
from spectrack.video.folder import IMAGE_SUFFIXES, image_files
from spectrack.video.frames import Frames
from spectrack.video.mask_kinds import VOID, Kind, judge, load_mask

MASK_SUFFIXES = IMAGE_SUFFIXES | {".npy", ".npz"}
_SAMPLED = 8


def read_mask(path: str | Path) -> NDArray[Any]:
    """Read one mask file as what it means.

    Returns:
        Array of shape (H, W): bool for hard masks, uint8 object ids for indexed ones, float32 in
        [0, 1] for soft ones; the table in :mod:`spectrack.video.mask_kinds` tells which is which.

    Raises:
        InputError: If the file is missing, truncated, corrupt, no mask, or holds NaN or values
            outside [0, 1].
    """
    return judge(load_mask(Path(path)))[1]


def kind_of(files: Sequence[Path]) -> Kind:
    """What kind the mask files of a folder are, judged together from a few spread over it.

    Args:
        files: All of them, in order.

    Raises:
        InputError: As :func:`read_mask`.
    """
    step = max(1, len(files) // _SAMPLED)
    kinds = {judge(load_mask(file))[0] for file in files[::step][: _SAMPLED + 1]}
    return "soft" if "soft" in kinds else "index" if "index" in kinds else "hard"


def read_mask_as(path: Path, kind: Kind) -> NDArray[Any]:
    """Read one mask file as what it means in a folder of a kind.

    Args:
        path: The file.
        kind: What kind the folder is, see :func:`kind_of`.

    Returns:
        As :func:`read_mask`; of a folder of object ids uint8 ids, but for a file that cannot be
        any.

    Raises:
        InputError: As :func:`read_mask`.
    """
    return judge(load_mask(path), kind)[1]


def read_hard_mask(path: str | Path, object_id: int | None = None) -> HardHW:
    """Read one mask file as a bool array of shape (H, W); soft masks are cut at 0.5 (``>=``).

    Args:
        path: The file.
        object_id: Which object of an indexed mask; needed only where it holds several.

    Raises:
        InputError: As :func:`read_mask`, and if several objects are there but none was chosen.
    """
    return single_object(read_mask(path), object_id, str(path)) >= 0.5


def object_ids(mask_hw: NDArray[Any]) -> list[int]:
    """Ids of the objects in a mask from :func:`read_mask`; [1] for hard and soft masks."""
    return objects_among(_ids_there(mask_hw))


def objects_among(ids: Iterable[int]) -> list[int]:
    """The objects among ids, ascending: no background, and no void unless nothing else is there."""
    found = sorted(set(ids) - {0})
    return [i for i in found if i != VOID] or found


def single_object(mask_hw: NDArray[Any], object_id: int | None, source: str) -> SoftHW:
    """One object of a mask from :func:`read_mask` as float32 in [0, 1], shape (H, W).

    Raises:
        InputError: If several objects are there and none was chosen.
    """
    if mask_hw.dtype == np.uint8:
        if object_id is None:
            object_id = _only(object_ids(mask_hw), source) or 1
        return (mask_hw == object_id).astype(np.float32)
    if object_id not in {None, 1}:
        raise InputError(
            f"{source} holds one object without ids but object {object_id} was asked for; "
            "leave the id out or give an indexed mask"
        )
    return mask_hw.astype(np.float32)


class MaskFolder:
    """The masks of one object, one file a frame, aligned to the frames of a video.

    Files belong to frames of the same stem, or number, or position; see
    :func:`spectrack.video.alignment.align_stems`. What is uncertain gives an ``InputWarning``.

    Args:
        path: Folder of mask files, or a result folder with ``masks/``, or one file.
        frames: The video; without it frame i is file i.
        object_id: Which object of indexed masks; needed where they hold several.
        any_size: Whether masks may have another size than the frames.

    Attributes:
        kind: "hard", "index" or "soft", judged from files spread over the folder.
        missing: Indices of frames without a mask.
        extra: Stems of mask files without a frame.
        warnings: What people should know of how masks and frames were matched.
        size_wh: Width and height, those of the video where one is given.

    Raises:
        InputError: If there is no mask file, stems cannot be aligned, or the first masks cannot be
            read; while reading, if a mask is corrupt, has another size, or holds several objects.
    """

    def __init__(
        self,
        path: str | Path,
        frames: Frames | None = None,
        object_id: int | None = None,
        any_size: bool = False,
    ) -> None:
        root = Path(path)
        if not root.exists():
            raise InputError(f"{path} does not exist; give a folder of masks")
        if (root / MASKS).is_dir() and not any(f.suffix == ".png" for f in root.glob("*.png")):
            root = root / MASKS
        self.source = str(path)
        self.object_id = object_id
        self._any_size = any_size
        files = image_files(root, MASK_SUFFIXES, "masks")
        self._files: list[Path | None] = list(files)
        self.extra: list[str] = []
        self.warnings: list[str] = []
        if frames is not None:
            self._align(files, frames)
        self.missing = [i for i, file in enumerate(self._files) if file is None]
        self.stems = (
            frames.stems
            if frames is not None and frames.stems is not None
            else [f"{i:05d}" if file is None else file.stem for i, file in enumerate(self._files)]
        )
        self.kind = kind_of([f for f in self._files if f is not None])
        self.size_wh = frames.size_wh if frames is not None else self._size_of_first()

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[SoftHW | None]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> SoftHW | None:
        """Soft mask of a frame, float32 in [0, 1] of shape (H, W), or None where it is missing."""
        file = self._files[index]
        if file is None:
            return None
        mask = read_mask_as(file, self.kind)
        width, height = self.size_wh
        if mask.shape != (height, width) and not self._any_size:
            raise InputError(
                f"mask {file} is {mask.shape[1]}x{mask.shape[0]} but the frames are "
                f"{width}x{height}; give masks of the same size, or resize them where that is "
                "offered (--resize, resize=True)"
            )
        if self.object_id is None and mask.dtype == np.uint8:
            ids, source = object_ids(mask), str(file)
            if ids == [VOID]:  # an object only where no frame has another
                ids, source = self.objects, self.source
            self.object_id = _only(ids, source)  # the same one in all frames
        return single_object(mask, self.object_id, str(file))

    def hard(self, index: int) -> HardHW | None:
        """Hard mask of a frame (``>= 0.5``), bool of shape (H, W), or None where it is missing."""
        soft = self[index]
        return None if soft is None else soft >= 0.5

    def file(self, index: int) -> Path | None:
        """The file of a frame's mask, or None where it is missing."""
        return self._files[index]

    @cached_property
    def objects(self) -> list[int]:
        """Ids of all objects in numbered masks, which are read for it; none in other kinds.

        Raises:
            InputError: If a mask cannot be read.
        """
        if self.kind != "index":
            return []
        files = [file for file in self._files if file is not None]
        return objects_among(i for file in files for i in _ids_there(read_mask_as(file, self.kind)))

    def of_object(self, object_id: int) -> Self:
        """The same masks for another object."""
        other = copy.copy(self)
        other.object_id = object_id
        return other

    def _align(self, files: list[Path], frames: Frames) -> None:
        """Give each frame its file, and say what is uncertain about it."""
        count = frames.length
        if count is None:
            raise InputError(f"{frames.source} has no known length; masks need a video or a folder")
        stems = [file.stem for file in files]
        aligned = align_stems(stems, frames.stems, count, self.source, frames.source)
        self._files = [None if place is None else files[place] for place in aligned.places]
        self.extra = aligned.extra
        if aligned.warning is not None:
            self.warnings = [aligned.warning]
            warnings.warn(aligned.warning, InputWarning, stacklevel=3)

    def _size_of_first(self) -> tuple[int, int]:
        first = next(file for file in self._files if file is not None)
        height, width = load_mask(first).array.shape
        return width, height


def _ids_there(mask_hw: NDArray[Any]) -> list[int]:
    """All ids in a mask, background and void among them; [1] for hard and soft masks."""
    found: list[int] = np.unique(mask_hw).tolist() if mask_hw.dtype == np.uint8 else [1]
    return found


def _only(ids: Sequence[int], source: str) -> int | None:
    """The only object among ids, None where there is none.

    Raises:
        InputError: If there are several.
    """
    if len(ids) > 1:
        shown = ", ".join(map(str, ids))
        raise InputError(
            f"{source} holds several objects ({shown}) where one is wanted; choose one by its id"
        )
    return ids[0] if ids else None

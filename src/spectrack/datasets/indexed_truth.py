"""Truth of several objects as a folder of numbered masks: ``SEQ/00000.png``, value = object id.

As DAVIS-2017, YouTube-VOS, MOSE and LVOS have it. Frames without a file have no truth. Files are
decoded when they are asked for, and the last one is kept, as its objects are asked for in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.frame_folders import NamedImages, stems_in
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.mask_kinds import VOID, load_mask

_MOST_GREY = 64
"""Grey levels up to this are ids that lost their palette; more are no numbers of objects."""


class IndexedTruth:
    """Numbered masks of the frames of a sequence.

    Args:
        folder: Of the masks.
        stems: Of the frames.
    """

    def __init__(self, folder: Path, stems: tuple[str, ...]) -> None:
        self.folder, self.stems = folder, stems
        self._last: tuple[int, NDArray[np.uint8] | None] = (-1, None)

    def ids(self, index: int) -> NDArray[np.uint8] | None:
        """Object ids of a frame, uint8 (H, W), 0 for none and void; None where there is no file.

        Raises:
            InputError: If the file is corrupt or holds no ids.
        """
        raw = self._raw(index)
        return None if raw is None else np.where(raw == VOID, np.uint8(0), raw)

    def mask(self, index: int) -> HardHW | None:
        """All objects of a frame together, bool (H, W), or None where there is no file."""
        ids = self.ids(index)
        return None if ids is None else ids > 0

    def void(self, index: int) -> HardHW | None:
        """Pixels that count for nobody, bool (H, W), or None where there are none."""
        raw = self._raw(index)
        if raw is None:
            return None
        void = raw == VOID
        return void if void.any() else None

    def is_annotated(self, index: int) -> bool:
        """Whether a frame has a mask."""
        return self._file(index).is_file()

    def _file(self, index: int) -> Path:
        return self.folder / f"{self.stems[index]}.png"

    def _raw(self, index: int) -> NDArray[np.uint8] | None:
        """The values of a file as they stand."""
        if self._last[0] != index:
            path = self._file(index)
            self._last = index, read_ids(path) if path.is_file() else None
        return self._last[1]

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "stems": self.stems, "_last": (-1, None)}


def read_ids(path: Path) -> NDArray[np.uint8]:
    """Object ids of a file, uint8 (H, W), with 255 for void.

    Indexed PNG as they stand, and grey ones whose levels are ids; a mask of two levels, 0 and 255,
    or of one bit, is object 1.

    Raises:
        InputError: If the file is missing, corrupt, or holds no ids.
    """
    raw = load_mask(path)
    values = raw.array
    if raw.kind == "hard":
        return values.astype(np.uint8)
    if raw.kind == "soft" or values.dtype != np.uint8:
        raise InputError(f"{path} holds no object numbers; give an indexed PNG")
    levels = np.unique(values)
    if raw.kind == "grey" and set(levels.tolist()) <= {0, VOID}:
        return (values > 0).astype(np.uint8)
    if raw.kind == "grey" and (levels[levels != VOID] > _MOST_GREY).any():
        raise InputError(f"{path} holds grey levels, not object numbers; give an indexed PNG")
    return values


def first_seen(truth: IndexedTruth) -> dict[int, int]:
    """Object id to the first frame in which it is; all masks are read."""
    found: dict[int, int] = {}
    for index in range(len(truth.stems)):
        for key in _keys(truth, index):
            found.setdefault(key, index)
    return dict(sorted(found.items()))


def of_first_mask(truth: IndexedTruth) -> dict[int, int]:
    """Objects of the first frame that has a mask, which is the frame they are given in."""
    for index in range(len(truth.stems)):
        if truth.is_annotated(index):
            return dict.fromkeys(_keys(truth, index), index)
    return {}


def of_any_mask(truth: IndexedTruth) -> dict[int, int]:
    """Objects of all masks, from the first frame on, where none is given; all masks are read."""
    return dict.fromkeys(first_seen(truth), 0)


def _keys(truth: IndexedTruth, index: int) -> list[int]:
    """Ids of the objects in a frame, ascending."""
    ids = truth.ids(index)
    return [] if ids is None else [key for key in np.unique(ids).tolist() if key]


class LateStarts(Mapping[int, int]):
    """Object id to the frame in which it is given, found when it is first asked for.

    Args:
        find: Finds them.
    """

    def __init__(self, find: Callable[[], Mapping[int, int]]) -> None:
        self._find = find
        self._found: Mapping[int, int] | None = None

    def _known(self) -> Mapping[int, int]:
        if self._found is None:
            self._found = self._find()
        return self._found

    def __getitem__(self, key: int) -> int:
        return self._known()[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __repr__(self) -> str:
        return "LateStarts(not read yet)" if self._found is None else repr(dict(self._found))


def indexed_sequence(
    name: str,
    frames: Path,
    truth: Path,
    starts: Mapping[int, int] | Callable[[IndexedTruth], Mapping[int, int]] = first_seen,
    named_by_truth: bool = False,
    **told: Any,
) -> VideoSequence:
    """A sequence of a folder of frames and one of numbered masks.

    Args:
        name: Of the sequence.
        frames: Folder of the frames.
        truth: Folder of the masks.
        starts: Object id to frame number, or what finds them when they are first asked for.
        named_by_truth: Take the names of the frames from the masks, as the frames may be absent.
        **told: What else is known, fields of :class:`~spectrack.datasets.base.VideoSequence`.

    Raises:
        InputError: If there are no frames.
    """
    stems = stems_in(truth if named_by_truth else frames)
    masks = IndexedTruth(truth, stems)
    return VideoSequence(
        name,
        stems,
        partial(NamedImages, frames, stems),
        masks.mask,
        read_objects=masks.ids,
        read_void=masks.void,
        starts=LateStarts(partial(starts, masks)) if callable(starts) else starts,
        **told,
    )

"""The file of YouTube-VIS: its videos, its objects, and their masks as run lengths or polygons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pycocotools import mask as coco

from spectrack.datasets.listing import checked_name
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.run_lengths import MOST_PIXELS, read_mask_of

_MOST_NUMBERS = 100_000
"""A polygon may have no more numbers."""


@dataclass(frozen=True, slots=True)
class VisVideo:
    """A video of the file.

    Args:
        id: Its number.
        name: Of the folder of its frames.
        stems: File stems of its frames.
        size_wh: Width and height of its frames, pixels.
    """

    id: int
    name: str
    stems: tuple[str, ...]
    size_wh: tuple[int, int]

    @classmethod
    def of(cls, entry: dict[str, Any], path: Path) -> VisVideo:
        """From an entry of ``videos``.

        Raises:
            InputError: If it lacks its frames or their size, or they lie in several folders.
        """
        files = entry.get("file_names")
        size: list[Any] = [entry.get("width"), entry.get("height")]
        good = isinstance(files, list) and files and all(isinstance(f, str) for f in files)
        sized = all(type(s) is int and s > 0 for s in size)
        if not good or not sized or math.prod(size) > MOST_PIXELS:
            raise InputError(
                f"{path}, video {entry['id']} lacks file_names, width or height; "
                "give the data set's own file"
            )
        places = [PurePosixPath(file) for file in entry["file_names"]]
        folders = {str(place.parent) for place in places}
        if len(folders) > 1:
            raise InputError(f"{path}, video {entry['id']} has frames of several folders")
        name = checked_name(folders.pop(), path)
        stems = tuple(checked_name(place.stem, path) for place in places)
        return cls(entry["id"], name, stems, (entry["width"], entry["height"]))


@dataclass(frozen=True, slots=True)
class VisObject:
    """An object of the file.

    Args:
        id: Its number.
        category: Name of what it is.
        crowd: Whether it stands for several that were not told apart.
        masks: What the file holds for each frame of its video.
        where: Where it stands in the file, for messages.
    """

    id: int
    category: str
    crowd: bool
    masks: list[Any]
    where: str

    @classmethod
    def of(
        cls, entry: dict[str, Any], kinds: dict[int, str], lengths: dict[int, int], path: Path
    ) -> VisObject:
        """From an entry of ``annotations``.

        Args:
            entry: The entry.
            kinds: Number of a category to its name.
            lengths: Number of a video to how many frames it has.
            path: The file.

        Raises:
            InputError: If it is of another video or category, or not of as many frames.
        """
        where = f"{path}, annotation {entry['id']}"
        video, masks = entry["video_id"], entry.get("segmentations")
        if video not in lengths or entry["category_id"] not in kinds:
            raise InputError(f"{where} is of a video or category that the file does not name")
        if not isinstance(masks, list) or len(masks) != lengths[video]:
            raise InputError(f"{where} has no segmentations, one for each of its video's frames")
        return cls(
            entry["id"], kinds[entry["category_id"]], bool(entry.get("iscrowd")), masks, where
        )


class VisMasks:
    """Masks of the objects of a video, decoded when they are asked for.

    Args:
        video: The video.
        objects: Its objects; they are numbered from 1 in the order of their ids, without crowds.
    """

    def __init__(self, video: VisVideo, objects: list[VisObject]) -> None:
        ordered = sorted(objects, key=lambda one: one.id)
        self._size_wh = video.size_wh
        self.objects = dict(enumerate((one for one in ordered if not one.crowd), 1))
        self._crowds = [one for one in ordered if one.crowd]

    def one(self, index: int, object_id: int) -> HardHW | None:
        """Mask of an object, bool (H, W), without foreground where it is out of sight."""
        if object_id not in self.objects:
            return self._empty()
        return self._decode(self.objects[object_id], index)

    def all(self, index: int) -> HardHW | None:
        """Mask of all objects together, bool (H, W)."""
        out = self._empty()
        for one in self.objects.values():
            out |= self._decode(one, index)
        return out

    def void(self, index: int) -> HardHW | None:
        """Pixels of crowds, bool (H, W), or None where there are none."""
        masks = [self._decode(one, index) for one in self._crowds]
        out = np.any(masks, axis=0) if masks else None
        return out if out is not None and out.any() else None

    def _decode(self, one: VisObject, index: int) -> HardHW:
        given, where = one.masks[index], f"{one.where}, frame {index}"
        if given is None:
            return self._empty()
        width, height = self._size_wh
        if isinstance(given, list):
            return read_polygons(given, self._size_wh, where)
        mask = read_mask_of(given, where)
        if mask is None or (mask.height, mask.width) != (height, width):
            raise InputError(f"{where} has another size than its video, {width}x{height}")
        return mask.decode()

    def _empty(self) -> HardHW:
        return np.zeros(self._size_wh[::-1], bool)


def read_polygons(polygons: list[Any], size_wh: tuple[int, int], where: str) -> HardHW:
    """A mask from polygons ``[x1, y1, x2, y2, ...]`` in pixels, as COCO fills them.

    Args:
        polygons: One or several.
        size_wh: Width and height of the mask.
        where: Where they stand, for messages.

    Returns:
        Bool (H, W).

    Raises:
        InputError: If one is no polygon, or leads far out of the frame.
    """
    width, height = size_wh
    out = np.zeros((height, width), bool)
    for polygon in polygons:
        try:
            corners = np.array(polygon, dtype=np.float64)
        except (TypeError, ValueError):
            corners = np.zeros(0)
        far = 2 * max(size_wh)
        good = corners.ndim == 1 and 6 <= corners.size <= _MOST_NUMBERS and corners.size % 2 == 0
        if not good or not np.isfinite(corners).all() or np.abs(corners).max() > far:
            raise InputError(f"{where} holds a polygon that is none; expected x1, y1, x2, y2, ...")
        rle = coco.frPyObjects([corners.tolist()], height, width)[0]
        out |= coco.decode(rle).astype(bool)
    return out


def entries_of(
    data: dict[str, Any], name: str, path: Path, keys: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The entries of a list of the file, each with some keys; ids are whole numbers.

    Raises:
        InputError: If there is no such list, or an entry is another one.
    """
    entries = data.get(name)
    if not isinstance(entries, list):
        raise InputError(f"{path} has no list of {name}; give the data set's own file")
    for entry in entries:
        good = isinstance(entry, dict) and all(key in entry for key in keys)
        ids = [k for k in keys if k == "id" or k.endswith("_id")]
        if not good or not all(type(entry[key]) is int for key in ids):
            shown = ", ".join(keys)
            raise InputError(f"{path} has one of {name} without {shown}; give the data set's file")
    return entries

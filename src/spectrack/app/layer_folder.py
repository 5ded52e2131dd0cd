"""Masks of a result folder, read one frame at a time: a long video's do not fit in memory."""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectrack.errors import InputError
from spectrack.structures import Box, Mask
from spectrack.tracks import BOXES, INFO, MASKS, Entry


class LayerFolder:
    """A result folder that :meth:`spectrack.tracks.Tracks.save` wrote.

    Args:
        folder: The folder.

    Raises:
        InputError: If it is none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            info = json.loads((folder / INFO).read_text())
            self.size_wh = (int(info["size_wh"][0]), int(info["size_wh"][1]))
            self._stems = [str(stem) for stem in info["stems"]]
            self.object_ids = sorted(int(key) for key in info["objects"])
            with (folder / BOXES).open(
                newline="", encoding="utf-8", errors="surrogateescape"
            ) as handle:
                rows = {(r["frame"], int(r["object"])): r for r in csv.DictReader(handle)}
            self._rows = {key: _row(row) for key, row in rows.items()}
        except (OSError, KeyError, IndexError, TypeError, ValueError, csv.Error) as error:
            raise InputError(f"{folder.name} is not a complete result ({error})") from error
        # A method of an instance: the cache goes with it.
        self._index = lru_cache(maxsize=8)(self._read)

    def __len__(self) -> int:
        return len(self._stems)

    def entry(self, object_id: int, frame: int) -> Entry | None:
        """What the result says of an object in a frame; None where it says nothing."""
        if not 0 <= frame < len(self._stems) or object_id not in self.object_ids:
            return None
        row = self._rows.get((self._stems[frame], object_id))
        if row is None:
            return None
        box, score, found = row
        hard = self._index(frame) == object_id
        return Entry(box, Mask.encode(hard) if hard.any() else None, score, found)

    def score(self, object_id: int, frame: int) -> float:
        """The score of an object in a frame; 0 where there is none."""
        row = self._rows.get((self._stems[frame], object_id))
        return 0.0 if row is None else row[1]

    def _read(self, frame: int) -> NDArray[Any]:
        try:
            with Image.open(self._folder / MASKS / f"{self._stems[frame]}.png") as image:
                index = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"mask {self._stems[frame]} cannot be read ({error})") from error
        if index.shape != self.size_wh[::-1]:
            raise InputError(f"mask {self._stems[frame]} has shape {index.shape}")
        return index


def _row(row: dict[str, str]) -> tuple[Box | None, float, bool]:
    box = Box(*(float(row[k]) for k in "xywh")) if row["x"] else None
    return box, float(row["score"]), row["found"] == "1"

"""The result folder, written frame by frame: indexed masks, a table of boxes, what made them.

``masks/00000.png`` ... (indexed PNG, DAVIS palette, value = object id), ``boxes.csv``
(``frame,object,x,y,w,h,score,found``, and ``time_s`` where frames have times) and ``track.json``,
which is written last: a folder with it is complete.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectrack.errors import InputError
from spectrack.storage import write_text
from spectrack.structures import Box, HardHW

MASKS, BOXES, INFO = "masks", "boxes.csv", "track.json"
FORMAT = 1
COLUMNS = ["frame", "object", "x", "y", "w", "h", "score", "found"]
TIME = "time_s"


class Told(Protocol):
    """What is told of an object in a frame, beside its mask."""

    @property
    def box(self) -> Box | None:
        """In pixels."""
        ...

    @property
    def score(self) -> float:
        """0 to 1."""
        ...

    @property
    def found(self) -> bool:
        """Whether it is in sight."""
        ...


def davis_palette() -> NDArray[np.uint8]:
    """The 256 colours of DAVIS and PASCAL VOC masks, shape (256, 3).

    Colour i spreads the bits of i over the channels, three at a time, highest bits first.
    """
    index = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.uint8)
    for level in range(8):
        for channel in range(3):
            bit = (index >> (3 * level + channel)) & 1
            palette[:, channel] |= (bit << (7 - level)).astype(np.uint8)
    return palette


def write_index_png(path: str | Path, index_hw: NDArray[np.uint8]) -> None:
    """Write object ids of shape (H, W) as an indexed PNG with the DAVIS palette."""
    Path(path).write_bytes(index_png(index_hw))


def index_png(index_hw: NDArray[np.uint8]) -> bytes:
    """Object ids of shape (H, W) as the content of an indexed PNG with the DAVIS palette."""
    image = Image.fromarray(np.ascontiguousarray(index_hw, dtype=np.uint8)).convert("P")
    image.putpalette(davis_palette().tobytes())
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def index_of_masks(
    masks: Iterable[tuple[float, int, HardHW | None]], size_wh: tuple[int, int]
) -> NDArray[np.uint8]:
    """Object ids of a frame, uint8 (H, W); where objects overlap the higher score wins.

    Args:
        masks: Score, id and mask (H, W) of every object.
        size_wh: Of the frame.
    """
    out = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    for _, object_id, mask in sorted(masks, key=lambda one: one[0]):
        if mask is not None:
            out[mask] = object_id
    return out


def safe_stem(stem: str) -> str:
    """Refuse stems that would leave the folder.

    Raises:
        InputError: If the stem is not a plain file name.
    """
    if not stem or stem in {".", ".."} or any(c in stem for c in "/\\\0"):
        raise InputError(f"frame name {stem!r} is not a plain file name; rename the frame")
    return stem


def header(timed: bool) -> list[str]:
    """The first row of ``boxes.csv``; ``timed`` where frames have times."""
    return COLUMNS + ([TIME] if timed else [])


def box_rows(stem: str, told: Mapping[int, Told], time_s: float | None) -> list[list[Any]]:
    """The rows of a frame in ``boxes.csv``.

    Args:
        stem: Its name.
        told: Object id to what is told of it.
        time_s: Of the frame; None where frames have no times.
    """
    shown = [] if time_s is None else [f"{time_s:.6f}"]
    rows = []
    for object_id, one in told.items():
        box = ["", "", "", ""] if one.box is None else [f"{v:.2f}" for v in one.box]
        rows.append([stem, object_id, *box, f"{one.score:.4f}", int(one.found), *shown])
    return rows


def info_text(
    size_wh: tuple[int, int], stems: Sequence[str], objects: Mapping[int, Mapping[str, Any]]
) -> str:
    """The content of ``track.json``.

    Args:
        size_wh: Of the frames.
        stems: Their names.
        objects: Object id to what made it, as JSON has it.
    """
    info = {
        "format": FORMAT,
        "size_wh": list(size_wh),
        "frames": len(stems),
        "stems": list(stems),
        "objects": {str(i): dict(made) for i, made in objects.items()},
    }
    return json.dumps(info, indent=1) + "\n"


class ResultWriter:
    """Writes a result folder; it is complete after :meth:`finish`.

    Args:
        folder: It is made; an older result in it is removed.
        size_wh: Of the frames.
        timed: Whether frames come with times.
    """

    def __init__(self, folder: Path, size_wh: tuple[int, int], timed: bool) -> None:
        self._folder, self._size_wh, self._timed = folder, size_wh, timed
        self._stems: dict[str, None] = {}
        (folder / MASKS).mkdir(parents=True, exist_ok=True)
        (folder / INFO).unlink(missing_ok=True)  # an older result is no longer complete
        for old in (folder / MASKS).glob("*.png"):
            old.unlink()
        self._table = (folder / BOXES).open(
            "w", newline="", encoding="utf-8", errors="surrogateescape"
        )
        self._rows = csv.writer(self._table)
        self._rows.writerow(header(timed))

    def add(
        self,
        stem: str,
        index_hw: NDArray[np.uint8],
        told: Mapping[int, Told],
        time_s: float | None = None,
    ) -> None:
        """Write the next frame.

        Args:
            stem: Its name.
            index_hw: Object ids, (H, W).
            told: Object id to what is told of it.
            time_s: Of the frame; needed where frames come with times.

        Raises:
            InputError: If the name is no plain file name, or was given before.
        """
        if stem in self._stems:
            raise InputError("two frames share one name; give every frame its own stem")
        write_index_png(self._folder / MASKS / f"{safe_stem(stem)}.png", index_hw)
        self._stems[stem] = None
        self._rows.writerows(box_rows(stem, told, (time_s or 0.0) if self._timed else None))

    def finish(self, objects: Mapping[int, Mapping[str, Any]]) -> None:
        """Make it complete.

        Args:
            objects: Object id to what made it, as JSON has it.
        """
        self._table.close()
        write_text(self._folder / INFO, info_text(self._size_wh, list(self._stems), objects))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._table.close()

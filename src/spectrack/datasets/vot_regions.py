"""Regions as VOT writes them: boxes, polygons, and masks as run lengths in one line.

- ``x,y,w,h``: a box; without area (``0,0,0,0``) or all ``nan`` where the target is out of sight.
- ``x1,y1,x2,y2,x3,y3,...``: a polygon of three corners or more.
- ``mX,Y,W,H,n1,n2,...``: a mask inside the box X, Y, W, H: runs of pixels row by row, of background
  first, then in turns; what the runs leave over is background (VOT2020, Kristan et al., ECCV
  workshops 2020). An empty box or no run of foreground is a target out of sight.
- one number: a special region of the toolkit (unknown, or start or failure of a run): no truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.box_files import SEPARATORS, numbers_of
from spectrack.errors import InputError
from spectrack.metrics.polygons import Upright, upright_box
from spectrack.structures import Box, HardHW
from spectrack.video.frames import Frames

MOST_PIXELS = 1 << 28
"""A mask may claim no more than this: a short line must not fill the memory."""

MOST_CORNERS = 1000


class Regions:
    """The regions of a file, one a frame. Masks are decoded when they are asked for.

    Args:
        path: The file, for messages.
        lines: Its lines.
        upright: How a rotated rectangle becomes a box.
        open_frames: Opens the frames, whose size a mask needs.

    Attributes:
        hold_masks: Whether there are masks among the regions.

    Raises:
        InputError: If a line is no region; the message names file and line.
    """

    def __init__(
        self, path: Path, lines: Sequence[str], upright: Upright, open_frames: Callable[[], Frames]
    ) -> None:
        self._path, self._upright, self._open_frames = path, upright, open_frames
        self._size_wh: tuple[int, int] | None = None
        self._masks = {i: line for i, line in enumerate(lines) if line.lstrip().startswith("m")}
        self._corners = [
            None if i in self._masks else corners_of(line, self._where(i))
            for i, line in enumerate(lines)
        ]
        self.hold_masks = bool(self._masks)

    def polygon(self, index: int) -> NDArray[np.float64] | None:
        """Corners of a frame's region, float64 (N, 2) in pixels, or None where there are none."""
        return self._corners[index]

    def box(self, index: int) -> Box | None:
        """The upright box of a frame's region, or None where there is none, or it has no area."""
        if index in self._masks:
            x, y, mask = read_region_mask(self._masks[index], self._where(index))
            inside = Box.from_mask(mask)
            return None if inside is None else Box(x + inside.x, y + inside.y, inside.w, inside.h)
        corners = self._corners[index]
        if corners is None:
            return None
        box = upright_box(corners, self._upright if len(corners) == 4 else "bounds")
        return box if box.area > 0 else None

    def mask(self, index: int) -> HardHW | None:
        """The mask of a frame, bool (H, W); None where its region is no mask."""
        if index not in self._masks:
            return None
        if self._size_wh is None:
            with self._open_frames() as frames:
                self._size_wh = frames.size_wh
        width, height = self._size_wh
        x, y, inside = read_region_mask(self._masks[index], self._where(index))
        rows, columns = inside.shape
        out = np.zeros((height, width), bool)
        top, left = max(y, 0), max(x, 0)
        bottom, right = min(y + rows, height), min(x + columns, width)
        if bottom > top and right > left:
            out[top:bottom, left:right] = inside[top - y : bottom - y, left - x : right - x]
        return out

    def _where(self, index: int) -> str:
        return f"{self._path}, line {index + 1}"


def corners_of(line: str, where: str) -> NDArray[np.float64] | None:
    """Corners (N, 2) of a line with a box or a polygon; None where it holds no region.

    Raises:
        InputError: If it is neither; the message begins with ``where``.
    """
    count = len([word for word in SEPARATORS.split(line.strip()) if word])
    if count not in {1, 4} and (count < 6 or count % 2 or count > 2 * MOST_CORNERS):
        shown = line.strip()[:60]
        raise InputError(f"{where} is {shown!r}; expected a box, a polygon or a mask")
    row = numbers_of(line, where, (count,))
    if row is None or len(row) == 1:
        return None
    if len(row) == 4:
        x, y, w, h = row
        if w < 0 or h < 0:
            raise InputError(f"{where} has a box with a negative side; correct the file")
        row = (x, y, x + w, y, x + w, y + h, x, y + h)
    return np.array(row, dtype=np.float64).reshape(-1, 2)


def read_region_mask(line: str, where: str) -> tuple[int, int, HardHW]:
    """A mask of a line ``mX,Y,W,H,n1,n2,...``.

    Returns:
        Column and row of the top-left corner of its box in the frame, and the mask in it, (H, W);
        that is (0, 0) where the box is empty.

    Raises:
        InputError: If it is none, or its runs are longer than its box; the message begins with
            ``where``.
    """
    wrong = InputError(
        f"{where} is {line.strip()[:40]!r}; expected a mask mX,Y,W,H and runs that fit W x H"
    )
    words = line.strip().removeprefix("m").split(",")
    try:
        numbers = [float(word) for word in words]
        if not all(math.isfinite(n) and n == int(n) for n in numbers):
            raise wrong
        x, y, width, height, *runs = map(int, numbers)
    except ValueError:
        raise wrong from None
    size = width * height
    if min(width, height) < 0 or size > MOST_PIXELS or min(runs, default=0) < 0 or sum(runs) > size:
        raise wrong
    if max(abs(x), abs(y)) > MOST_PIXELS:
        raise wrong
    if size == 0:
        return x, y, np.zeros((0, 0), bool)
    inside = np.zeros(size, bool)
    filled = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    inside[: len(filled)] = filled
    return x, y, inside.reshape(height, width)

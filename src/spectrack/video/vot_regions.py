"""Regions as VOT writes them: special codes, rectangles, polygons, and masks as run lengths.

A region is one line of text (Kristan et al., ECCV workshops 2014 and 2020):

- one number is a code: 0 nothing is known, 1 the tracker was started here, 2 it failed here;
- four are a rectangle ``x,y,width,height``, ``nan`` where the object is not there;
- six or more, an even count, are the corners ``x1,y1,x2,y2,...`` of a polygon;
- ``mX,Y,W,H,r1,r2,...`` is a mask: runs of background and foreground in turn, background first,
  row by row inside the rectangle; what the runs leave is background.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, HardHW

UNKNOWN, STARTED, FAILED = 0, 1, 2
"""The codes of lines that hold no region."""

MOST_PIXELS = 1 << 28
"""A mask may claim no more than this: a short line must not fill the memory."""

MOST_CORNERS = 1000
"""A polygon has no more: overlaps of two cost the product of their corners."""

_SEPARATORS = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True, eq=False)
class VotMask:
    """A mask inside a rectangle.

    Args:
        x: Column of the rectangle's left edge; it may be negative.
        y: Row of its top edge.
        inside_hw: The mask there, bool (H, W).
    """

    x: int
    y: int
    inside_hw: HardHW

    @property
    def box(self) -> Box | None:
        """The tightest box around it, in pixels of the frame; None where it is empty."""
        tight = Box.from_mask(self.inside_hw)
        return None if tight is None else Box(self.x + tight.x, self.y + tight.y, tight.w, tight.h)

    def fill(self, size_wh: tuple[int, int]) -> HardHW:
        """The mask in a frame of size (width, height), bool (H, W); what lies outside is cut."""
        width, height = size_wh
        out = np.zeros((height, width), dtype=bool)
        rows, cols = self.inside_hw.shape
        top, left = max(self.y, 0), max(self.x, 0)
        bottom, right = min(self.y + rows, height), min(self.x + cols, width)
        if bottom > top and right > left:
            out[top:bottom, left:right] = self.inside_hw[
                top - self.y : bottom - self.y, left - self.x : right - self.x
            ]
        return out


Region = int | Box | NDArray[np.float64] | VotMask | None
"""A code, a box, the corners of a polygon (N, 2), a mask, or None for an absent object."""


def parse_region(line: str) -> Region:
    """What a line holds.

    Args:
        line: The text; commas, semicolons, tabs or spaces between the numbers.

    Returns:
        See :data:`Region`; None for a rectangle or polygon of ``nan``.

    Raises:
        InputError: If it holds no region.
    """
    text = line.strip()
    wrong = InputError(
        f"{_short(text)} is no region; expected a code, x,y,width,height, corners, or mX,Y,W,H,..."
    )
    words = _SEPARATORS.split(text.removeprefix("m").strip(",; \t"))
    if text.startswith("m"):
        try:
            return _mask([int(word) for word in words])
        except (ValueError, OverflowError):
            raise wrong from None
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError:
        raise wrong from None
    if np.isnan(numbers).all() and len(numbers) >= 4:
        return None
    if not np.isfinite(numbers).all():
        raise wrong
    if len(numbers) == 1 and numbers[0] in (UNKNOWN, STARTED, FAILED):
        return int(numbers[0])
    if len(numbers) == 4 and (numbers[2:] >= 0).all():
        return Box(*numbers.tolist())
    if 6 <= len(numbers) <= 2 * MOST_CORNERS and len(numbers) % 2 == 0:
        return numbers.reshape(-1, 2)
    raise wrong


def mask_line(mask_hw: NDArray[np.bool_]) -> str:
    """A mask as a line; an empty one, too.

    Args:
        mask_hw: Bool, (H, W).
    """
    tight = Box.from_mask(mask_hw)
    if tight is None:
        return "m0,0,0,0"
    x, y, w, h = (int(v) for v in tight)
    flat = np.asarray(mask_hw, bool)[y : y + h, x : x + w].ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff([0, *changes.tolist(), flat.size]).tolist()
    numbers = [x, y, w, h, *([0] if flat[0] else []), *runs]
    return "m" + ",".join(map(str, numbers))


def box_line(box: Box | Sequence[float] | None) -> str:
    """A rectangle as a line, with four decimals; ``nan`` for none."""
    if box is None:
        return "nan,nan,nan,nan"
    return ",".join(f"{v:.4f}" for v in Box.coerce(box))


def _mask(numbers: list[int]) -> VotMask:
    """The mask of the numbers behind ``m``.

    Raises:
        ValueError: If they are none.
    """
    x, y, w, h, *runs = numbers
    if min(w, h) < 0 or w * h > MOST_PIXELS or max(abs(x), abs(y)) > MOST_PIXELS:
        raise ValueError
    if min(runs, default=0) < 0 or sum(runs) > w * h:
        raise ValueError
    flat = np.zeros(w * h, dtype=bool)
    filled = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    flat[: filled.size] = filled
    return VotMask(x, y, flat.reshape(h, w))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")

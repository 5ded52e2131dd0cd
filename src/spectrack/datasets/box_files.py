"""Truth of boxes: a text file with a line of numbers for every frame, beside a folder of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.frame_folders import Ends, frames_of
from spectrack.datasets.listing import chosen as chosen  # packages of others import it from here
from spectrack.datasets.listing import read_text
from spectrack.errors import InputError
from spectrack.structures import Box


def box_sequence(
    path: Path,
    boxes: Sequence[Box | None],
    images: Path,
    name: str | None = None,
    ends: Ends = "together",
    first: int = 0,
    **told: Any,
) -> VideoSequence:
    """A sequence of boxes, of the frames of a folder.

    Args:
        path: The file of the boxes, for messages.
        boxes: One a line.
        images: The folder.
        name: Of the sequence; that of the folder that holds ``path`` where left out.
        ends: As in :func:`frames_of`; frames behind the boxes are ``ignored``.
        first: As in :func:`frames_of`.
        **told: What else is known, fields of :class:`~spectrack.datasets.base.VideoSequence`.

    Raises:
        InputError: As :func:`frames_of`.
    """
    stems, open_frames = frames_of(path, len(boxes), images, ends, first)
    known = [*boxes, *[None] * (len(stems) - len(boxes))]
    return VideoSequence(
        name or path.parent.name,
        stems,
        open_frames,
        read_box=known.__getitem__,
        ignored=frozenset(range(len(boxes), len(stems))),
        **told,
    )


def read_boxes(path: Path, first_pixel: float = 0) -> list[Box | None]:
    """Boxes ``x, y, w, h`` of a file, one a line; None where one has no area or is NaN.

    Args:
        path: The file.
        first_pixel: Where the first column begins: 1 where a data set counts pixels from 1.

    Raises:
        InputError: As :func:`read_rows`, and if a side is negative.
    """
    rows = read_rows(path, (4,))
    return [box_of(row, f"{path}, line {n}", first_pixel) for n, row in enumerate(rows, 1)]


def box_of(row: Sequence[float] | None, where: str, first_pixel: float = 0) -> Box | None:
    """Box of four numbers ``x, y, w, h``; None where there are none, or it has no area.

    Raises:
        InputError: If a side is negative; the message begins with ``where``.
    """
    if row is None:
        return None
    x, y, w, h = row
    if w < 0 or h < 0:
        raise InputError(f"{where} has a box with a negative side; correct the file")
    return Box(x - first_pixel, y - first_pixel, w, h) if w > 0 and h > 0 else None


def read_rows(path: Path, widths: tuple[int, ...]) -> list[tuple[float, ...] | None]:
    """Numbers of every line, separated by commas, tabs or spaces.

    Args:
        path: The file.
        widths: How many numbers a line may have.

    Returns:
        One entry a line; None where the numbers are NaN: no truth.

    Raises:
        InputError: If the file cannot be read or is empty, or a line is not such numbers; the
            message names file and line.
    """
    lines = read_lines(path)
    return [numbers_of(line, f"{path}, line {number}", widths) for number, line in lines]


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Lines of a text file with their numbers from 1; empty ones at the end are left out.

    Raises:
        InputError: If the file cannot be read or is empty.
    """
    lines = read_text(path, "a text file of boxes").rstrip().splitlines()
    if not lines:
        raise InputError(f"{path} is empty; expected the numbers of one box on every line")
    return list(enumerate(lines, 1))


def numbers_of(line: str, where: str, widths: tuple[int, ...]) -> tuple[float, ...] | None:
    """The numbers of a line, None where all are NaN.

    Raises:
        InputError: If it holds other things, or not as many as ``widths`` has it.
    """
    try:
        numbers = tuple(map(float, words_of(line)))
    except ValueError:
        numbers = ()
    if len(numbers) not in widths:
        expected = " or ".join(map(str, widths))
        raise InputError(f"{where} is {line.strip()[:60]!r}; expected {expected} numbers")
    if math.isfinite(sum(numbers)):
        return numbers
    if all(map(math.isnan, numbers)):
        return None
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{where} is {line.strip()[:60]!r}; expected finite numbers, or all NaN")
    return numbers


def words_of(text: str) -> list[str]:
    """The words between commas, semicolons, tabs and spaces."""
    return text.replace(",", " ").replace(";", " ").split()


def read_values(path: Path, count: int, loose: bool = False) -> NDArray[np.float64]:
    """One number for every frame, on lines of their own or on one.

    Args:
        path: The file.
        count: How many frames there are.
        loose: Take zeros for numbers that are missing at the end, and leave out those beyond it.

    Returns:
        Float64 (count,).

    Raises:
        InputError: If the file cannot be read, or holds other things or another number of them.
    """
    words = words_of(read_text(path, "a text file of numbers"))
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}); expected a number a frame") from None
    if loose:
        values = np.pad(values[:count], (0, max(0, count - len(values))))
    if len(values) != count:
        raise InputError(f"{path} has {len(values)} numbers for {count} frames; give one a frame")
    return values


def read_attributes(path: Path, names: Sequence[str]) -> frozenset[str]:
    """What is difficult about a sequence: a file with 0 or 1 for every name of a list.

    Returns:
        Names with a 1; none where the file is absent.

    Raises:
        InputError: As :func:`read_values`.
    """
    if not path.is_file():
        return frozenset()
    flags = read_values(path, len(names))
    return frozenset(name for name, flag in zip(names, flags, strict=True) if flag)

"""Truth of boxes: a text file with a line of numbers for every frame, beside a folder of images."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from spectrack.errors import InputError
from spectrack.video.folder import ImageFolder

SEPARATORS = re.compile(r"[\s,;]+")


class ImageRun(ImageFolder):
    """A run of images of a folder.

    Args:
        path: The folder.
        start: Number of the first image, from 0.
        count: How many, >= 1; the folder holds them.
    """

    def __init__(self, path: Path, start: int, count: int) -> None:
        super().__init__(path)
        self._files = self._files[start : start + count]
        self.stems = [file.stem for file in self._files]


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
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); give a text file of boxes") from error
    if not lines:
        raise InputError(f"{path} is empty; expected the numbers of one box on every line")
    return [_row(line, f"{path}, line {number}", widths) for number, line in enumerate(lines, 1)]


def _row(line: str, where: str, widths: tuple[int, ...]) -> tuple[float, ...] | None:
    words = [word for word in SEPARATORS.split(line.strip()) if word]
    expected = " or ".join(str(width) for width in widths)
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        numbers = ()
    if len(numbers) not in widths:
        raise InputError(f"{where} is {line.strip()[:60]!r}; expected {expected} numbers")
    if all(math.isnan(number) for number in numbers):
        return None
    if not all(math.isfinite(number) for number in numbers):
        raise InputError(f"{where} is {line.strip()[:60]!r}; expected finite numbers, or all NaN")
    return numbers


def chosen(names: Iterable[str] | None, there: list[str], root: Path) -> list[str]:
    """The sequences asked for, or all.

    Raises:
        InputError: If one is not there; the message names those that are.
    """
    wanted = there if names is None else list(names)
    for name in wanted:
        if name not in there:
            raise InputError(f"sequence {name!r} is not in {root}; it has {', '.join(there)}")
    return wanted

"""What all commands share: the two global flags, choosing names with a hint, boxes, tables."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import FlagCreatePairsOff, UseAppendAction, arg

from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.structures import Box, Target

Flag = FlagCreatePairsOff[bool]
Repeated = UseAppendAction[tuple[str, ...]]
OptionalFolder = Annotated[Path | None, arg(metavar="DIR")]
OptionalFile = Annotated[Path | None, arg(metavar="FILE")]
OptionalCount = Annotated[int | None, arg(metavar="N")]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command: its fields are its flags."""

    json: Flag = False
    """Print one JSON object on standard output and nothing else."""
    quiet: Flag = False
    """Show no progress."""

    def run(self, console: Console) -> int:
        """Do the work.

        Returns:
            The exit status.

        Raises:
            InputError: If something given cannot be used.
        """
        raise NotImplementedError


def choose(kind: str, name: str, known: Iterable[str]) -> str:
    """The name itself, if it is known.

    Args:
        kind: What is chosen, e.g. ``"tracker"``.
        name: The name given.
        known: The names that exist.

    Raises:
        InputError: If it is not; the sentence lists the names and the nearest one.
    """
    names = list(known)
    if name in names:
        return name
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise InputError(f"{kind} {name!r} does not exist{hint}; choose from {', '.join(names)}")


def at_least(flag: str, value: int | None, least: int = 1) -> None:
    """Make sure a count is large enough, where it is given.

    Raises:
        InputError: If it is not.
    """
    if value is not None and value < least:
        raise InputError(f"{flag} {value} was given; expected a whole number of at least {least}")


def parse_box(value: str) -> Box:
    """A box from ``"X,Y,W,H"``.

    Raises:
        InputError: If it is not four numbers, or has no area.
    """
    from spectrack.structures import Box

    try:
        x, y, w, h = (float(v) for v in value.replace(",", " ").split())
    except ValueError:
        raise InputError(f"--box {value} is not four numbers; give X,Y,W,H in pixels") from None
    return Box(x, y, w, h)


def given_targets(boxes: Sequence[str], mask: Path | None) -> dict[int, Target]:
    """Object id to what is to be followed, from --box and --mask; nothing where neither was given.

    Raises:
        InputError: If both were given, or one cannot be used.
    """
    from spectrack.structures import Target

    if mask is not None and boxes:
        raise InputError("both --box and --mask were given; give one of them")
    if mask is not None:
        from spectrack.video.targets import read_targets

        return read_targets(mask)
    return {i: Target(box=parse_box(b)) for i, b in enumerate(boxes, start=1)}


def versions() -> dict[str, str]:
    """Versions of spectrack and of what its results depend on; packages absent are left out."""
    from importlib.metadata import PackageNotFoundError, version

    import spectrack

    found = {"spectrack": spectrack.__version__}
    for package in ("numpy", "opencv-contrib-python-headless", "torch", "numba", "av"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def table(rows: Iterable[tuple[Any, ...]]) -> str:
    """Plain text columns, two spaces apart; numbers are aligned by the caller."""
    cells = [[str(c) for c in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(line.rstrip() for line in lines)

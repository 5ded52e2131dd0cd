"""Which sequences a data set has: lists of names, folders, and what is said where they lack."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from spectrack.datasets.base import shortened
from spectrack.errors import InputError
from spectrack.video.folder import natural_key


def find_place(root: Path, places: Sequence[str], data_set: str) -> Path:
    """The first of some files or folders that is there.

    Args:
        root: The root of the data set.
        places: Below it, the most likely first.
        data_set: Its name, for the message.

    Raises:
        InputError: If none is there; the message says what was expected where.
    """
    for place in places:
        if (root / place).exists():
            return root / place
    expected = " or ".join(places)
    raise InputError(f"{root} has no {expected}; give the root of {data_set}, which holds it")


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, hidden ones left out, in natural order.

    Raises:
        InputError: If the folder cannot be read.
    """
    try:
        names = [p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error}); give an existing folder") from error
    return sorted(names, key=natural_key)


def checked_name(name: str, source: Path) -> str:
    """A name that is used as part of a path, which leads to nowhere else.

    Raises:
        InputError: If it is empty or holds a separator, or leads upwards.
    """
    if not name or name in {".", ".."} or any(c in name for c in "/\\\0"):
        raise InputError(
            f"{source} names {name[:60]!r}; expected names of folders, without / or \\"
        )
    return name


def read_text(path: Path, what: str) -> str:
    """The text of a small file.

    Raises:
        InputError: If it cannot be read; the message says ``what`` was expected.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); give {what}") from error


def read_list(path: Path) -> list[str]:
    """Names of sequences from a text file, the first word of every line; each name once.

    Raises:
        InputError: If the file cannot be read, names nothing, or names what cannot be a folder.
    """
    lines = read_text(path, "a list of names").splitlines()
    names = [checked_name(line.split()[0], path) for line in lines if line.strip()]
    if not names:
        raise InputError(f"{path} is empty; expected the name of a sequence on every line")
    return list(dict.fromkeys(names))


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        InputError: If the file cannot be read or holds something else.
    """
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); give a JSON file") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} holds no JSON object; give the file of the data set")
    return data


def checked_choice(value: Any, kind: Any, what: str) -> None:
    """Make sure that a value is one of a ``Literal``.

    Raises:
        InputError: If it is not; the message names those that are.
    """
    if value not in get_args(kind):
        known = ", ".join(map(str, get_args(kind)))
        raise InputError(f"{what} {value!r} is unknown; choose one of {known}")


def chosen(names: Iterable[str] | None, there: Iterable[str], root: Path) -> list[str]:
    """The sequences asked for, or all.

    Raises:
        InputError: If one is not there; the message names those that are.
    """
    every = list(there)
    if names is None:
        return every
    wanted, known = list(names), set(every)
    for name in wanted:
        if name not in known:
            raise InputError(f"sequence {name!r} is not in {root}; it has {shortened(every)}")
    return wanted

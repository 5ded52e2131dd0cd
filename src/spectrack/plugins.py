"""Rows that other installed packages add to a table of ours, by entry points."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TypeVar

R = TypeVar("R")


def with_plugins(group: str, own: Mapping[str, R], row: type[R]) -> dict[str, R]:
    """A table with the rows of other packages behind its own.

    A row that cannot be used is left out with a ``RuntimeWarning``, so that a package that is
    broken, or of another version, spoils nothing but itself.

    Args:
        group: Of the entry points, ``spectrack.trackers`` or ``spectrack.datasets``.
        own: Our rows; their names cannot be taken.
        row: What an entry point has to name.

    Returns:
        Name to row, ours first.
    """
    table = dict(own)
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        package = point.dist.name if point.dist is not None else point.value
        problem = ""
        if point.name in table:
            problem = "that name is taken"
        else:
            try:
                found = point.load()
            except Exception as error:  # whatever another package does when it is imported
                problem = f"it cannot be loaded ({type(error).__name__}: {error})"
            else:
                if isinstance(found, row):
                    table[point.name] = found
                else:
                    problem = f"it is of type {type(found).__name__}, expected {row.__name__}"
        if problem:
            warnings.warn(
                f"{group} {point.name!r} of package {package} is left out: {problem}",
                RuntimeWarning,
                stacklevel=2,
            )
    return table

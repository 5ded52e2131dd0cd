"""The boxes of a result: what ``boxes.csv`` says of every frame and object."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from spectrack.errors import InputError
from spectrack.structures import Box

_SHOWN = 5


class BoxRow(NamedTuple):
    """One line of ``boxes.csv``; no box where the object was not found."""

    box: Box | None
    score: float


BoxRows = dict[tuple[str, int], BoxRow]


def read_box_rows(path: Path) -> BoxRows:
    """Frame stem and object id to what a ``boxes.csv`` says.

    Raises:
        InputError: If the file is damaged.
    """
    boxes: BoxRows = {}
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
            rows = csv.reader(handle)
            names = next(rows, [])
            place = [names.index(name) for name in ("frame", "object", "x", "y", "w", "h")]
            frame, number, *sides = place
            found = names.index("found") if "found" in names else None
            score = names.index("score") if "score" in names else None
            for row in rows:
                if not row:
                    continue
                key = row[frame], int(row[number])
                if key in boxes:
                    raise ValueError(f"frame {key[0]} occurs twice")
                numbers = [row[side] for side in sides]
                there = all(numbers) and (found is None or row[found] != "0")
                sure = float(row[score]) if score is not None and row[score] else 1.0
                boxes[key] = BoxRow(Box(*map(float, numbers)) if there else None, sure)
    except (OSError, IndexError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); expected the columns frame,object,x,y,w,h,score,"
            "found"
        ) from error
    return boxes


def only_object(path: Path, told: BoxRows) -> int:
    """The one object of the file.

    Raises:
        InputError: If it holds several.
    """
    found = sorted({object_id for _, object_id in told})
    if len(found) > 1:
        raise InputError(
            f"{path} holds objects {', '.join(map(str, found[:_SHOWN]))} of a sequence of one; "
            "give the boxes of that one"
        )
    return found[0]

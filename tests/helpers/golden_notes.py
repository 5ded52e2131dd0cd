"""Notes of how closely golden arrays were met, for ``benchmarks/golden.py`` to make a table of."""

from __future__ import annotations

import json
import os
from pathlib import Path


def note(file: str, key: str, shape: tuple[int, ...], error: float, tolerance: float) -> None:
    """Add a line to the file that ``SPECTRACK_GOLDEN_ERRORS`` names; nothing where none is named.

    Args:
        file: Of golden arrays, without suffix.
        key: The array.
        shape: Its shape.
        error: Greatest difference, relative to the array's greatest value.
        tolerance: What it may be.
    """
    if notes := os.environ.get("SPECTRACK_GOLDEN_ERRORS"):
        with Path(notes).open("a", encoding="utf-8") as lines:
            lines.write(
                json.dumps([file, key, [int(n) for n in shape], float(error), float(tolerance)])
                + "\n"
            )

"""What results of two runs over a data set have in common: all but how long they took."""

from __future__ import annotations

import json
from pathlib import Path


def content(folder: Path) -> dict[str, bytes]:
    """All files but those that tell how long it took, which is never the same."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "track.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def told(folder: Path) -> dict[str, object]:
    """``track.json`` without times."""
    info = json.loads((folder / "track.json").read_text())
    for one in info["objects"].values():
        assert one.pop("seconds") >= 0
    return info

"""Which run a journal belongs to: what decides the answers of ``spectrack track``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrack.commands.output import JOURNAL
from spectrack.errors import InputError
from spectrack.storage import PART

if TYPE_CHECKING:
    from spectrack.structures import Target
    from spectrack.tracking.journal import Kept


def what_decides(
    source: str,
    targets: Mapping[int, Target],
    tracker: str,
    settings: Any,
    clean: bool,
    max_frames: int | None,
    starts: Mapping[int, int] | None = None,
) -> dict[str, Any]:
    """All that decides the answers of a run, as JSON has it; keys are words for people.

    Args:
        source: A video file, folder or pattern.
        targets: Object id to target.
        tracker: Its name.
        settings: Its settings.
        clean: Whether masks are cleaned.
        max_frames: How many frames are followed at most.
        starts: Object id to the frame in which it starts, where that is not frame 0.
    """
    asked = {
        "video": str(Path(source).resolve()),
        "content of the video": _content(source),
        "target": {str(key): _target(target) for key, target in targets.items()},
        "tracker": tracker,
        "settings": asdict(settings),
        "cleaning": clean,
        "number of frames": max_frames,
        "start": {str(key): start for key, start in (starts or {}).items()},
    }
    plain: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return plain


def kept_run(out: Path, asked: Mapping[str, Any], explain: bool) -> Kept | None:
    """What an earlier run into a folder came to, if it was killed; None where there is none.

    Args:
        out: The result folder.
        asked: What decides the answers of this run; see :func:`what_decides`.
        explain: Whether it draws a sheet, which needs every frame.

    Raises:
        InputError: If that was another run, or this one cannot go on from it.
    """
    from spectrack.tracking.journal import read_journal

    kept = read_journal(out / PART / JOURNAL)
    if kept is None:
        return None
    unfinished = f"{out} holds {kept.frames} frames of a run that was killed"
    different = next((name for name in asked if kept.asked.get(name) != asked[name]), None)
    if different is not None:
        raise InputError(
            f"{unfinished}, with another {different}; repeat what was given then to go on, "
            "or pass --restart to begin anew"
        )
    if explain:
        raise InputError(
            f"{unfinished}, and --explain has to see every frame; leave it out to go on, "
            "or pass --restart to begin anew"
        )
    return kept


def _target(target: Target) -> dict[str, Any]:
    mask = target.mask
    digest = None if mask is None else hashlib.sha256(mask.tobytes()).hexdigest()
    return {"box": [float(v) for v in target.box], "mask": digest}


def _content(source: str) -> str | None:
    """Names, sizes and times of the files; None where there are none to be found."""
    from spectrack.video.folder import image_files

    path = Path(source)
    try:
        files = [path] if path.is_file() else image_files(source)
        stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    except (InputError, OSError):
        return None
    return hashlib.sha256(repr(stats).encode()).hexdigest()

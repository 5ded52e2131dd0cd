"""Run a method over a data set so that it can be stopped and resumed.

Each finished sequence is kept as ``OUT/SEQ/00000.png`` ... (DAVIS layout), ``boxes.csv`` and
``track.json``; ``OUT/run.json`` tells what made them. A sequence is written aside and renamed when
complete: what is there is whole. A second run with the same settings skips what is there.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.storage import PART, claimed, names_in, write_json
from spectrack.tracks import INFO, MASKS, Track

RUN = "run.json"

RunSequence = Callable[[VideoSequence], Track]


@dataclass(frozen=True, slots=True)
class SequenceRun:
    """What is known of one finished sequence.

    Args:
        name: Of the sequence.
        frames: Number of frames.
        seconds: Wall-clock time of its run, reading of frames included.
        resumed: Whether an earlier run had made it.
    """

    name: str
    frames: int
    seconds: float
    resumed: bool

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.frames / max(self.seconds, 1e-9)


def run_dataset(
    run_sequence: RunSequence,
    dataset: Dataset,
    out: str | Path,
    settings: Mapping[str, Any],
    progress: Callable[[SequenceRun, int, int], None] | None = None,
) -> list[SequenceRun]:
    """Run a method over every sequence, or what is left of them.

    Args:
        run_sequence: Follows the object of one sequence; gives one entry a frame.
        dataset: The sequences.
        out: Folder of the results; made where it is absent.
        settings: What the results depend on (tracker, its settings); must survive JSON. A folder
            made with other settings, or from another data set, is refused.
        progress: Called after each sequence with its run, its number from 1 and their count.

    Returns:
        One entry a sequence, in the data set's order.

    Raises:
        InputError: If the folder holds other things or another run, or a track is not as long as
            its sequence.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the results")
    runs = []
    with claimed(folder):
        _claim(folder, {"dataset": dataset.name, "settings": dict(settings)})
        for number, sequence in enumerate(dataset.values(), 1):
            done = _finished(folder / sequence.name, sequence)
            if done is None:
                done = _run(run_sequence, sequence, folder)
            runs.append(done)
            if progress is not None:
                progress(done, number, len(dataset))
    return runs


def _claim(folder: Path, run: dict[str, Any]) -> None:
    """Make the folder ours, or make sure that it is."""
    wanted = json.loads(json.dumps(run))
    there = folder / RUN
    if there.is_file():
        try:
            found = json.loads(there.read_text())
        except ValueError as error:
            raise InputError(f"{there} cannot be read ({error}); give another folder") from error
        if found != wanted:
            raise InputError(
                f"{folder} holds a run with other settings ({_difference(found, wanted)}); "
                "give another folder or remove this one"
            )
        return
    if names_in(folder):
        raise InputError(f"{folder} holds other things; give an empty or new folder")
    write_json(there, wanted)


def _difference(found: Any, wanted: Any) -> str:
    """The first setting in which two runs differ."""
    before, now = _flat(found), _flat(wanted)
    for key in [*now, *before]:
        if before.get(key) != now.get(key):
            return f"{key} {before.get(key)}, not {now.get(key)}"
    return "unknown format"


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested settings as one level: ``settings.tracker`` to its value."""
    if not isinstance(value, dict):
        return {name: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{name}.{key}".lstrip("."))
    return flat


def _finished(folder: Path, sequence: VideoSequence) -> SequenceRun | None:
    """An earlier run of the sequence, or None where there is none."""
    if not (folder / INFO).is_file():
        return None
    try:
        info = json.loads((folder / INFO).read_text())
        frames, seconds = int(info["frames"]), float(info["objects"]["1"]["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / INFO} cannot be read ({error}); remove {folder} to run it again"
        ) from error
    if frames != len(sequence):
        raise InputError(
            f"{folder} holds {frames} frames but sequence {sequence.name!r} has {len(sequence)}; "
            "remove it to run it again"
        )
    return SequenceRun(sequence.name, frames, seconds, resumed=True)


def _run(run_sequence: RunSequence, sequence: VideoSequence, out: Path) -> SequenceRun:
    started = time.perf_counter()
    track = run_sequence(sequence)
    seconds = time.perf_counter() - started
    if len(track) != len(sequence):
        raise InputError(
            f"the track of sequence {sequence.name!r} has {len(track)} frames, not "
            f"{len(sequence)}; give one entry for every frame"
        )
    run = SequenceRun(sequence.name, len(track), seconds, resumed=False)
    track.stems = list(sequence.stems)
    track.info |= {"sequence": sequence.name, "seconds": round(seconds, 3), "fps": run.fps}
    aside, final = out / (sequence.name + PART), out / sequence.name
    for left in (aside, final):
        if left.exists():
            shutil.rmtree(left)
    track.save(aside)
    if any(entry.mask is not None for entry in track):
        for path in (aside / MASKS).iterdir():
            os.replace(path, aside / path.name)
    shutil.rmtree(aside / MASKS)
    os.replace(aside, final)
    return run

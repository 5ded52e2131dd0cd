"""Run a method over a data set so that it can be stopped and resumed, by one worker or by many.

Each finished sequence is a folder ``OUT/SEQ``; ``OUT/run.json`` tells what made them. Of one pass
it holds ``00000.png`` ... (DAVIS layout, value = object id), ``boxes.csv`` and ``track.json``; of
VOT's ways of running, text files and ``answers.json``. A sequence is written aside and renamed when
complete: what is there is whole. A second run with the same settings skips what is there.

Of a sequence of several objects each is a job of its own, kept as soon as it is done (see
:mod:`spectrack.evaluation.object_parts`), so a run that was stopped in the middle goes on with the
objects that lack an answer. Work that answers for all objects of a sequence in one pass is not
divided: the sequence is done anew.

Whoever does the work sends back the content of the files, and this process alone writes: workers
may be anywhere, and what is written does not depend on where they are.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.answers import ANSWERS, Answer, answer_of_track
from spectrack.evaluation.object_parts import (
    OBJECTS,
    job_of,
    keep_object,
    kept_objects,
    missing_objects,
    parts_of,
    together,
)
from spectrack.storage import PART, claimed, names_in, write_json
from spectrack.tracks import INFO, Track

RUN = "run.json"

RunSequence = Callable[[VideoSequence], Track | Answer]
Work = Callable[[str], Answer]
"""Does ``SEQ``, or ``SEQ/ID`` for one object of several where an answer has asked for that; the
work of many processes reaches them by pickle."""
Team = Callable[[Work, Mapping[str, str]], Generator[tuple[str, Answer]]]
"""Does the work on many names and on what answers ask for besides, :attr:`Answer.more`, and gives
each with its answer as it is ready."""


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


Progress = Callable[[SequenceRun, int, int], None]
"""Called after each sequence with its run, the number done and their count."""


def alone(work: Work, names: Mapping[str, str]) -> Generator[tuple[str, Answer]]:
    """The team of this process: one sequence after the other, object by object."""
    waiting = deque(names)
    while waiting:
        name = waiting.popleft()
        answer = work(name)
        waiting.extendleft(reversed(answer.more))
        yield name, answer


def run_dataset(
    run_sequence: RunSequence,
    dataset: Dataset,
    out: str | Path,
    settings: Mapping[str, Any],
    progress: Progress | None = None,
) -> list[SequenceRun]:
    """Run a method over every sequence in this process, or over what is left of them.

    Args:
        run_sequence: Follows the objects of one sequence, all at once; gives one entry a frame.
        dataset: The sequences.
        out: Folder of the results; made where it is absent.
        settings: What the results depend on (tracker, its settings); must survive JSON. A folder
            made with other settings, or from another data set, is refused.
        progress: Told of each finished sequence, those of earlier runs first.

    Returns:
        One entry a sequence, in the data set's order.

    Raises:
        InputError: If the folder holds other things or another run, or a track is not as long as
            its sequence.
    """

    def work(name: str) -> Answer:
        sequence = dataset[name]
        started = time.perf_counter()
        found = run_sequence(sequence)
        if isinstance(found, Answer):
            return found
        return answer_of_track(found, sequence, time.perf_counter() - started)

    return run_work(work, dataset, out, settings, alone, progress)


def run_work(
    work: Work,
    dataset: Dataset,
    out: str | Path,
    settings: Mapping[str, Any],
    team: Team,
    progress: Progress | None = None,
    first: Mapping[str, int] | None = None,
) -> list[SequenceRun]:
    """Let a team do every sequence, or what is left of them; see :func:`run_dataset`.

    Args:
        work: Does one job.
        dataset: As this process sees it.
        out: See :func:`run_dataset`.
        settings: See :func:`run_dataset`.
        team: Who does it.
        progress: See :func:`run_dataset`.
        first: Name to weight: the heavy ones are begun first, so that none is waited for at the
            end; the data set's order where left out.

    Raises:
        InputError: See :func:`run_dataset`, and what work or team say.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the results")
    runs: dict[str, SequenceRun] = {}

    def done(run: SequenceRun) -> None:
        runs[run.name] = run
        if progress is not None:
            progress(run, len(runs), len(dataset))

    with claimed(folder):
        _claim(folder, {"dataset": dataset.name, "settings": dict(settings)})
        for name in dataset:
            found = _finished(folder / name, dataset, name)
            if found is not None:
                shutil.rmtree(folder / (name + OBJECTS), ignore_errors=True)
                done(found)
        weight, todo = first or {}, dict[str, str]()
        left = [name for name in dataset if name not in runs]
        for name in sorted(left, key=lambda name: -weight.get(name, 0)):
            jobs = _jobs(folder, name)
            todo |= {job: job for job in jobs}
            if not jobs:  # stopped after its last object
                done(_put_together(folder, dataset[name]))
        with closing(team(work, todo) if todo else alone(work, {})) as answers:
            for job, answer in answers:
                name, _ = parts_of(job)
                if answer.object_id is None:
                    _keep(answer, folder, name)
                    done(SequenceRun(name, answer.frames, answer.seconds, resumed=False))
                    continue
                keep_object(answer, folder / (name + OBJECTS))
                if not _jobs(folder, name):
                    done(_put_together(folder, dataset[name]))
    return [runs[name] for name in dataset]


def _jobs(out: Path, name: str) -> list[str]:
    """What is to be done of a sequence: all of it, or the objects that lack an answer."""
    parts = kept_objects(out / (name + OBJECTS))
    return [job_of(name, i) for i in missing_objects(parts)] if parts else [name]


def _put_together(out: Path, sequence: VideoSequence) -> SequenceRun:
    """Make the folder of a sequence, all objects of which are done."""
    folder = out / (sequence.name + OBJECTS)
    answer = together(kept_objects(folder), sequence, folder)
    _keep(answer, out, sequence.name)
    shutil.rmtree(folder)
    return SequenceRun(sequence.name, answer.frames, answer.seconds, resumed=False)


def _claim(folder: Path, run: dict[str, Any]) -> None:
    """Make the folder ours, or make sure that it is."""
    wanted = json.loads(json.dumps(run))
    there = folder / RUN
    if there.is_file():
        try:
            found = json.loads(there.read_text())
        except ValueError as error:
            raise InputError(f"{there} cannot be read ({error}); give another folder") from error
        if _completed(found, wanted) != wanted:
            raise InputError(
                f"{folder} holds a run with other settings ({_difference(found, wanted)}); "
                "give another folder or remove this one"
            )
        return
    if names_in(folder):
        raise InputError(f"{folder} holds other things; give an empty or new folder")
    write_json(there, wanted)


def _completed(found: Any, wanted: dict[str, Any]) -> Any:
    """What a folder tells, with what folders did not tell before there was a choice of it.

    Runs were not distinguished by mode, as there was one, nor by the hashes of their weights.
    """
    settings = found.get("settings") if isinstance(found, dict) else None
    if not isinstance(settings, dict) or "mode" in settings:
        return found
    older = {"mode": "unsupervised", "weights": wanted["settings"].get("weights")}
    now = wanted["settings"]
    return found | {"settings": settings | {k: v for k, v in older.items() if k in now}}


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


def _finished(folder: Path, dataset: Dataset, name: str) -> SequenceRun | None:
    """An earlier run of a sequence, or None where there is none."""
    mark = next((folder / file for file in (INFO, ANSWERS) if (folder / file).is_file()), None)
    if mark is None:
        return None
    try:
        info = json.loads(mark.read_text())
        told = next(iter(info["objects"].values())) if mark.name == INFO else info
        frames, seconds = int(info["frames"]), float(told["seconds"])
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise InputError(
            f"{mark} cannot be read ({error}); remove {folder} to run it again"
        ) from error
    wanted = len(dataset[name])
    if frames != wanted:
        raise InputError(
            f"{folder} holds {frames} frames but sequence {name!r} has {wanted}; "
            "remove it to run it again"
        )
    return SequenceRun(name, frames, seconds, resumed=True)


def _keep(answer: Answer, out: Path, name: str) -> None:
    """Write the files of a sequence: all of them or none."""
    aside, final = out / (name + PART), out / name
    for left in (aside, final):
        if left.exists():
            shutil.rmtree(left)
    aside.mkdir()
    for file, content in answer.files.items():
        if Path(file).name != file:
            raise InputError(f"{file!r} of sequence {name!r} is no name of a file; rename it")
        (aside / file).write_bytes(content)
    os.replace(aside, final)

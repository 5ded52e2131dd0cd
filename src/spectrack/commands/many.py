"""Work over a folder of sequences: resumable, several at a time."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TextIO, cast

from spectrack.errors import InputError
from spectrack.storage import claimed, names_in

if TYPE_CHECKING:
    from spectrack.commands.console import Console

PLACES = frozenset({"masks", "source", "weights"})
"""Settings that are paths, or names with a path each."""
BESIDE = "from_here"
"""What ``track.json`` calls the same places as seen from the result folder, whose whole project
may be moved."""


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """Work on one sequence, or on a folder of them; the fields are those of the command.

    Args:
        video: The video, or the folder of the videos.
        out: The result folder, or the folder of the result folders.
        preset: Name of the recipe.
        object_id: Which object of indexed masks.
        overlay: Whether to draw the overlay.
        overwrite: Whether to replace earlier results.
    """

    video: str
    out: Path
    preset: str
    object_id: int | None
    overlay: bool
    overwrite: bool

    done: ClassVar[str]
    """What is said of a finished sequence: "refined"."""

    @abstractmethod
    def at(self, name: str) -> Self:
        """The job of one sequence of the folder.

        Raises:
            InputError: If there is no video of its name.
        """

    @abstractmethod
    def run(self, console: Console) -> dict[str, Any]:
        """Do one sequence; what was done, for people and machines.

        Raises:
            InputError: If masks and video cannot be used.
        """

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the answers, as ``track.json`` has it; places are whole paths."""
        return {"preset": self.preset, "object": self.object_id, "source": whole(self.video)}

    @property
    def note(self) -> dict[str, Any]:
        """What ``track.json`` keeps, for :func:`run_many` to know the sequence again."""
        places = {name: one for name, one in self.settings.items() if name in PLACES}
        return {**self.settings, BESIDE: _from(self.out, places)}


def run_many(job: Job, names: Sequence[str], workers: int, console: Console) -> dict[str, Any]:
    """Do every sequence of a folder; the finished ones of an earlier run are kept.

    Args:
        job: Its masks, ``video`` and ``out`` are the folders that hold the sequences.
        names: Names of the sequences.
        workers: Sequences at a time.
        console: Where to show progress.

    Returns:
        What was done: ``out``, ``preset``, ``kept`` (names) and ``done`` (a summary each).

    Raises:
        InputError: If a sequence cannot be done; nothing is started before all are looked at. If
            another run is writing into the folder.
    """
    jobs = {name: job.at(name) for name in names}
    check_folder(job, names)
    done: dict[str, dict[str, Any]] = {}
    with claimed(job.out), console.progress(job.done, "sequences") as progress:
        kept = [] if job.overwrite else [n for n in names if _finished(jobs[n])]
        todo = {name: one for name, one in jobs.items() if name not in kept}
        if kept:
            console.remark(f"{len(kept)} finished sequences are kept, {len(todo)} to do")
        with closing(_each(todo, min(workers, max(len(todo), 1)))) as outcomes:
            for name, summary in outcomes:
                if summary is None:
                    kept.append(name)
                else:
                    done[name] = summary
                progress(len(done), len(todo))
    return {
        "out": str(job.out),
        "preset": job.preset,
        "kept": [n for n in names if n in kept],
        "done": [{"sequence": n, **done[n]} for n in names if n in done],
    }


def text(summary: Mapping[str, Any], done: str) -> str:
    """The summary in two lines."""
    frames = sum(one["frames"] for one in summary["done"])
    warned = "".join(
        f"warning: {one['sequence']}: {sentence}\n"
        for one in summary["done"]
        for sentence in one.get("warnings", [])
    )
    return (
        f"{warned}{len(summary['done'])} sequences {done} with preset {summary['preset']} "
        f"({frames} frames), {len(summary['kept'])} kept\nresults: {summary['out']}"
    )


def sequence_names(masks: Path) -> list[str]:
    """Names of the sequences where a folder holds folders of masks; empty for one sequence.

    Raises:
        InputError: If it is no folder.
    """
    from spectrack.tracks import MASKS
    from spectrack.video.mask_files import MASK_FILE_SUFFIXES
    from spectrack.video.masks import MASK_SUFFIXES

    if masks.suffix.lower() in MASK_FILE_SUFFIXES and masks.is_file():
        return []
    if not masks.is_dir():
        what = "is not a folder" if masks.exists() else "does not exist"
        raise InputError(f"masks {masks} {what}; give a folder of mask images")
    files = any(p.suffix.lower() in MASK_SUFFIXES for p in masks.iterdir() if p.is_file())
    if files or (masks / MASKS).is_dir():
        return []
    return sorted(p.name for p in masks.iterdir() if p.is_dir() and not p.name.startswith("."))


def video_of(folder: str, name: str) -> str:
    """The video of a sequence.

    Raises:
        InputError: If the folder holds none of its name, or several.
    """
    videos = Path(folder)
    if not videos.is_dir():
        raise InputError(f"--video {folder} is not a folder; give the folder of the videos")
    found = [videos / name] if (videos / name).is_dir() else sorted(videos.glob(f"{name}.*"))
    if len(found) != 1:
        what = "no video" if not found else f"{len(found)} videos"
        raise InputError(f"{videos} holds {what} named {name}; give one for every mask folder")
    return str(found[0])


def check_folder(job: Job, names: Sequence[str]) -> None:
    """Make sure the output folder holds nothing but results of these sequences.

    Raises:
        InputError: If it is a file or holds other things.
    """
    from spectrack.commands.output import check_output

    foreign = [name for name in names_in(job.out) if name not in names]
    if foreign:
        raise InputError(
            f"output folder {job.out} holds other things ({', '.join(foreign[:3])}); "
            "give one that is new or empty"
        )
    for name in names:
        check_output(job.out / name, overwrite=True)


def _finished(job: Job) -> bool:
    """Whether an earlier run finished a sequence with the same settings.

    Raises:
        InputError: If it did so with others, or does not tell.
    """
    from spectrack.commands.output import is_complete

    if not is_complete(job.out):
        return False
    for made in _made_with(job.out):
        beside = made.get(BESIDE, {})
        for setting, wanted in job.settings.items():
            found = made.get(setting, wanted)  # older versions did not tell all
            same = found == wanted
            if setting in PLACES and not same:
                moved = setting in beside and beside[setting] == _from(job.out, wanted)
                same = moved or _same_place(found, wanted)
            if not same:
                raise InputError(
                    f"{job.out} was made with {setting} {found}, not {wanted}; "
                    "give another folder or pass --overwrite"
                )
    return True


def whole(place: Any) -> Any:
    """A path, or names with a path each, that means the same wherever a command is given."""
    if isinstance(place, Mapping):
        return {name: whole(one) for name, one in place.items()}
    return None if place is None else os.path.realpath(place)


def _from(out: Path, place: Any) -> Any:
    """A whole path, or names with one each, as seen from a result folder; None on another drive."""
    if isinstance(place, Mapping):
        return {name: _from(out, one) for name, one in place.items()}
    try:
        return None if place is None else os.path.relpath(place, os.path.realpath(out))
    except ValueError:
        return None


def _same_place(found: Any, wanted: Any) -> bool:
    """Whether a place that was written down is a whole path.

    Older versions wrote places as they were given. Where nobody knows any more from which folder
    that was, the names at the end decide.
    """
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(
            _same_place(one, wanted[name]) for name, one in found.items()
        )
    if not (isinstance(found, str) and isinstance(wanted, str)):
        return bool(found == wanted)
    if os.path.isabs(found) or whole(found) == wanted:
        return bool(whole(found) == wanted)
    end = tuple(part for part in Path(found).parts if part != os.pardir)
    return not end or Path(wanted).parts[-len(end) :] == end


def _made_with(out: Path) -> list[dict[str, Any]]:
    """What ``track.json`` tells of every object of a result.

    Raises:
        InputError: If it cannot be read.
    """
    file = out / "track.json"
    try:
        made = list(json.loads(file.read_text())["objects"].values())
        if not all(isinstance(one, dict) and isinstance(one.get(BESIDE, {}), dict) for one in made):
            raise TypeError("objects that are none")
        return made
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{file} cannot be read ({error!r}); give another folder or pass --overwrite"
        ) from error


def _each(jobs: dict[str, Job], workers: int) -> Generator[tuple[str, dict[str, Any] | None]]:
    """Do the jobs, here or in worker processes, and give each summary as it is ready.

    Yields:
        Name of a sequence and its summary; None where another run has finished it meanwhile.
    """
    if workers == 1:
        for name, job in jobs.items():
            yield name, _work(job)
        return
    from spectrack.commands.output import discard
    from spectrack.workers import each

    left = set(jobs)
    try:
        with closing(each(_work, jobs, workers)) as outcomes:
            for name, summary in outcomes:
                left.discard(name)
                yield name, summary
    finally:
        for name in left:  # a worker that had to be killed could not tidy up
            discard(jobs[name].out)


def _work(job: Job) -> dict[str, Any] | None:
    """Do one sequence without a word, unless it has been finished since all were looked at."""
    from spectrack.commands.console import Console

    if not job.overwrite and _finished(job):
        return None
    with open(os.devnull, "w") as nowhere:
        return job.run(Console(json=False, quiet=True, out=cast(TextIO, nowhere)))

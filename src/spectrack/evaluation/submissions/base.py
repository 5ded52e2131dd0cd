"""What a benchmark's pack is: who writes it, who checks it, and which files it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from spectrack.datasets.base import Dataset
from spectrack.errors import InputError
from spectrack.evaluation.submissions.archive import Pack, PackWriter, writing
from spectrack.storage import Progress

MOST_PROBLEMS = 100
"""No more are looked for."""
_JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a writer and a checker are told.

    Args:
        dataset: What was to be followed: names of sequences and frames, sizes, objects.
        results: Folder with a result for each sequence; for writing.
        root: Folder of the data set.
        tracker: Name of the tracker, where a pack names it.
        progress: Called with (sequences done, all of them).
    """

    dataset: Dataset
    results: Path = field(default_factory=Path)
    root: Path = field(default_factory=Path)
    tracker: str = "tracker"
    progress: Progress = lambda done, total: None


Write = Callable[[Job, PackWriter], None]
Check = Callable[[Job, Pack], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One row of the table of benchmarks.

    Args:
        description: What its pack holds, one line for people.
        dataset: Name of its data set.
        options: Of the data set, where its server wants a part of it.
        write: Import string of a :data:`Write`.
        check: Import string of a :data:`Check`, which yields one sentence a problem.
    """

    description: str
    dataset: str
    options: Mapping[str, str] = field(default_factory=dict)
    write: str
    check: str

    @property
    def writer(self) -> Write:
        """What writes it."""
        return _load(self.write)

    @property
    def checker(self) -> Check:
        """What checks it."""
        return _load(self.check)


def write_pack(benchmark: Benchmark, job: Job, path: Path) -> list[str]:
    """Write a pack, and check it as a server would.

    Args:
        benchmark: Which.
        job: What to pack.
        path: The zip file.

    Returns:
        Names of the files in it.

    Raises:
        InputError: If results are missing or cannot be packed; no file is left then.
    """
    with writing(path) as pack:
        benchmark.writer(job, pack)
    return pack.names


def check_pack(benchmark: Benchmark, job: Job, path: Path) -> list[str]:
    """What is wrong with a pack, a sentence each; empty where nothing is.

    Args:
        benchmark: Which.
        job: What is expected.
        path: The zip file.

    Raises:
        InputError: If it is no zip file, or one that could do harm.
    """
    problems: list[str] = []
    with Pack(path) as pack:
        for problem in benchmark.checker(job, pack):
            problems.append(problem)
            if len(problems) >= MOST_PROBLEMS:
                break
    return problems


def compare_names(pack: Pack, expected: Iterable[str]) -> Iterator[str]:
    """Files that are missing, and files that do not belong there, a sentence each."""
    wanted = list(expected)
    there, known = set(pack.names), set(wanted)
    tops = {name.split("/")[0] for name in there}
    if len(tops) == 1 and not known & there:
        top = next(iter(tops))
        if {f"{top}/{name}" for name in known} & there:
            yield f"all files lie in the folder {top}; pack what is in it, not the folder itself"
            return
    for name in wanted:
        if name not in there:
            yield f"{name} is missing; give a file for it"
    for name in pack.names:
        if name not in known:
            junk = any(word in name for word in _JUNK)
            what = "was put there by the system" if junk else "does not belong there"
            yield f"{name} {what}; leave it out"


def tell(read: Callable[[], Iterator[str]]) -> Iterator[str]:
    """The problems that a check of one file finds, those that it raises too."""
    try:
        yield from read()
    except InputError as error:
        yield str(error)


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)

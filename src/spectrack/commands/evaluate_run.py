"""The tracker of `spectrack evaluate` at work: in this process, in several, or on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from spectrack.commands.console import Console
    from spectrack.datasets.base import Dataset
    from spectrack.evaluation.answers import Answer
    from spectrack.evaluation.method import Data, Method
    from spectrack.evaluation.runner import SequenceRun, Team, Work


@dataclass(frozen=True, slots=True)
class Hands:
    """Who does the work.

    Args:
        jobs: Sequences, or objects of one, at a time; None for one, or as many as a cluster has
            processors for.
        cluster: ``local`` or the address of a Ray cluster; None for processes of this machine.
        threads: Processors of each job; None shares this machine's, on a cluster each has one.
    """

    jobs: int | None = None
    cluster: str | None = None
    threads: int | None = None

    @property
    def alone(self) -> bool:
        """Whether this process does it."""
        return self.cluster is None and self.jobs in (None, 1)

    def team(self, console: Console) -> Team:
        """The workers; lost ones are told on the console."""
        if self.cluster is not None:
            from spectrack.evaluation.cluster import Cluster

            return Cluster(self.cluster, self.jobs, self.threads or 1, console.remark)
        from spectrack.workers import each

        def processes(work: Work, names: Mapping[str, str]) -> Generator[tuple[str, Answer]]:
            workers = min(self.jobs or 1, len(names))
            return each(work, names, workers, self.threads, lambda a: {job: job for job in a.more})

        return processes


def run_tracker(
    method: Method,
    data: Data,
    dataset: Dataset,
    out: Path,
    hands: Hands,
    console: Console,
) -> dict[str, float]:
    """Run a tracker over the sequences that are not done yet.

    Args:
        method: The tracker.
        data: The data set, as workers open it.
        dataset: The sequences to do.
        out: Where results are kept.
        hands: Who does it.
        console: Where to show progress.

    Returns:
        Sequence name to frames per second.
    """
    from spectrack.evaluation.following import Following, follow_job
    from spectrack.evaluation.object_parts import parts_of
    from spectrack.evaluation.runner import alone, run_work
    from spectrack.workers import limit_threads

    settings = method.describe()
    if not hands.alone:
        lengths = {sequence.name: len(sequence) for sequence in dataset.values()}
        total = sum(lengths.values())
        with console.progress("tracking") as progress:
            runs = run_work(
                Following(method, data),
                dataset,
                out,
                settings,
                hands.team(console),
                told_frames(lengths, lambda done: progress(done, total)),
                first=lengths,
            )
        return {run.name: run.fps for run in runs}
    if hands.threads is not None:
        limit_threads(hands.threads)
    names = list(dataset)

    def one(job: str) -> Answer:
        name, _ = parts_of(job)
        with console.progress(f"{job} ({names.index(name) + 1} of {len(names)})") as progress:
            return follow_job(method, dataset[name], job, progress)

    runs = run_work(one, dataset, out, settings, alone)
    return {run.name: run.fps for run in runs}


def told_frames(
    lengths: dict[str, int], tell: Callable[[int], None]
) -> Callable[[SequenceRun, int, int], None]:
    """Progress in frames, of which sequences have unequal numbers.

    Args:
        lengths: Sequence name to frames.
        tell: Called with the number of frames done.
    """
    done = 0

    def told(run: SequenceRun, _number: int, _count: int) -> None:
        nonlocal done
        done += lengths[run.name]
        tell(done)

    return told

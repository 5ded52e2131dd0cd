"""Work for workers in other processes: they load it from here by its name."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from spectrack.errors import InputError
from spectrack.evaluation.answers import Answer
from spectrack.evaluation.following import Following


@dataclass(frozen=True)
class Killed:
    """Follows, but the worker that is first given a certain sequence is killed at it.

    Args:
        following: The work.
        name: Of that sequence.
        mark: File that is there once it has happened; with ``always`` it happens each time.
    """

    following: Following
    name: str
    mark: Path
    always: bool = False

    def __call__(self, name: str) -> Answer:
        if name == self.name and (self.always or not self.mark.exists()):
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.following(name)


@dataclass(frozen=True)
class Complaining:
    """Work that cannot be done."""

    def __call__(self, name: str) -> Answer:
        raise InputError(f"sequence {name!r} is too long; give a shorter one")


@dataclass(frozen=True)
class Noting:
    """Follows, and notes which process did how many sequences with which trackers.

    Args:
        following: The work.
        folder: Of the notes: a file ``JOB-PROCESS-TRACKER`` a job, with ``+`` for ``/``.
    """

    following: Following
    folder: Path

    def __call__(self, name: str) -> Answer:
        answer = self.following(name)
        with self.following.method.at_work() as tracker:
            (self.folder / f"{name.replace('/', '+')}-{os.getpid()}-{id(tracker)}").touch()
        return answer

"""What training commands have in common: the note in the folder of a run, and lines of stages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrack.errors import InputError
from spectrack.storage import Progress, names_in, write_json

if TYPE_CHECKING:
    from spectrack.commands.console import Console


@dataclass(frozen=True)
class RunNote:
    """A note in the folder of a run.

    Args:
        folder: Of the run.
        name: Of the note.
        weights: Name of the file that a finished run has.
        asked: What decides the outcome, as JSON has it.
    """

    folder: Path
    name: str
    weights: str
    asked: dict[str, Any]

    def claim(self) -> dict[str, Any] | None:
        """Make sure the folder is free or holds this run; what it came to, if it is finished.

        Raises:
            InputError: If it holds another run, or other things.
        """
        file = self.folder / self.name
        if not names_in(self.folder):
            return None
        if not file.is_file():
            raise InputError(f"{self.folder} holds other things; give a new or empty folder")
        try:
            held = json.loads(file.read_text())
            before, done = dict(held["asked"]), held["summary"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file} cannot be read; give another folder") from error
        differs = next((name for name in self.asked if before.get(name) != self.asked[name]), None)
        if differs is not None:
            raise InputError(
                f"{self.folder} holds a run with {differs} {before.get(differs)}, not "
                f"{self.asked[differs]}; give another folder"
            )
        return done if done and (self.folder / self.weights).is_file() else None

    def write(self, summary: dict[str, Any] | None) -> None:
        """Write what was asked, and what came of it, whole or not at all.

        Raises:
            InputError: If the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            note = {"asked": self.asked, "summary": summary}
            write_json(self.folder / self.name, note, indent=2)
        except OSError as error:
            raise InputError(
                f"run folder {self.folder} cannot be written ({error.strerror}); "
                "give another folder"
            ) from error


@contextmanager
def stages(console: Console) -> Iterator[Callable[[str, str], Progress]]:
    """Lines of progress for stages that follow each other: one ends where the next begins.

    Yields:
        What takes a stage's name and what it counts, and gives what is called with how many are
        done and in all.
    """
    with ExitStack() as line:

        def stage(name: str, unit: str) -> Progress:
            line.close()
            return line.enter_context(console.progress(name, unit))

        yield stage

"""The folder of a run: settings, log, curves, weights and what it needs to go on.

``settings.json`` says what was asked, ``log.jsonl`` has a line a step and a line an epoch,
``curves.png`` draws it, ``last.safetensors`` and ``best.safetensors`` are the weights, and
``resume.pt`` is for going on.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from spectrack.errors import InputError
from spectrack.storage import claimed, write_text
from spectrack.training.loop.settings import UNSEEN_IN_WEIGHTS


class RunFolder:
    """Where a run lives.

    Args:
        path: The folder; made if absent.
        writes: Whether this process writes into it; the others only read.
    """

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path = path
        self._writes = writes
        self.settings = path / "settings.json"
        self.log_lines = path / "log.jsonl"
        self.curves = path / "curves.png"
        self.last = path / "last.safetensors"
        self.best = path / "best.safetensors"
        self.resume = path / "resume.pt"

    def held(self) -> AbstractContextManager[None]:
        """Keep other runs out of the folder; see :func:`spectrack.storage.claimed`."""
        return claimed(self.path) if self._writes else nullcontext()

    def claim(self, description: dict[str, Any], resume: bool) -> None:
        """Take the folder for a run with these settings.

        Args:
            description: What decides the outcome of the run, as JSON.
            resume: Whether a run that is already here may go on.

        Raises:
            InputError: The folder cannot be used, or holds another run; the message names the
                first field that differs.
        """
        # Through JSON, so that a tuple equals the list it will be read back as.
        text = json.dumps(description, indent=2, default=str)
        if self.settings.is_file():
            if not resume:
                raise InputError(
                    f"{self.path} holds a run already; resume it, or give another folder."
                )
            self._compare(_flat(json.loads(text)))
        elif self._writes:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                write_text(self.settings, text, durable=True)
            except OSError as error:
                raise InputError(
                    f"run folder {self.path} cannot be written ({error.strerror}); "
                    "give another folder."
                ) from error

    def _compare(self, asked: dict[str, Any]) -> None:
        try:
            there = _flat(json.loads(self.settings.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.settings} cannot be read as JSON; give another folder for the run."
            ) from error
        for name in (*asked, *there):
            section, _, field = name.partition(".")
            if section == "train" and field in UNSEEN_IN_WEIGHTS:
                continue
            old, new = there.get(name, "nothing"), asked.get(name, "nothing")
            if old != new:
                raise InputError(
                    f"{self.path} holds a run with {name} {old!r} and now it is {new!r}; "
                    "give the same settings to go on, or another folder."
                )

    def rewind(self, step: int, epoch: int) -> None:
        """Drop from the log what lies behind a checkpoint, and a torn last line.

        Args:
            step: The last step to keep.
            epoch: The last epoch to keep.
        """
        if self._writes and self.log_lines.is_file():
            kept = [
                json.dumps(line)
                for line in self.read_log()
                if (line["step"] <= step if line["kind"] == "step" else line["epoch"] <= epoch)
            ]
            write_text(self.log_lines, "".join(f"{line}\n" for line in kept), durable=True)

    def log(self, kind: str, values: dict[str, float]) -> None:
        """Add a line to the log.

        Args:
            kind: "step", "epoch", or "mean" for what the averaged weights are worth.
            values: What to note.
        """
        if self._writes:
            with self.log_lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **values}) + "\n")

    def read_log(self) -> list[dict[str, Any]]:
        """All whole lines of the log."""
        lines = []
        for text in self.log_lines.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:  # a kill tore it; so nothing follows
                break
        return lines


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= (
            _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        )
    return flat

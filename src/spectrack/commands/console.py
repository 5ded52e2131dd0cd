"""What a command says while it works: one progress line, the result, and JSON on request.

Progress and remarks go to standard error, results to standard output.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TextIO

from spectrack.errors import InputWarning

TTY_INTERVAL = 0.1
LOG_INTERVAL = 10.0

FIRST_S = 3.0
"""Seconds of work before the time left is told."""
ENOUGH, ENOUGH_S = 5, 20.0
"""Items, or seconds, that a rate must rest on before the time left is told."""


class Progress:
    """One line on standard error: done, rate and, once it means something, time left.

    The first item often takes longer, as networks are loaded and targets learned, and a run that
    goes on begins with many done; so the first call tells no rate, and later ones that of the items
    after it.

    On a terminal the line is redrawn in place; elsewhere (a log, CI) a plain line appears every ten
    seconds, so short work stays silent there. Call it with ``(done, total)``, total None where it
    is not known.

    Args:
        label: What is going on, e.g. ``"tracking"``.
        unit: What is counted.
        silent: Print nothing.
        stream: Where to print; standard error by default.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        label: str,
        unit: str = "frames",
        silent: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label, self._unit, self._silent = label, unit, silent
        self._stream = sys.stderr if stream is None else stream
        self._tty = self._stream.isatty()
        self._clock = clock
        self._start = clock()
        self._last = self._start if not self._tty else -math.inf
        self._width = 0
        self._first: tuple[int, float] | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self, done: int, total: int | None = None) -> None:
        """Tell how far the work is; draws at most every tenth of a second."""
        now = self._clock()
        self._first = before = self._first or (done, now)
        if self._silent or now - self._last < (TTY_INTERVAL if self._tty else LOG_INTERVAL):
            return
        self._last = now
        late = now - self._start >= FIRST_S
        self._draw(self.line(done, total, now - before[1], before[0], late))

    def tell(self, line: str) -> None:
        """The same with a text of one's own in place of done, rate and time left."""
        now = self._clock()
        if self._silent or now - self._last < (TTY_INTERVAL if self._tty else LOG_INTERVAL):
            return
        self._last = now
        self._draw(line)

    def _draw(self, line: str) -> None:
        if self._tty:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def line(
        self, done: int, total: int | None, seconds: float, before: int = 0, late: bool = True
    ) -> str:
        """The text for a state of the work.

        Args:
            done: Items that are done.
            total: Items in all, None where that is not known.
            seconds: How long the items after ``before`` took.
            before: Items that were done when time began to count.
            late: Whether the work has gone on for long enough to tell the time left.
        """
        count = f"{done}" if total is None else f"{done}/{total}"
        text = f"{self._label}: {count} {self._unit}"
        counted = done - before
        if counted <= 0 or seconds <= 0:
            return text
        rate = counted / seconds
        text += f", {rate:.1f}/s" if rate >= 1 else f", {1 / rate:.1f} s each"
        if total is not None and late and (counted >= ENOUGH or seconds >= ENOUGH_S):
            text += f", {duration((total - done) / rate)} left"
        return text

    def close(self) -> None:
        """Remove the line from a terminal."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0


def duration(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


@dataclass(frozen=True)
class Console:
    """How a command talks: text for people, or one JSON object.

    Args:
        json: Print the result as one JSON object and nothing else.
        quiet: Print no progress and no remarks.
        out: Standard output.
    """

    json: bool
    quiet: bool
    out: TextIO

    def progress(self, label: str, unit: str = "frames") -> Progress:
        """A progress line, silent under --json and --quiet."""
        return Progress(label, unit, silent=self.json or self.quiet)

    def remark(self, text: str) -> None:
        """A line about what is going on, on standard error."""
        if not (self.json or self.quiet):
            self.needed(text)

    def needed(self, text: str) -> None:
        """The same for a line that people cannot do without, under --json and --quiet, too."""
        print(text, file=sys.stderr, flush=True)

    def result(self, values: Mapping[str, Any], text: str) -> None:
        """The outcome: ``values`` under --json, else ``text``."""
        if self.json:
            text = json.dumps(_plain(values), allow_nan=False)
        self.out.write(_printable(text.rstrip("\n") + "\n", self.out))
        self.out.flush()


def _printable(text: str, stream: TextIO) -> str:
    """The text with what a stream cannot show, as names of files that are no UTF-8, escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show an ``InputWarning`` that no command took up as one line without file and line number."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", InputWarning)
        show = warnings.showwarning

        def tell(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, InputWarning):
                print(f"warning: {message}", file=sys.stderr, flush=True)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = tell
        yield


@contextmanager
def told_remarks(console: Console) -> Iterator[None]:
    """Show what the library notes of long work as remarks; programs see it by ``logging``."""
    logger = logging.getLogger("spectrack")
    handler, level = logging.Handler(logging.INFO), logger.level
    handler.emit = lambda record: console.remark(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _plain(value: Any) -> Any:
    """Turn NumPy numbers, paths and tuples into what JSON knows; NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)

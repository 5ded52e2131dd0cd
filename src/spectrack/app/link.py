"""The server's end of a worker process: jobs go out, what it tells comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from spectrack.app.jobs import Asked, Job, Told
from spectrack.errors import InputError

OnTold = Callable[[Told], None]

_SPAWN = get_context("spawn")


class Link:
    """A worker process that is started when it is first asked, and again if it died.

    Args:
        main: What the process runs; the pipe comes first.
        arguments: What comes after the pipe.
        on_told: Called in a thread of this link with whatever comes before the end of a job.
    """

    def __init__(
        self, main: Callable[..., None], arguments: tuple[Any, ...], on_told: OnTold | None = None
    ) -> None:
        self._main, self._arguments, self._on_told = main, arguments, on_told
        self._lock = threading.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None
        self._waiting: dict[int, Future[Any]] = {}
        self._count = 0

    def ask(self, job: Job) -> tuple[int, Future[Any]]:
        """Send a job.

        Returns:
            Its number, and what it will come to: its value; an :class:`InputError` where it failed
            or the process died; cancelled where it was stopped.
        """
        with self._lock:
            if not self.alive:
                self._start()
            self._count += 1
            number = self._count
            future: Future[Any] = Future()
            self._waiting[number] = future
            assert self._pipe is not None
            try:
                self._pipe.send(Asked(number, job))
            except OSError:
                self._waiting.pop(number)
                future.set_exception(_died())
        return number, future

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and bool(self._process.is_alive())

    @property
    def pid(self) -> int | None:
        """Number of the process; None before the first job."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.join(1.0)
            if process.is_alive():
                process.kill()
                process.join()

    def _start(self) -> None:
        for lost in self._waiting.values():  # asked of a process that has died
            if not lost.done():  # nobody waits any longer
                lost.set_exception(_died())
        self._waiting.clear()
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=self._main, args=(theirs, *self._arguments), name="spectrack-app", daemon=True
        )
        process.start()
        theirs.close()
        self._process, self._pipe = process, ours
        threading.Thread(target=self._listen, args=(ours,), daemon=True).start()

    def _listen(self, pipe: Connection) -> None:
        """Hand on what the process tells until it ends."""
        while True:
            try:
                told: Told = pipe.recv()
            except (EOFError, OSError):
                break
            if not told.over:
                if self._on_told is not None:
                    self._on_told(told)
                continue
            with self._lock:
                future = self._waiting.pop(told.number, None)
            if future is not None:
                _settle(future, told)
        with self._lock:
            mine = self._pipe is pipe
            lost = list(self._waiting.values()) if mine else []
            if mine:
                self._waiting.clear()
        for future in lost:
            if not future.done():
                future.set_exception(_died())


def _settle(future: Future[Any], told: Told) -> None:
    with suppress(Exception):  # nobody waits any longer
        if told.what == "done":
            future.set_result(told.values[0])
        elif told.what == "failed":
            future.set_exception(InputError(str(told.values[0])))
        else:
            future.cancel()


def _died() -> InputError:
    return InputError(
        "the process that worked on this died, as it does when memory runs out; "
        "what was done before is kept, try again with a smaller video"
    )

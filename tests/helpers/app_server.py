"""A server of the page in a process of its own, and the browser that looks at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from processes import PATIENCE_S, wait_until

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def needs_server() -> None:
    """Skip the tests of a module where the page cannot be served."""
    pytest.importorskip("nicegui", reason="NiceGUI is not installed; the extra app brings it")


class AppServer:
    """A server that runs.

    Args:
        arguments: Of `spectrack app`.
        folder: Where it is started.
        port: At which it listens; 0 takes a free one.

    Attributes:
        process: Its process.
        address: Of the page, with the token where one is needed.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, port: int = 0) -> None:
        command = [sys.executable, "-m", "spectrack", "app", *arguments, "--port", str(port)]
        self._log = folder / "server.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--no-browser"],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert "the page is at " in first, first + self._log.read_text()
        self.address = first.split("the page is at ")[1].split()[0]

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_S)
        if self.process.poll() is None:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return int(self.process.returncode)


@contextmanager
def served(arguments: Sequence[str], folder: Path, port: int = 0) -> Iterator[AppServer]:
    """A server for as long as a block lasts."""
    server = AppServer(arguments, folder, port)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def browser() -> Iterator[Any]:
    """A Chromium without a window; skips the test where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed; the extra browser brings it"
    )
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser was found; install one of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield chromium
        finally:
            chromium.close()


def children_of(pid: int) -> set[int]:
    """Processes that a process has started, by Linux's own account."""
    found = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found |= {int(child) for child in task.read_text().split()}
    return found


def halt(pids: set[int]) -> None:
    """Stop those of the processes that do jobs, where they are; a kill still ends them."""
    for pid in pids:
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGSTOP)


def gone(pids: set[int]) -> None:
    """Wait until no such process is left (one that nobody waits for counts as gone)."""

    def none_left() -> bool:
        for pid in pids:
            with suppress(OSError):
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":
                    return False
        return True

    wait_until(none_left, "the end of the worker processes")

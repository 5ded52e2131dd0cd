"""Programs that a test starts and waits for: for as long as they need on a busy machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

PATIENCE_S = 250.0
"""More than any takes beside other programs; a test has more yet, see pyproject.toml."""


def wait_until(
    true: Callable[[], object], what: str, process: subprocess.Popen[str] | None = None
) -> None:
    """Wait until something is true; fail where the program ends before, or it never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.02)


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait until a program has ended; what it said on both streams."""
    return process.communicate(timeout=PATIENCE_S)

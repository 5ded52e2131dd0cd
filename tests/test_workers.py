"""Worker processes: whose they are, and with whom they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

import pytest

from processes import ended, wait_until
from spectrack.workers import each

STARTED_IN_A_THREAD = """
import time
from multiprocessing import active_children
from threading import Thread

from spectrack.workers import each

if __name__ == "__main__":
    jobs = each(time.sleep, {"first": 0, "second": 600}, workers=1, threads=1)
    thread = Thread(target=next, args=(jobs,))
    thread.start()
    thread.join()
    (worker,) = active_children()
    print(worker.pid, flush=True)
    next(jobs)
"""


def gone(pid: int) -> bool:
    """Whether a process has ended, taken notice of or not."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_workers_outlive_the_thread_that_started_them() -> None:
    jobs = each(time.sleep, {"first": 0, "second": 1}, workers=1, threads=1)
    found = []
    thread = Thread(target=lambda: found.append(next(jobs)))
    thread.start()
    thread.join()
    assert [*found, *jobs] == [("first", None), ("second", None)]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_they_do_not_outlive_the_process(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(STARTED_IN_A_THREAD)
    process = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    assert not gone(worker)
    process.send_signal(signal.SIGKILL)
    ended(process)
    wait_until(lambda: gone(worker), "the worker's end")


def test_children_of_others_are_left_alone() -> None:
    jobs = each(time.sleep, {"first": 0, "second": 600}, workers=2, threads=1)
    next(jobs)
    other = get_context("spawn").Process(target=time.sleep, args=(600,))
    other.start()
    try:
        jobs.close()  # as a break out of the loop does
        assert other.is_alive()
    finally:
        other.kill()
        other.join()

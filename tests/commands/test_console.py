"""The progress line and the JSON answer."""

from __future__ import annotations

import io
import json
import logging
import os

import numpy as np
import pytest

from spectrack.commands.console import Console, Progress, duration, told_remarks


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_sparse_lines():
    stream, clock = io.StringIO(), Clock()
    progress = Progress("tracking", stream=stream, clock=clock)
    for done in range(1, 41):
        clock.now += 0.5
        progress(done, 60)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "tracking: 20/60 frames, 2.0/s, 0:20 left",
        "tracking: 40/60 frames, 2.0/s, 0:10 left",
    ]


def test_a_terminal_gets_one_line_that_is_removed():
    stream, clock = Terminal(), Clock()
    with Progress("tracking", stream=stream, clock=clock) as progress:
        for done in range(1, 4):
            clock.now += 1
            progress(done, None)
    text = stream.getvalue()
    assert "\n" not in text
    assert "tracking: 3 frames, 1.0/s" in text
    assert text.endswith("\r")
    assert text.split("\r")[-2].strip() == ""


def told(stream: Terminal) -> str:
    return stream.getvalue().split("\r")[-1].strip()


def test_time_left_is_told_once_it_means_something():
    stream, clock = Terminal(), Clock()
    progress = Progress("tracking", stream=stream, clock=clock)
    clock.now += 40  # kernels are compiled
    progress(1, 100)
    assert told(stream) == "tracking: 1/100 frames"
    for done in range(2, 6):
        clock.now += 0.5
        progress(done, 100)
        assert told(stream) == f"tracking: {done}/100 frames, 2.0/s"
    clock.now += 0.5
    progress(6, 100)
    assert told(stream) == "tracking: 6/100 frames, 2.0/s, 0:47 left"


def test_quick_work_tells_no_time_left_in_its_first_seconds():
    stream, clock = Terminal(), Clock()
    progress = Progress("tracking", stream=stream, clock=clock)
    for done in range(1, 6):
        clock.now += 0.5
        progress(done * 10, 100)
        assert "left" not in told(stream)
    clock.now += 0.5
    progress(60, 100)
    assert told(stream) == "tracking: 60/100 frames, 20.0/s, 0:02 left"


def test_a_run_that_goes_on_is_timed_from_where_it_was():
    stream, clock = Terminal(), Clock()
    progress = Progress("learning", "steps", stream=stream, clock=clock)
    clock.now += 1
    progress(900, 1000)
    assert told(stream) == "learning: 900/1000 steps"
    for done in range(901, 921):
        clock.now += 1
        progress(done, 1000)
    assert told(stream) == "learning: 920/1000 steps, 1.0/s, 1:20 left"


def test_silent_and_slow_work():
    stream = Terminal()
    Progress("x", silent=True, stream=stream)(1, 2)
    assert stream.getvalue() == ""
    line = Progress("refining", "sequences", stream=stream).line(2, 10, 60.0)
    assert line == "refining: 2/10 sequences, 30.0 s each, 4:00 left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3661, "1:01:01"), (-3, "0:00")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_json_is_one_plain_object():
    out = io.StringIO()
    values = {"a": np.float32(0.5), "b": [np.int64(3), float("nan")], "c": {1: np.arange(2)}}
    Console(json=True, quiet=False, out=out).result(values, "text")
    assert json.loads(out.getvalue()) == {"a": 0.5, "b": [3, None], "c": {"1": [0, 1]}}
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_that_are_no_text_are_shown_escaped(as_json, encoding):
    name = os.fsdecode(b"caf\xe9 \xff")
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding)
    Console(json=as_json, quiet=False, out=out).result({"out": name}, f"results: {name}")
    printed = raw.getvalue().decode(encoding)
    assert printed.count("\n") == 1
    if as_json:
        assert json.loads(printed)["out"] == name
    else:
        assert printed == "results: caf\\udce9 \\udcff\n"


def test_text_for_people():
    out = io.StringIO()
    Console(json=False, quiet=True, out=out).result({"a": 1}, "done\n")
    assert out.getvalue() == "done\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_notes_of_the_library_are_remarks_while_a_command_runs(capsys, quiet):
    logger = logging.getLogger("spectrack.somewhere")
    with told_remarks(Console(json=False, quiet=quiet, out=io.StringIO())):
        logger.info("making graphs, %d of them", 3)
        logger.debug("nobody asked")
    logger.info("after it")
    assert capsys.readouterr().err == ("" if quiet else "making graphs, 3 of them\n")

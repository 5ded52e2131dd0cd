"""The progress line and the JSON answer."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from spectrack.commands.console import Console, Progress, duration


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


def test_text_for_people():
    out = io.StringIO()
    Console(json=False, quiet=True, out=out).result({"a": 1}, "done\n")
    assert out.getvalue() == "done\n"

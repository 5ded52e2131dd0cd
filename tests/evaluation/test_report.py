"""Tables and JSON."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from spectrack.evaluation.report import as_dict, comparison, markdown, rows_of, table, without_nan
from spectrack.evaluation.score import Scores, SequenceScore


@pytest.fixture
def scores():
    dog = SequenceScore(
        "dog", ("1", "2"), {"J": np.array([0.8, 0.6]), "F": np.array([0.5, 0.7])}, fps=10.0
    )
    cat = SequenceScore(
        "cat", ("1", "2"), {"J": np.array([np.nan, 0.4]), "F": np.array([0.1, 0.3])}, fps=30.0
    )
    return Scores("ours", "pets", (dog, cat))


def shown(renderable):
    console = Console(file=io.StringIO(), width=120)
    console.print(renderable)
    return console.file.getvalue()


def test_dictionary(scores):
    out = as_dict(scores, per_frame=True)
    assert json.loads(json.dumps(out, allow_nan=False)) == out
    assert out["mean"]["J"]["mean"] == pytest.approx((0.7 + 0.4) / 2)
    assert out["mean"]["J"]["recall"] == pytest.approx((1 + 0) / 2)
    assert out["mean"]["J&F"]["mean"] == pytest.approx((0.55 + 0.4) / 2)
    assert out["sequences"]["cat"]["J"]["per_frame"] == [None, 0.4]
    assert out["sequences"]["cat"]["J"]["decay"] is None
    assert out["sequences"]["dog"]["frames"] == ["1", "2"]
    # 8 frames: 4 at 10 a second and 4 at 30.
    assert out["fps"] == pytest.approx(8 / (0.4 + 4 / 30))
    assert "per_frame" not in as_dict(scores)["sequences"]["dog"]["J"]


def test_table(scores):
    headers, rows = rows_of(scores)
    assert headers == [
        "sequence", "J", "J recall", "J decay", "F", "F recall", "F decay", "fps",
    ]  # fmt: skip
    assert rows[0][:3] == ["dog", "70.0", "100.0"]
    assert rows[1][:4] == ["cat", "40.0", "0.0", "-"]
    assert rows[2][:2] == ["mean", "55.0"]
    text = shown(table(scores))
    assert "ours on pets" in text
    for cell in (*headers, *rows[0], *rows[2]):
        assert cell in text


def test_comparison(scores):
    boxes = SequenceScore("dog", ("1",), {"box_iou": np.array([0.123])})
    text = shown(comparison([scores, Scores("boxes", "pets", (boxes,))]))
    lines = [line for line in text.splitlines() if "boxes" in line or "ours" in line]
    assert len(lines) == 2
    assert "55.0" in lines[0]
    assert "12.3" in lines[1]
    assert "nan" not in text


def test_markdown():
    text = markdown(["a", "b"], [["x|y", 1], ["z", 2.5]])
    assert text == "| a | b |\n| --- | ---: |\n| x\\|y | 1 |\n| z | 2.5 |\n"


def test_without_nan():
    value = {"a": [math.nan, 1.0, (math.inf, "x")], "b": {"c": -math.inf, "d": 2}}
    assert without_nan(value) == {"a": [None, 1.0, [None, "x"]], "b": {"c": None, "d": 2}}

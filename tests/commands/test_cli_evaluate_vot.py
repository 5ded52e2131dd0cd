"""``spectrack evaluate`` on VOT's ways of running: which lengths EAO is over, worked by hand."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

FRAMES = 300
FAILS = 101
"""The frame in which the run fails: 100 frames are answered before."""


@pytest.fixture(scope="module")
def kite(tmp_path_factory):
    """A sequence in the layout of VOT, and a run that covers half of the truth until it fails."""
    root = tmp_path_factory.mktemp("vot")
    folder, answers = root / "data" / "kite", root / "runs" / "kite"
    folder.mkdir(parents=True)
    answers.mkdir(parents=True)
    for number in range(1, FRAMES + 1):
        cv2.imwrite(str(folder / f"{number:08d}.jpg"), np.zeros((12, 16, 3), np.uint8))
    (folder / "groundtruth.txt").write_text("2,2,8,8\n" * FRAMES)
    lines = ["1", *["2,2,8,4"] * (FAILS - 1), "2", *["0"] * (FRAMES - FAILS - 1)]
    (answers / "kite_001.txt").write_text("\n".join(lines) + "\n")
    return "--results", root / "runs", "--dataset", "vot", "--root", root / "data"


def by_hand(low, high):
    """The mean over n frames is 1/2 as far as 100, and 100/2 spread over n behind."""
    means = [0.5 * min(n, FAILS - 1) / n for n in range(low, high + 1)]
    return sum(means) / len(means)


@pytest.mark.parametrize(
    ("words", "interval", "whose"),
    [
        (("--year", "2019"), [46, 291], "vot2019"),
        (("--set-data", "year=2016"), [108, 371], "vot2016"),
        (("--year", "2019", "--eao", "20-150"), [20, 150], "given"),
        (("--eao", "7-7"), [7, 7], "given"),
        ((), [300, 300], "sequences"),
    ],
)
def test_lengths_of_eao_are_chosen(spectrack, kite, tmp_path, words, interval, whose):
    args = ("evaluate", *kite, "--mode", "supervised", *words)
    ran = spectrack(*args, "--json", "--report", tmp_path / "report")
    assert ran.status == 0, ran.err
    said = json.loads(ran.out)
    assert (said["eao_interval"], said["eao_interval_of"]) == (interval, whose)
    assert said["total"]["eao"] == pytest.approx(by_hand(*interval))
    kept = json.loads((tmp_path / "report" / "scores.json").read_text())
    assert (kept["eao_interval"], kept["eao_interval_of"]) == (interval, whose)
    named = {"given": "as given", "sequences": "those of the sequences"}
    shown = f"lengths of {interval[0]} to {interval[1]} frames, "
    shown += named.get(whose, f"those of {whose.upper()}")
    assert f"EAO over {shown}\n" in spectrack(*args).out
    page = tmp_path / "report.html"
    assert spectrack("report", tmp_path / "report", "--out", page).status == 0
    assert f"over {shown}" in page.read_text()


def test_results_are_read_as_they_were_made(spectrack, tmp_path, kite):
    """Not as masks that are missing where there were restarts, and the other way round."""
    results = tmp_path / "made"
    results.mkdir()
    for mode, others in (("supervised", ()), ("unsupervised", ("--mode", "multi-start"))):
        (results / "run.json").write_text(json.dumps({"settings": {"mode": mode}}))
        ran = spectrack("evaluate", *kite[2:], "--results", results, *others)
        assert ran.status == 2
        assert f"was made with --mode {mode}; give that here, too" in ran.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--eao", "9-3"), "--eao 9-3 was given; expected LO-HI"),
        (("--eao", "0-3"), "--eao 0-3 was given; expected LO-HI"),
        (("--eao", "5"), "--eao 5 was given; expected LO-HI"),
        (("--eao", "1-9999999"), "expected LO-HI"),
        (("--year", "2014"), "year is '2014'; give one of 2015"),
        (("--mode", "unsupervised", "--eao", "3-9"), "--eao is for the modes supervised and"),
        (("--dataset", "otb", "--year", "2019"), "data set otb has no option year"),
    ],
)
def test_wrong_lengths_are_told(spectrack, kite, words, told):
    ran = spectrack("evaluate", *kite, "--mode", "supervised", *words)
    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1

"""Results and runs of version 0.1.0, before the house was rebuilt, are still read and gone on from.

``tests/data/before`` holds what the commands wrote then: a result of ``track``, a run of
``evaluate --tracker`` and one of ``train fusion``, with the made-up clips they are of.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import spectrack as st
from spectrack.tracks import Track

BEFORE = Path(__file__).parent / "data" / "before"
ROOT = "/data/before"  # where the runs were made, as their notes have it


@pytest.fixture
def before(tmp_path):
    shutil.copytree(BEFORE, tmp_path / "before")
    return tmp_path / "before"


def test_a_result_folder_is_read(before):
    track = Track.load(before / "result")
    assert len(track) == 4
    assert track.stems == ["00000", "00001", "00002", "00003"]
    assert track.info["settings"]["pixels"] == 3000
    assert track.times_s is None
    for t, stem in enumerate(track.stems):
        with Image.open(before / "result" / "masks" / f"{stem}.png") as image:
            np.testing.assert_array_equal(track.mask(t), np.asarray(image) == 1)


def test_it_is_refined_reviewed_and_scored(before, spectrack, tmp_path):
    frames = before / "davis" / "JPEGImages" / "480p" / "carp"
    truth = before / "davis" / "Annotations" / "480p" / "carp"
    assert st.evaluate(before / "result" / "masks", truth)["J"] > 0.5
    out = tmp_path / "refined"
    ran = spectrack("refine", before / "result", "--video", frames, "--out", out, "--no-overlay")
    assert ran.status == 0, ran
    assert len(Track.load(out)) == 4


def test_a_run_of_evaluate_is_gone_on_with(before, spectrack):
    held = before / "evaluated" / "carp" / "00003.png"
    when = held.stat().st_mtime_ns
    args = ("evaluate", "--tracker", "flow", "--set", "pixels=3000", "--root", before / "davis")
    ran = spectrack(*args, "--split", "val", "--out", before / "evaluated", "--json")
    assert ran.status == 0, ran
    assert held.stat().st_mtime_ns == when, "a finished sequence was run again"
    assert (before / "evaluated" / "koi" / "00003.png").is_file()


def test_other_settings_than_those_of_the_run_are_refused(before, spectrack):
    args = ("evaluate", "--tracker", "flow", "--set", "pixels=4000", "--root", before / "davis")
    ran = spectrack(*args, "--split", "val", "--out", before / "evaluated")
    assert ran.status == 2
    assert "pixels" in ran.err


def train(before, spectrack):
    return spectrack(
        *("train", "fusion", "--channels", "good,bad", "--masks", before / "davis" / "Results"),
        *("--root", before / "davis", "--split", "train", "--epochs", "2"),
        *("--out", before / "fusion", "--json"),
    )


@pytest.fixture
def run(before):
    """The training run, as if it had been made here."""
    note = before / "fusion" / "fusion.json"
    note.write_text(note.read_text().replace(ROOT, str(before.resolve())))
    return note


def test_a_finished_training_run_is_not_repeated(before, run, spectrack):
    summary = json.loads(run.read_text())["summary"]
    ran = train(before, spectrack)
    assert ran.status == 0, ran
    assert json.loads(ran.out)["seconds"] == summary["seconds"]


def test_a_training_run_that_stopped_is_gone_on_with(before, run, spectrack):
    """Its resume file is of then; what it comes to are the weights that it came to then."""
    held = json.loads(run.read_text())
    run.write_text(json.dumps({**held, "summary": None}))
    weights = before / "fusion" / "weights.safetensors"
    then = load_file(weights)
    weights.unlink()
    ran = train(before, spectrack)
    assert ran.status == 0, ran
    log = (before / "fusion" / "mixing" / "log.jsonl").read_text()
    assert log == (BEFORE / "fusion" / "mixing" / "log.jsonl").read_text(), "epochs were run again"
    for name, value in load_file(weights).items():
        np.testing.assert_array_equal(value, then[name])

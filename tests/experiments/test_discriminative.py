"""The study of small discriminative trackers: what is compared, and what is made of the runs."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(ROOT))
    yield importlib.import_module("experiments.studies.discriminative")
    sys.path.remove(str(ROOT))


def test_without_runs_only_the_others_are_compared(study, tmp_path):
    options = argparse.Namespace(dimp=None, d3s=None, work=tmp_path)
    assert study.trackers_of(options) == {n: n for n in ("flow", "nanotrack", "csrt")}


def test_other_weights_are_another_tracker(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "_start", lambda recipe, folder: folder / f"{recipe}.safetensors")
    run = tmp_path / "run"
    run.mkdir()
    options = argparse.Namespace(dimp=run, d3s=None, work=tmp_path / "work")
    told = []
    for content in (b"one", b"two", b"one"):
        (run / "dimp.safetensors").write_bytes(content)
        made = study.trackers_of(options)
        assert list(made)[:2] == ["dimp, small, start", "dimp, small, learned"]
        kind, _, file = made["dimp, small, learned"].partition(":weights=")
        assert kind == "dimp-small"
        assert Path(file).read_bytes() == content
        told.append(file)
    assert told[0] == told[2] != told[1]


def test_figures_and_what_learning_changed(study):
    runs = {
        name: {"iou": [iou], "score": [0.9], "frames": 2, "seconds": 1.0}
        for name, iou in (("a", 0.5), ("b", 0.7))
    }
    found = study.figures(runs)
    assert found["iou"] == pytest.approx(0.6)
    assert "j" not in found
    for run in runs.values():
        run["j"] = [0.25, 0.75]
    assert study.figures(runs)["j"] == 0.5
    facts = {"otb": {"d3s, small, start": {"iou": 0.4}, "d3s, small, learned": {"iou": 0.6}}}
    assert study._reading(facts) == "Learning changed the mean IoU of d3s, small, by +0.200 on OTB."
    assert study._reading({"otb": {}}) == "Nothing that learned was given."

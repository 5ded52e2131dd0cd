"""Runs over a data set: kept, resumed, and refused where they do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.evaluation.runner import run_dataset
from spectrack.evaluation.score import score_folder

SETTINGS = {"tracker": "perfect", "options": {"scale": 0.5}}


@pytest.fixture
def method(clips, track_of):
    """Gives the true masks, and notes which sequences it was asked for."""

    class Method:
        def __init__(self):
            self.asked = []
            self.fails_at = None

        def __call__(self, sequence):
            if sequence.name == self.fails_at:
                raise KeyboardInterrupt
            self.asked.append(sequence.name)
            return track_of(clips[sequence.name].masks_thw)

    return Method()


def test_results_are_kept_in_davis_layout(tmp_path, ponds, method):
    out = tmp_path / "deep" / "out"
    seen = []
    runs = run_dataset(method, ponds, out, SETTINGS, lambda *step: seen.append(step))
    assert [(r.name, r.frames, r.resumed) for r in runs] == [("koi", 7, False), ("carp", 7, False)]
    assert seen == [(runs[0], 1, 2), (runs[1], 2, 2)]
    assert sorted(p.name for p in out.iterdir()) == ["carp", "koi", "run.json"]
    names = {p.name for p in (out / "koi").iterdir()}
    assert names == {f"{t:05d}.png" for t in range(7)} | {"boxes.csv", "track.json"}
    scores = score_folder(out, ponds, timings={r.name: r.fps for r in runs})
    assert (scores.mean("J"), scores.mean("box_iou")) == (1, 1)
    total = sum(r.frames for r in runs) / sum(r.seconds for r in runs)
    assert scores.fps == pytest.approx(total)


def test_second_run_skips_what_is_there(tmp_path, ponds, method):
    method.fails_at = "carp"
    with pytest.raises(KeyboardInterrupt):
        run_dataset(method, ponds, tmp_path, SETTINGS)
    method.fails_at = None
    first, second = run_dataset(method, ponds, tmp_path, dict(reversed(SETTINGS.items())))
    assert method.asked == ["koi", "carp"]
    assert (first.resumed, second.resumed) == (True, False)
    assert first.seconds == pytest.approx(
        json.loads((tmp_path / "koi" / "track.json").read_text())["objects"]["1"]["seconds"]
    )
    assert all(run.resumed for run in run_dataset(method, ponds, tmp_path, SETTINGS))


def test_half_written_sequences_are_done_again(tmp_path, ponds, method):
    run_dataset(method, ponds, tmp_path, SETTINGS)
    (tmp_path / "koi" / "track.json").unlink()
    (tmp_path / "carp.part").mkdir()
    runs = run_dataset(method, ponds, tmp_path, SETTINGS)
    assert [run.resumed for run in runs] == [False, True]
    assert score_folder(tmp_path, ponds).mean("J") == 1


def test_other_settings_are_refused_and_named(tmp_path, ponds, method):
    run_dataset(method, ponds, tmp_path, SETTINGS)
    other = {"tracker": "perfect", "options": {"scale": 1.0}}
    with pytest.raises(InputError, match=r"settings\.options\.scale 0\.5, not 1\.0"):
        run_dataset(method, ponds, tmp_path, other)
    with pytest.raises(InputError, match="other settings"):
        run_dataset(method, ponds, tmp_path, {"tracker": "perfect"})


def test_foreign_folders_are_refused(tmp_path, ponds, method):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="holds other things"):
        run_dataset(method, ponds, tmp_path, SETTINGS)
    with pytest.raises(InputError, match="is a file"):
        run_dataset(method, ponds, tmp_path / "letter.txt", SETTINGS)
    assert method.asked == []
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_damaged_runs_are_told(tmp_path, ponds, method):
    run_dataset(method, ponds, tmp_path, SETTINGS)
    (tmp_path / "koi" / "track.json").write_text("{}")
    with pytest.raises(InputError, match="remove"):
        run_dataset(method, ponds, tmp_path, SETTINGS)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        run_dataset(method, ponds, tmp_path, SETTINGS)


def test_tracks_must_be_complete(tmp_path, ponds, clips, track_of):
    with pytest.raises(InputError, match="has 3 frames, not 7"):
        run_dataset(lambda s: track_of(clips[s.name].masks_thw[:3]), ponds, tmp_path, SETTINGS)
    assert not (tmp_path / "koi").exists()


def test_boxes_alone(tmp_path, ponds, clips, track_of):
    def boxes(sequence):
        return track_of(clips[sequence.name].masks_thw, boxes_only=True)

    run_dataset(boxes, ponds, tmp_path, SETTINGS)
    assert not list((tmp_path / "koi").glob("*.png"))
    scores = score_folder(tmp_path, ponds)
    assert scores.measures == ["box_iou"]
    assert scores.mean("box_iou") == 1
    assert np.isfinite(scores.sums("box_iou").decay)

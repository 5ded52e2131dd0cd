"""Runs are read whatever was measured, and compared by figures that can be counted by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spectrack.errors import InputError
from spectrack.evaluation.comparison.figures import compare, shown
from spectrack.evaluation.comparison.page import page
from spectrack.evaluation.comparison.runs import read_run, read_runs, run_of
from spectrack.evaluation.comparison.tables import as_markdown


def test_what_is_read(written):
    good, other, _ = read_runs(written)
    assert good.name == "good"
    assert good.protocol == "otb"
    assert good.value("koi", "auc") == 0.9
    assert good.value("koi", "box_iou") == 0.9
    assert set(good.sequences["koi"]) == {"box_iou", "auc", "ao"}
    assert math.isnan(good.value("koi", "J"))
    assert good.means["auc"] == pytest.approx(0.75)
    assert good.attributes("eel") == {"blur", "scale"}
    assert good.attributes("carp") == frozenset()
    np.testing.assert_allclose(other.curves["success"].share, [1, 0.6, 0])


def test_masks_and_vot(vot):
    masks = {
        "result": "a",
        "dataset": "d",
        "mean": {"J": {"mean": 0.5}, "F": {"mean": 0.7}, "J&F": {"mean": 0.6}},
        "sequences": {"x": {"J": {"mean": 0.5}, "F": {"mean": 0.7}, "fps": 3.0}},
    }
    run = run_of(masks)
    assert run.value("x", "J&F") == pytest.approx(0.6)
    assert (run.protocol, run.fps, run.curves) == (None, None, {})
    run = run_of(vot)
    assert (run.protocol, run.means["eao"]) == ("multi-start", 0.3)
    assert run.lengths == "lengths of 2 to 3 frames, those of the sequences"
    told = run_of(vot | {"eao_interval_of": "vot2019"})
    assert told.lengths == "lengths of 2 to 3 frames, those of VOT2019"
    np.testing.assert_array_equal(run.curves["eao"].thresholds, [0, 1, 2, 3])
    assert math.isnan(run.value("crab", "robustness"))
    made = compare([run, replace(run, name="kcf", means={**run.means, "eao": 0.4})], resamples=50)
    assert made.main == "eao"
    assert [r.name for r in made.runs] == ["kcf", "csrt"]
    assert math.isnan(made.cells["kcf", "eao"].low)  # EAO is no mean over sequences
    assert made.by_sequence == ("accuracy", "robustness")


def test_ranks_and_intervals(written):
    made = compare(read_runs(written), resamples=3000, seed=4)
    assert made.main == "auc"
    assert made.figures == ("auc", "ao", "box_iou")
    assert [run.name for run in made.runs] == ["good", "<script>alert(1)</script>", "=poor()"]
    cell = made.cells["good", "auc"]
    assert (cell.value, cell.rank) == (pytest.approx(0.75), 1)
    theirs = stats.bootstrap(
        ([0.9, 0.8, 0.7, 0.6],), np.mean, n_resamples=3000, method="percentile",
        rng=np.random.default_rng(4),
    ).confidence_interval  # fmt: skip
    assert (cell.low, cell.high) == pytest.approx(tuple(theirs))
    shares = [made.cells[run.name, "auc"].best for run in made.runs]
    assert sum(shares) == pytest.approx(1)
    assert shares[0] > shares[1] > shares[2]
    assert made.worst(2) == ["carp", "<b>pike</b>"]  # means 0.47 and 0.50


def test_equal_values_share_a_rank_and_low_is_good_for_failures(vot):
    runs = []
    for name, failures in (("a", 2.0), ("b", 1.0), ("c", 2.0), ("d", None)):
        total = {"accuracy": 0.5, "failures": failures}
        sequences = {"x": {"failures": failures}, "y": {"failures": failures}}
        runs.append(run_of({**vot, "result": name, "total": total, "sequences": sequences}))
    made = compare(runs, "failures", resamples=20)
    ranks = {run.name: made.cells[run.name, "failures"].rank for run in made.runs}
    assert ranks == {"a": 2, "b": 1, "c": 2, "d": None}
    assert [run.name for run in made.runs] == ["b", "a", "c", "d"]
    assert made.cells["b", "failures"].best == 1
    assert made.worst(1) == ["y"] or made.worst(1) == ["x"]
    assert shown(1.0, "failures") == "1.00"
    assert shown(0.5, "auc") == "50.0"
    assert shown(math.nan, "auc") == "-"


def test_attributes(written):
    made = compare(read_runs(written), resamples=20)
    rows = made.attributes("auc")
    assert [(word, count) for word, count, _ in rows] == [("blur", 2), ("scale", 1)]
    assert rows[0][2] == pytest.approx([0.75, 0.7, 0.2])
    assert rows[1][2] == pytest.approx([0.6, 0.9, 0.2])


def test_objects_belong_to_their_videos():
    """Attributes and draws are those of videos; the mean is over objects."""
    j = {"dogs 1": 0.2, "dogs 2": 0.4, "pigs 1": 0.9}
    data = {
        "result": "a",
        "dataset": "d",
        "mean": {"J": {"mean": 0.5}},
        "sequences": {k: {"J": {"mean": v}, "video": k[:4], "category": "x"} for k, v in j.items()},
        "about": {"attributes": {"dogs": ["blur"]}},
    }
    made = compare([run_of(data)], resamples=400, seed=1)
    assert made.videos == ["dogs", "dogs", "pigs"]
    assert made.attributes("J") == [("blur", 2, [pytest.approx(0.3)])]
    assert made.worst(5) == ["dogs", "pigs"]
    cell = made.cells["a", "J"]
    assert cell.value == 0.5
    # Drawn are dogs twice, pigs twice, or one of each: means 0.3, 0.9, 0.5.
    assert (cell.low, cell.high) == (pytest.approx(0.3), pytest.approx(0.9))


def test_runs_over_other_sequences_are_compared_on_the_common_ones(written):
    runs = read_runs(written)
    fewer = {k: v for k, v in runs[0].sequences.items() if k in {"koi", "eel"}}
    runs[0] = replace(runs[0], sequences=fewer, means={"auc": 0.75})
    made = compare(runs, resamples=20)
    assert made.sequences == ("koi", "eel")
    assert made.cells["<script>alert(1)</script>", "auc"].value == pytest.approx(0.7)
    with pytest.raises(InputError, match="no sequence in common"):
        compare([replace(runs[0], sequences={"a": {}}), runs[1]])
    with pytest.raises(
        InputError, match="figure 'J' was not measured of all runs; choose from auc"
    ):
        compare(runs, "J")


def test_figures_of_a_whole_run_are_left_out_where_runs_have_other_sequences(vot):
    """Failures are a sum, EAO is of all together: neither can be had of some sequences."""
    runs = []
    for name, counts in (("a", (1, 2, 3)), ("b", (2, 2))):
        values = dict(zip("xyz", counts, strict=False))
        sequences = {k: {"failures": v, "accuracy": v / 4} for k, v in values.items()}
        total = {"failures": sum(counts), "accuracy": np.mean(counts) / 4, "eao": 0.3}
        runs.append(run_of({**vot, "result": name, "sequences": sequences, "total": total}))
    made = compare(runs, resamples=20)
    assert (made.main, made.figures, made.left_out) == (
        "accuracy",
        ("accuracy",),
        ("eao", "failures"),
    )
    assert {run.name: made.cells[run.name, "accuracy"].value for run in runs} == {
        "a": 0.375,
        "b": 0.5,
    }
    assert not made.whole
    assert "left out: EAO, failures." in as_markdown(made)
    assert "Expected average overlap" not in page(made)
    assert "left out: EAO, failures." in page(made)
    with pytest.raises(InputError, match="'failures' is known over all of a run only"):
        compare(runs, "failures")
    assert compare(runs[:1], resamples=20).left_out == ()


def test_expected_overlaps_of_other_lengths_are_not_ranked(vot):
    runs = [run_of(vot), run_of({**vot, "result": "b", "eao_interval": [2, 4]})]
    with pytest.raises(InputError, match=r"of 2 to 3 frames.* and lengths of 2 to 4 frames"):
        compare(runs)


def test_what_does_not_belong_together_is_told(written, tmp_path):
    with pytest.raises(InputError, match="two runs are named 'good'"):
        read_runs([written[0], written[0]])
    assert [r.name for r in read_runs([written[0], f"again={written[0]}"])] == ["good", "again"]
    path = tmp_path / "other.json"
    data = json.loads((tmp_path / "run0" / "scores.json").read_text())
    for change, message in (
        ({"dataset": "sea"}, "of several data sets"),
        ({"boxes": {**data["boxes"], "protocol": "lasot"}}, "of several protocols"),
    ):
        path.write_text(json.dumps({**data, "result": "x", **change}))
        with pytest.raises(InputError, match=message):
            read_runs([written[0], str(path)])


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "{}", '{"result": "a", "dataset": "b", "sequences": {}, "mean": {}}', "3",
     '{"result": "a", "dataset": "b", "sequences": {"x": 3}, "mean": {}}',
     '{"result": "a", "dataset": "b", "sequences": {"x": {"J": {"mean": "y"}}}, "mean": {}}',
     '{"result": "a", "dataset": "b", "sequences": {"x": {}}, "mean": {}, "boxes": {"protocol": '
     '"otb", "mean": {}, "curves": {"success": {"thresholds": [1], "share": []}}}}'],
)  # fmt: skip
def test_files_without_scores_are_told(text, tmp_path):
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(InputError, match="holds no scores"):
        read_run(path)
    with pytest.raises(InputError, match="holds no scores"):
        read_run(tmp_path / "none")

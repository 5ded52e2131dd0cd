"""``spectrack evaluate`` on data sets of boxes, end to end."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from spectrack.datasets.otb import Otb
from spectrack.structures import Box


@pytest.fixture
def otb(tmp_path, clip, frames_folder):
    """The pond as a sequence of OTB; one frame is not annotated."""
    root = tmp_path / "otb"
    shutil.copytree(frames_folder, root / "Pond" / "img")
    boxes = [f"{b.x + 1:g}\t{b.y + 1:g}\t{b.w:g}\t{b.h:g}" for b in clip.boxes]
    boxes[4] = "nan\tnan\tnan\tnan"
    (root / "Pond" / "groundtruth_rect.txt").write_text("\n".join(boxes) + "\n")
    return root


def test_a_tracker_on_boxes(spectrack, otb, clip, tmp_path, still):
    """The still tracker stays in the first box."""
    out, report = tmp_path / "runs", tmp_path / "report"
    args = ("evaluate", "--dataset", "otb", "--root", otb)
    run = ("--tracker", still, "--no-clean", "--out", out)
    ran = spectrack(*args, *run, "--report", report, "--json")
    assert ran.status == 0, ran
    answer = json.loads(ran.out)
    first = clip.boxes[0]
    overlaps = [first.iou(box) for box in clip.boxes]
    overlaps[4] = 0
    assert answer["boxes"]["protocol"] == "otb"
    found = answer["sequences"]["Pond"]["boxes"]
    assert found["frames"] == 10
    assert found["ao"] == pytest.approx(np.mean(overlaps), abs=1e-9)
    assert answer["report"] == str(report)
    said = json.loads((report / "scores.json").read_text())
    assert said["sequences"]["Pond"]["boxes"]["overlap_per_frame"] == pytest.approx(overlaps)
    assert (report / "report.html").is_file()
    assert said["about"]["run"]["settings"]["tracker"] == still
    assert said["about"]["source"]["dataset"] == {"name": "otb", "root": str(otb), "options": {}}
    again = spectrack(*args, "--results", out, "--protocol", "got10k")
    assert "boxes by protocol got10k" in again.out
    del overlaps[4], overlaps[0]
    assert f"{100 * np.mean(overlaps):.1f}" in again.out


def test_report_is_not_overwritten_silently(spectrack, otb, tmp_path, still):
    args = ("evaluate", "--dataset", "otb", "--root", otb, "--tracker", still, "--no-clean")
    args = (*args, "--out", tmp_path / "runs", "--report", tmp_path / "report")
    assert spectrack(*args).status == 0
    again = spectrack(*args)
    assert again.status == 2
    assert "pass --overwrite" in again.err
    over = spectrack(*args, "--overwrite")
    assert over.status == 0
    assert f"report in {tmp_path / 'report'}" in over.out


def test_mistakes(spectrack, otb, tmp_path):
    def refused(*args):
        ran = spectrack("evaluate", "--root", otb, "--results", tmp_path, *args)
        assert ran.status == 2, ran
        return ran.err

    assert "did you mean got10k?" in refused("--dataset", "otb", "--protocol", "got-10k")
    assert "has no option split" in refused("--dataset", "otb", "--split", "val")
    assert "no sequences of VOT" in refused("--dataset", "vot")
    assert "lacks sequence 'Pond'" in refused("--dataset", "otb")


@pytest.mark.data
def test_kcf_on_real_frames(spectrack, data_root, tmp_path):
    """The figures are those of the boxes it left; frames in which it lost the target count 0."""
    args = ("--dataset", "otb", "--root", data_root / "otb", "--sequences", "Crossing", "--json")
    ran = spectrack("evaluate", "--tracker", "kcf", "--out", tmp_path / "kcf", *args)
    assert ran.status == 0, ran
    found = json.loads(ran.out)["sequences"]["Crossing"]["boxes"]
    truth = Otb(data_root / "otb")["Crossing"]
    with (tmp_path / "kcf" / "Crossing" / "boxes.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["frame"] for row in rows] == [f"{t:04d}" for t in range(1, 121)]
    overlaps = [
        Box(*(float(row[k]) for k in "xywh")).iou(truth.truth_box(t)) if row["x"] else 0
        for t, row in enumerate(rows)
    ]
    assert 0 in overlaps
    assert found["ao"] == pytest.approx(np.mean(overlaps))
    assert found["sr50"] == pytest.approx(np.mean(np.array(overlaps) > 0.5))


def test_vot_with_restarts_is_run_kept_and_scored(spectrack, otb, tmp_path):
    out = tmp_path / "runs"
    data = ("--dataset", "otb", "--root", otb, "--mode", "supervised", "--json")
    first = spectrack("evaluate", "--tracker", "kcf", "--out", out, *data)
    assert first.status == 0, first.err
    said = json.loads(first.out)
    assert (said["mode"], list(said["sequences"])) == ("supervised", ["Pond"])
    lines = (out / "Pond" / "Pond_001.txt").read_text().splitlines()
    assert lines[0] == "1"
    assert said["total"]["failures"] == lines.count("2")
    assert json.loads(spectrack("evaluate", "--results", out, *data).out) == said
    shown = spectrack("evaluate", "--results", out, *data[:-1]).out
    assert "EAO over lengths of" in shown
    other = spectrack("evaluate", "--results", out, *data[:-2], "multi-start")
    assert other.status == 2
    assert "was made with --mode supervised; give that here, too" in other.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--mode", "twice"), "mode 'twice' does not exist"),
        (("--jobs", "0"), "--jobs 0 was given"),
        (("--threads", "-1"), "--threads -1 was given"),
    ],
)
def test_wrong_ways_of_running_are_told(spectrack, otb, tmp_path, words, told):
    data = ("--dataset", "otb", "--root", otb, "--out", tmp_path / "o")
    answer = spectrack("evaluate", "--tracker", "kcf", *data, *words)
    assert answer.status == 2
    assert told in answer.err

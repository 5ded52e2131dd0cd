"""Boxes of tracks and folders, scored by protocols against truth of boxes, masks and polygons."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.report import as_dict, box_rows_of, tables
from spectrack.evaluation.report_folder import write_report
from spectrack.evaluation.score import score_folder, score_track
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track
from spectrack.video.frames import ArrayFrames

SIZE = (80, 60)
TRUTH = [Box(10 + 2 * t, 20, 10, 20) for t in range(6)]
ANSWERS = [
    TRUTH[0],
    TRUTH[1],
    Box(14, 20, 10, 10),  # half of it: 0.5
    None,
    Box(28, 20, 10, 20),  # shifted by its width: 0
    Box(20, 20, 20, 20),  # twice as wide: 0.5
]
OVERLAPS = [1, 1, 0.5, 0, 0, 0.5]


def sequence(name="ball", truth=TRUTH, polygons=None):
    frames = ArrayFrames(np.zeros((len(truth), SIZE[1], SIZE[0], 3), np.uint8))
    stems = tuple(f"{t + 1:04d}" for t in range(len(truth)))
    read = None if polygons is None else polygons.__getitem__
    return VideoSequence(name, stems, lambda: frames, read_box=truth.__getitem__, read_polygon=read)


def track(answers=ANSWERS, stems=None):
    out = Track(SIZE)
    for t, box in enumerate(answers):
        found = box is not None
        out.append(Prediction(box, None, float(found), found), stems and stems[t])
    return out


@pytest.fixture
def folder(tmp_path):
    """A result folder of two sequences; the second has the truth as its answer."""
    balls = Dataset("balls", [sequence("ball"), sequence("moon")])
    track(ANSWERS, balls["ball"].stems).save(tmp_path / "mine" / "ball")
    track(TRUTH, balls["moon"].stems).save(tmp_path / "mine" / "moon")
    for name in balls:  # box trackers leave no masks
        for path in (tmp_path / "mine" / name / "masks").iterdir():
            path.unlink()
        (tmp_path / "mine" / name / "masks").rmdir()
    return tmp_path / "mine", balls


def test_protocols_choose_their_frames():
    def overlaps(protocol):
        return score_track(track(), sequence(), protocol=protocol).boxes.overlaps.tolist()

    assert overlaps("otb") == OVERLAPS
    assert overlaps("lasot") == OVERLAPS
    assert overlaps("got10k") == OVERLAPS[1:]
    assert overlaps("vot") == OVERLAPS[1:]
    assert overlaps("davis") == OVERLAPS[1:-1]
    with pytest.raises(InputError, match="protocol 'uav' is unknown; choose one of otb"):
        overlaps("uav")


def test_the_first_answer_never_counts():
    lost = track([None, *ANSWERS[1:]])
    assert score_track(lost, sequence(), protocol="otb").boxes.overlaps.tolist() == OVERLAPS


def test_answers_that_are_not_found_do_not_count():
    sure = track()
    sure.entries[1] = type(sure.entries[1])(TRUTH[1], None, 0.1, found=False)
    score = score_track(sure, sequence(), protocol="otb")
    assert score.boxes.overlaps.tolist() == [1, 0, *OVERLAPS[2:]]


def test_frames_without_truth():
    holes = [*TRUTH[:4], None, TRUTH[5]]
    score = score_track(track(), sequence(truth=holes), protocol="lasot")
    assert score.boxes.overlaps.tolist() == [1, 1, 0.5, 0, 0.5]
    score = score_track(track(), sequence(truth=holes), protocol="otb")
    assert score.boxes.overlaps.tolist() == [1, 1, 0.5, 0, 0, 0.5]
    blind = sequence("blind", truth=[None] * 6)
    with pytest.raises(InputError, match="sequence 'blind' of track cannot be scored: none of 6"):
        score_track(track(), blind, protocol="lasot")


def test_polygons_of_the_truth():
    """A diamond in the box has half of its area."""
    diamond = np.array([[15, 20], [20, 30], [15, 40], [10, 30]], float)
    still = [Box(10, 20, 10, 20)] * 3
    given = sequence(truth=still, polygons=[diamond] * 3)
    score = score_track(track(still), given, protocol="vot")
    assert score.boxes.overlaps == pytest.approx([0.5, 0.5])
    score = score_track(track(still), given, protocol="lasot")
    assert score.boxes.overlaps.tolist() == [1, 1, 1]


def test_bounded_protocols_know_the_frames():
    """Both boxes end at the right border of the frame."""
    truth = [Box(60, 10, 20, 20)] * 3
    wide = track([Box(60, 10, 40, 20)] * 3)
    assert score_track(wide, sequence(truth=truth), protocol="got10k").boxes.overlaps.tolist() == [
        1,
        1,
    ]
    assert score_track(wide, sequence(truth=truth), protocol="vot").boxes.overlaps.tolist() == [
        0.5,
        0.5,
    ]


def test_masks_have_boxes_too(ponds, clips, track_of):
    """Beside J and F: overlap of tight boxes, in the frames that J counts."""
    moved = np.roll(clips["koi"].masks_thw, 2, axis=2)
    score = score_track(track_of(moved), ponds["koi"], protocol="davis")
    assert {"J", "F", "box_iou"} == set(score.values)
    np.testing.assert_array_equal(score.boxes.overlaps, score.values["box_iou"])
    assert score_track(track_of(moved), ponds["koi"]).boxes is None


def test_boxes_alone_are_no_empty_masks(clips, ponds, tmp_path, track_of):
    """What `track` leaves of a tracker of boxes is scored as its track is."""
    for name, clip in clips.items():
        alone = track_of(clip.masks_thw, boxes_only=True)
        alone.stems = list(clip.stems)
        alone.save(tmp_path / name)
        assert next((tmp_path / name / "masks").iterdir()).suffix == ".png"
    scores = score_folder(tmp_path, ponds)
    assert scores.measures == ["box_iou"]
    assert scores.mean("box_iou") == 1
    again = score_track(Track.load(tmp_path / "koi"), ponds["koi"])
    assert set(again.values) == {"box_iou"}


def test_folders_of_boxes(folder):
    root, balls = folder
    scores = score_folder(root, balls, protocol="otb")
    assert [s.boxes.overlaps.tolist() for s in scores.sequences] == [OVERLAPS, [1] * 6]
    assert scores.measures == []  # nothing by the rule of masks
    auc = [(20 + 20 + 10 + 0 + 0 + 10) / 21 / 6, 20 / 21]
    assert scores.box_figures()["auc"] == pytest.approx(np.mean(auc))
    assert scores.box_figures()["ao"] == pytest.approx((0.5 + 1) / 2)
    # 1, 1, 0.5, 0, 0, 0.5: 4 of 6 are above 0.45, 2 of 6 above 0.5.
    assert scores.box_curve("success")[9:11] == pytest.approx([(4 / 6 + 1) / 2, (2 / 6 + 1) / 2])
    path = root / "ball" / "boxes.csv"
    rows = list(csv.reader(io.StringIO(path.read_text())))
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows[:-1])
    with pytest.raises(InputError, match="lacks frames 0006 of sequence 'ball'"):
        score_folder(root, balls, protocol="otb")


def test_dictionary_and_tables(folder):
    root, balls = folder
    timings = {"ball": 10.0, "moon": 30.0}
    scores = score_folder(root, balls, protocol="otb", timings=timings)
    out = as_dict(scores, per_frame=True)
    assert json.loads(json.dumps(out, allow_nan=False)) == out
    assert out["boxes"]["protocol"] == "otb"
    assert out["boxes"]["mean"]["sr50"] == pytest.approx((2 / 6 + 1) / 2)
    curve = out["boxes"]["curves"]["success"]
    assert curve["thresholds"] == [i / 20 for i in range(21)]
    assert curve["share"] == pytest.approx(scores.box_curve("success").tolist())
    assert out["boxes"]["curves"]["precision"]["thresholds"][20] == 20
    ball = out["sequences"]["ball"]["boxes"]
    assert (ball["frames"], ball["overlap_per_frame"]) == (6, OVERLAPS)
    assert "overlap_per_frame" not in as_dict(scores)["sequences"]["ball"]["boxes"]
    headers, rows = box_rows_of(scores)
    assert headers == ["sequence", "AUC", "P", "norm. P", "AO", "SR0.5", "SR0.75", "fps"]
    assert [row[0] for row in rows] == ["ball", "moon", "mean"]
    assert rows[0][4:] == ["50.0", "33.3", "33.3", "10.0"]
    assert rows[2][4:] == ["75.0", "66.7", "66.7", "15.0"]
    screen = Console(file=io.StringIO(), width=120)
    screen.print(*tables(scores))
    shown = screen.file.getvalue()
    assert "mine on balls: boxes by protocol otb" in shown
    assert "box IoU" not in shown
    for cell in (*headers, *rows[0], *rows[2]):
        assert cell in shown


def test_report(folder, tmp_path):
    root, balls = folder
    scores = score_folder(root, balls, protocol="otb")
    out = tmp_path / "report"
    out.mkdir()
    write_report(out, scores, {"run": {"settings": {"tracker": "ours"}}})
    assert {path.name for path in out.iterdir()} == {"scores.json", "scores.md", "report.html"}
    whole = json.loads((out / "scores.json").read_text())
    assert whole.pop("about") == {"run": {"settings": {"tracker": "ours"}}}
    assert whole == as_dict(scores, per_frame=True)
    assert "| mean |" in (out / "scores.md").read_text()
    page = (out / "report.html").read_text()
    assert page.count('class="plot"') == 4  # the interval, success, and two of precision
    assert "<dd>ours</dd>" in page


def test_masks_alone_have_a_report_without_plots(result_folder, ponds, tmp_path):
    scores = score_folder(result_folder, ponds)
    assert scores.box_figures() == {}
    out = tmp_path / "report"
    out.mkdir()
    write_report(out, scores)
    assert {path.name for path in out.iterdir()} == {"scores.json", "scores.md", "report.html"}
    assert "| sequence | J |" in (out / "scores.md").read_text()

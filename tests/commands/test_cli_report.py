"""``spectrack report`` end to end."""

from __future__ import annotations

import json

import pytest

from spectrack.structures import Box, Prediction
from spectrack.tracks import Track


@pytest.fixture
def reports(spectrack, clip, frames_folder, tmp_path):
    """Two scored results of one sequence in the layout of OTB: the truth, and a box that stays."""
    from shutil import copytree

    root, made = tmp_path / "otb", []
    copytree(frames_folder, root / "Koi" / "img")
    boxes = [Box.from_mask(mask) for mask in clip.masks_thw]
    lines = [f"{b.x + 1:g},{b.y + 1:g},{b.w:g},{b.h:g}\n" for b in boxes]
    (root / "Koi" / "groundtruth_rect.txt").write_text("".join(lines))
    for name, answers in (("true", boxes), ("still", boxes[:1] * len(boxes))):
        track = Track(clip.size_wh)
        for stem, box in zip(clip.stems, answers, strict=True):
            track.append(Prediction(box), stem)
        track.save(tmp_path / name / "Koi")
        for mask in (tmp_path / name / "Koi" / "masks").iterdir():
            mask.unlink()
        (tmp_path / name / "Koi" / "masks").rmdir()
        report = tmp_path / f"report-{name}"
        args = ("--results", tmp_path / name, "--dataset", "otb", "--root", root)
        ran = spectrack("evaluate", *args, "--report", report, "--quiet")
        assert ran.status == 0, ran
        made.append(report)
    return made


def test_a_page_with_pictures(spectrack, reports, tmp_path):
    out = tmp_path / "page.html"
    ran = spectrack("report", *reports, "--out", out, "--resamples", "50", "--json")
    assert ran.status == 0, ran
    said = json.loads(ran.out)
    assert [run["name"] for run in said["runs"]] == ["true", "still"]
    assert said["runs"][0]["figures"]["auc"]["rank"] == 1
    text = out.read_text()
    assert text.count("data:image/jpeg;base64,") == 2
    assert str(tmp_path) not in text  # nothing of the machine
    again = spectrack("report", *reports, "--out", out)
    assert (again.status, "is there already" in again.err) == (2, True)
    ran = spectrack("report", *reports, "--out", out, "--overwrite", "--worst", "0")
    assert (ran.status, "data:image" in out.read_text()) == (0, False)
    assert "true" in ran.out.splitlines()[1]


def test_results_that_are_gone_leave_out_the_pictures(spectrack, reports, tmp_path):
    (tmp_path / "otb").rename(tmp_path / "moved")
    ran = spectrack("report", *reports, "--out", tmp_path / "page.html", "--resamples", "20")
    assert ran.status == 0
    assert "pictures of the worst sequences are left out" in ran.err
    assert "data:image" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("kind", ["md", "tex", "csv", "json"])
def test_tables(spectrack, reports, tmp_path, kind):
    out = tmp_path / f"a.{kind}"
    ran = spectrack("report", *reports, f"third={reports[1]}", "--out", out, "--main", "ao")
    assert ran.status == 0, ran
    text = out.read_text()
    assert "third" in text
    assert "true" in text


def test_what_is_wrong_is_one_sentence(spectrack, reports, tmp_path):
    out = tmp_path / "a.html"
    for args, message in (
        ((*reports, "--out", tmp_path / "a.pdf"), "expected a name in .html"),
        ((*reports, "--out", tmp_path / "no" / "a.html"), "does not exist; make it first"),
        ((tmp_path, "--out", out), "holds no scores"),
        ((reports[0], reports[0], "--out", out), "two runs are named 'true'"),
        ((*reports, "--out", out, "--main", "J"), "figure 'J' was not measured"),
        ((*reports, "--out", out, "--resamples", "0"), "at least 1"),
        ((*reports, "--out", out, "--worst", "-1"), "at least 0"),
    ):
        ran = spectrack("report", *args)
        assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1), (args, ran)
        assert message in ran.err
    assert not out.exists()

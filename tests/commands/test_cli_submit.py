"""``spectrack submit`` end to end, on a made-up folder of OTB."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import pytest

from spectrack.evaluation.submissions.table import BENCHMARKS
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track


@pytest.fixture
def otb(tmp_path, clip, frames_folder, monkeypatch):
    """A data set of one sequence, results for it, and a benchmark that takes them."""
    from shutil import copytree

    root, runs = tmp_path / "otb", tmp_path / "kcf"
    copytree(frames_folder, root / "Koi" / "img")
    lines, track = [], Track(clip.size_wh)
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        box = Box.from_mask(mask)
        lines.append(f"{box.x + 1:g},{box.y + 1:g},{box.w:g},{box.h:g}\n")
        track.append(Prediction(box), stem)
    (root / "Koi" / "groundtruth_rect.txt").write_text("".join(lines))
    track.save(runs / "Koi")
    monkeypatch.setitem(BENCHMARKS, "lasot", replace(BENCHMARKS["lasot"], dataset="otb"))
    return root, runs


def test_a_pack_is_written_and_checked(spectrack, otb, tmp_path):
    (root, runs), out = otb, tmp_path / "kcf.zip"
    args = ("--benchmark", "lasot", "--root", root)
    ran = spectrack("submit", runs, *args, "--out", out, "--json")
    assert ran.status == 0, ran
    said = json.loads(ran.out)
    assert (said["ok"], said["files"], said["problems"]) == (True, 1, [])
    assert zipfile.ZipFile(out).namelist() == ["Koi.txt"]
    assert spectrack("submit", runs, *args, "--out", out).status == 2  # it is there
    assert spectrack("submit", runs, *args, "--out", out, "--overwrite").status == 0
    good = spectrack("submit", "--check", out, *args)
    assert (good.status, "is as OTB" in good.out) == (0, True), good
    with zipfile.ZipFile(out, "w") as pack:
        pack.writestr("Koi.txt", "1,2,3,4\n")
        pack.writestr("more.txt", "")
    bad = spectrack("submit", "--check", out, *args)
    assert bad.status == 1
    assert "would be refused" in bad.out
    assert "more.txt does not belong there" in bad.out
    assert "Koi.txt has 1 lines; expected 10" in bad.out
    listed = json.loads(spectrack("submit", "--check", out, *args, "--json").out)
    assert (listed["ok"], len(listed["problems"])) == (False, 2)


def test_the_list_of_benchmarks(spectrack):
    assert list(json.loads(spectrack("submit", "--json").out)) == list(BENCHMARKS)


def test_what_is_wrong_is_one_sentence(spectrack, otb, tmp_path):
    root, runs = otb
    given = ("--benchmark", "lasot", "--root", root)
    for args, message in (
        ((runs, "--benchmark", "lasott"), "did you mean lasot?"),
        ((runs, "--benchmark", "lasot"), "--root is missing"),
        ((runs, *given), "--out is missing"),
        ((runs, *given, "--out", tmp_path / "a.rar"), "ending in .zip"),
        ((runs, *given, "--out", tmp_path / "no" / "a.zip"), "does not exist; make it first"),
        (given, "give either RESULTS to pack"),
        ((runs, *given, "--check", runs), "give either RESULTS to pack"),
        (("--check", tmp_path / "none.zip", *given), "is no file; give a pack"),
        ((tmp_path, *given, "--out", tmp_path / "a.zip"), "lacks sequence 'Koi'"),
    ):
        ran = spectrack("submit", *args)
        assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1), (args, ran)
        assert message in ran.err, ran.err
    assert not list(tmp_path.glob("*.zip*"))

"""Packs of every benchmark: what is in them, and that ours pass our own check."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from spectrack.datasets.base import Dataset
from spectrack.errors import InputError
from spectrack.evaluation.submissions.base import Job, check_pack, write_pack
from spectrack.evaluation.submissions.table import BENCHMARKS
from spectrack.structures import Box
from spectrack.tracks import davis_palette

MASKS, BOXES = ("davis2017", "youtube-vos", "mose"), ("got10k", "trackingnet", "lasot")


@pytest.fixture
def job(request, ponds, box_ponds, results, box_results, vis):
    """What to pack for the benchmark of the test."""
    name = request.getfixturevalue("name")
    boxes = name in BOXES or name == "vot"
    dataset, folder = (box_ponds, box_results) if boxes else (ponds, results)
    dataset = vis if name == "youtube-vis" else dataset
    return Job(dataset=dataset, results=folder, tracker="ours")


def packed(name, job, tmp_path):
    path = tmp_path / "pack.zip"
    names = write_pack(BENCHMARKS[name], job, path)
    assert zipfile.ZipFile(path).namelist() == names
    return path


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_our_packs_pass_our_check(name, job, tmp_path):
    path = packed(name, job, tmp_path)
    assert check_pack(BENCHMARKS[name], job, path) == []
    first = path.read_bytes()
    assert packed(name, job, tmp_path).read_bytes() == first  # the same bytes again


@pytest.mark.parametrize("name", MASKS)
def test_masks(name, job, ponds, tmp_path):
    top = "Annotations/" if name == "youtube-vos" else ""
    with zipfile.ZipFile(packed(name, job, tmp_path)) as pack:
        assert len(pack.namelist()) == 7
        for sequence in ponds.values():
            for t, stem in enumerate(sequence.stems):
                with Image.open(io.BytesIO(pack.read(f"{top}{sequence.name}/{stem}.png"))) as png:
                    assert png.mode == "P"
                    palette = np.array(png.getpalette("RGB")).reshape(-1, 3)
                    np.testing.assert_array_equal(palette[:8], davis_palette()[:8])
                    np.testing.assert_array_equal(np.asarray(png), sequence.read_objects(t))


@pytest.mark.parametrize("name", BOXES)
def test_boxes(name, job, tmp_path):
    """Lines by hand: the third frame is lost, so it repeats the second."""
    inside = {"got10k": "koi/koi_001.txt"}.get(name, "koi.txt")
    with zipfile.ZipFile(packed(name, job, tmp_path)) as pack:
        lines = pack.read(inside).decode().splitlines()
        rows = [[float(v) for v in line.split(",")] for line in lines]
        assert rows == [[1, 2, 6, 6], [2, 2, 6, 6], [2, 2, 6, 6], [4, 2, 6, 6]]
        if name == "got10k":
            times = pack.read("koi/koi_time.txt").decode().splitlines()
            assert [float(line) for line in times] == [0.05] * 4
            assert len(pack.namelist()) == 4


@pytest.mark.parametrize("name", ["youtube-vis"])
def test_instances(name, job, ponds, tmp_path):
    with zipfile.ZipFile(packed(name, job, tmp_path)) as pack:
        answers = json.loads(pack.read("results.json"))
    assert [(a["video_id"], a["category_id"]) for a in answers] == [
        (10, 7),
        (10, 3),
        (11, 7),
        (11, 3),
    ]
    assert answers[0]["score"] == 0.8
    for answer, (key, object_id) in zip(
        answers, [("koi", 1), ("koi", 2), ("carp", 1), ("carp", 2)], strict=True
    ):
        for t, value in enumerate(answer["segmentations"]):
            truth = ponds[key].truth_object(t, object_id)
            mask = np.zeros_like(truth) if value is None else coco.decode(value).astype(bool)
            np.testing.assert_array_equal(mask, truth)


@pytest.mark.parametrize("name", ["vot"])
def test_vot(name, job, box_results, tmp_path):
    with zipfile.ZipFile(packed(name, job, tmp_path)) as pack:
        place = "results/ours/unsupervised/koi/koi_001.txt"
        lines = pack.read(place).decode().splitlines()
        assert lines[0] == "1"
        assert [float(v) for v in lines[1].split(",")] == [2, 2, 6, 6]
        assert lines[2] == "nan,nan,nan,nan"
        assert 'tracker: "ours"' in pack.read("manifest.yml").decode()


@pytest.mark.parametrize("name", ["vot"])
def test_runs_from_anchors_are_packed_as_they_are(name, job, tmp_path, box_ponds):
    runs = tmp_path / "anchored"
    for key, sequence in box_ponds.items():
        (runs / key).mkdir(parents=True)
        (runs / key / f"{key}_00000000.txt").write_text("1\n" + "1,2,3,4\n" * (len(sequence) - 1))
        (runs / key / f"{key}_00000001.txt").write_text("1\nm1,2,1,1,0,1\n")
    job = Job(dataset=box_ponds, results=runs, tracker="ours")
    path = packed(name, job, tmp_path)
    assert "results/ours/baseline/koi/koi_00000001.txt" in zipfile.ZipFile(path).namelist()
    assert check_pack(BENCHMARKS[name], job, path) == []
    with pytest.raises(InputError, match="cannot name a folder"):
        write_pack(BENCHMARKS[name], Job(dataset=box_ponds, results=runs, tracker="../x"), path)


@pytest.mark.parametrize("name", ["davis2017"])
def test_results_that_do_not_fit_are_not_packed(name, job, results, ponds, tmp_path):
    from shutil import copytree

    from spectrack.tracks import write_index_png

    folder = tmp_path / "mine"
    copytree(results, folder)
    path, mask = tmp_path / "pack.zip", folder / "carp" / "masks" / "00005.png"
    mine = Job(dataset=ponds, results=folder)
    for content, message in (
        (np.full((16, 20), 9, np.uint8), "holds object 9, which sequence 'carp' does not have"),
        (np.zeros((8, 8), np.uint8), "is 8x8 but the frames are 20x16"),
    ):
        write_index_png(mask, content)
        with pytest.raises(InputError, match=message):
            write_pack(BENCHMARKS[name], mine, path)
    mask.write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be read"):
        write_pack(BENCHMARKS[name], mine, path)
    mask.unlink()
    with pytest.raises(InputError, match=r"00005\.png is missing"):
        write_pack(BENCHMARKS[name], mine, path)
    assert not path.exists()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", BOXES)
def test_runs_that_were_cut_off_are_not_packed(name, job, box_ponds, tmp_path):
    """Truth of a test part is known in the first frame alone, but its server wants all."""
    folder = tmp_path / "mine"
    shutil.copytree(job.results, folder)
    shutil.rmtree(folder / "koi" / "masks", ignore_errors=True)
    boxes = folder / "koi" / "boxes.csv"
    boxes.write_text("".join(boxes.read_text().splitlines(keepends=True)[:-2]))
    hidden = [
        replace(one, ignored=frozenset(range(1, len(one.stems)))) for one in box_ponds.values()
    ]
    mine = replace(job, dataset=Dataset("hidden", hidden), results=folder)
    with pytest.raises(InputError, match="lacks frames 00010, 00015 of sequence 'koi'"):
        write_pack(BENCHMARKS[name], mine, tmp_path / "pack.zip")


@pytest.mark.parametrize("name", ["lasot"])
def test_the_given_box_comes_first(name, job, box_ponds):
    from spectrack.evaluation.submissions.boxes import boxes_of

    assert boxes_of(job.results, box_ponds["carp"])[0] == Box(1, 2, 6, 6)

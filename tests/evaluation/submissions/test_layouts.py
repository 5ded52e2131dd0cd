"""Packs for data sets in their own layouts, as our readers open them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from box_folders import write_images, write_text
from mask_folders import id_map, write_sequence
from spectrack.datasets import open_dataset
from spectrack.datasets.table import DATASETS
from spectrack.errors import InputError
from spectrack.evaluation.submissions.base import Job, check_pack, write_pack
from spectrack.evaluation.submissions.table import BENCHMARKS
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, write_index_png

STEMS = ["00000", "00001", "00002"]
IDS = [id_map((1, 2, 3, 6, 5), (2, 20, 4, 5, 5)), id_map((1, 3, 3, 6, 5)), id_map((2, 1, 1, 4, 4))]


def opened(name, root):
    benchmark = BENCHMARKS[name]
    return open_dataset(benchmark.dataset, root, **benchmark.options)


def test_every_benchmark_names_a_data_set():
    for benchmark in BENCHMARKS.values():
        assert benchmark.dataset in DATASETS
        options = DATASETS[benchmark.dataset].load().Options()
        assert all(hasattr(options, name) for name in benchmark.options)


def test_davis_whose_truth_is_hidden(tmp_path):
    """Of the test split only the first frames are annotated; results are packed all the same."""
    hidden = [IDS[0], None, None]
    root, runs = tmp_path / "davis", tmp_path / "runs"
    write_sequence(root, "JPEGImages/480p", "Annotations/480p", "dogs", hidden, STEMS)
    write_text(root / "ImageSets" / "2017" / "val.txt", "dogs\n")
    (runs / "dogs").mkdir(parents=True)
    for stem, ids in zip(STEMS, IDS, strict=True):
        write_index_png(runs / "dogs" / f"{stem}.png", ids)
    job = Job(dataset=opened("davis2017", root), results=runs)
    names = write_pack(BENCHMARKS["davis2017"], job, tmp_path / "a.zip")
    assert names == [f"dogs/{stem}.png" for stem in STEMS]
    assert check_pack(BENCHMARKS["davis2017"], job, tmp_path / "a.zip") == []
    write_index_png(runs / "dogs" / "00002.png", np.full((24, 32), 3, np.uint8))
    with pytest.raises(InputError, match="holds object 3"):
        write_pack(BENCHMARKS["davis2017"], job, tmp_path / "b.zip")


def test_got10k_whose_truth_is_hidden(tmp_path):
    root, runs, name = tmp_path / "got", tmp_path / "runs", "GOT-10k_Test_000001"
    write_images(root / "test" / name, range(1, 4), digits=8)
    write_text(root / "test" / name / "groundtruth.txt", "1.0,2.0,9.0,8.0\n")
    write_text(root / "test" / "list.txt", f"{name}\n")
    track = Track((32, 24))
    for number, box in enumerate((Box(0, 0, 1, 1), Box(2, 2, 9, 8), None), start=1):
        track.append(Prediction(box, None, found=box is not None), f"{number:08d}")
    track.save(runs / name)
    for mask in (runs / name / "masks").iterdir():
        mask.unlink()
    (runs / name / "masks").rmdir()
    job = Job(dataset=opened("got10k", root), results=runs)
    write_pack(BENCHMARKS["got10k"], job, tmp_path / "a.zip")
    assert check_pack(BENCHMARKS["got10k"], job, tmp_path / "a.zip") == []
    with zipfile.ZipFile(tmp_path / "a.zip") as pack:
        lines = pack.read(f"{name}/{name}_001.txt").decode().splitlines()
    first = [float(v) for v in lines[0].split(",")]
    assert first == [1, 2, 9, 8]  # the given box, whatever the result says
    assert [float(v) for v in lines[2].split(",")] == [2, 2, 9, 8]


def test_the_guide_lists_every_benchmark():
    guide = Path(__file__).resolve().parents[3] / "docs" / "guides" / "submit.md"
    names = [line.split("`")[1] for line in guide.read_text().splitlines() if line[:3] == "| `"]
    assert [name for name in names if name != "--benchmark"] == list(BENCHMARKS)

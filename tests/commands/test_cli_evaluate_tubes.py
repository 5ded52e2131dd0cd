"""``spectrack evaluate`` on a results.json of YouTube-VIS, and T of contours."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from spectrack.structures import Mask
from spectrack.tracks import write_index_png

SIZE = (48, 32)


def run_lengths(x):
    mask = np.zeros((SIZE[1], SIZE[0]), bool)
    mask[8:20, x : x + 12] = True
    packed = Mask.encode(mask)
    return {"size": [SIZE[1], SIZE[0]], "counts": packed.counts.decode()}


@pytest.fixture
def vis(tmp_path):
    """One video of three frames with one cat."""
    images = tmp_path / "vis" / "train" / "JPEGImages" / "yard"
    images.mkdir(parents=True)
    names = [f"yard/{t:05d}.jpg" for t in range(3)]
    for name in names:
        Image.new("RGB", SIZE).save(images.parent / name)
    data = {
        "videos": [{"id": 4, "file_names": names, "width": SIZE[0], "height": SIZE[1]}],
        "categories": [{"id": 2, "name": "cat"}],
        "annotations": [
            {
                "id": 1,
                "video_id": 4,
                "category_id": 2,
                "segmentations": [run_lengths(4), run_lengths(6), None],
            }
        ],
    }
    (tmp_path / "vis" / "train" / "instances.json").write_text(json.dumps(data))
    return tmp_path / "vis"


def test_average_precision(spectrack, vis, tmp_path):
    """Shifted by 3 of 12 columns: 9 / 15 of every mask agree, above 0.5, 0.55 and 0.6."""
    found = [run_lengths(7), run_lengths(9), None]
    track = {"video_id": 4, "category_id": 2, "score": 0.5, "segmentations": found}
    path = tmp_path / "results.json"
    path.write_text(json.dumps([track]))
    args = ("evaluate", "--results", path, "--dataset", "youtube_vis", "--split", "train")
    args += ("--root", vis)
    said = json.loads(spectrack(*args, "--json").out)
    assert said["mean"]["ap"] == pytest.approx(0.3)
    assert (said["mean"]["ap50"], said["mean"]["ap75"]) == (1, 0)
    assert said["mean"]["ap_large"] is None
    assert "30.0" in spectrack(*args).out
    refused = spectrack(*args, "--report", tmp_path / "report")
    assert refused.status == 2
    assert "--report is for folders" in refused.err


def test_steadiness_of_contours(spectrack, vis, tmp_path):
    """Masks that only move have none of the cost."""
    folder = tmp_path / "mine" / "yard"
    folder.mkdir(parents=True)
    for t, x in enumerate((4, 6, 9)):
        mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
        mask[8:20, x : x + 12] = 1
        write_index_png(folder / f"{t:05d}.png", mask)
    args = ("--results", tmp_path / "mine", "--dataset", "youtube_vis", "--split", "train")
    said = json.loads(spectrack("evaluate", *args, "--root", vis, "--contours", "--json").out)
    assert said["mean"]["T"]["mean"] == pytest.approx(0, abs=1e-9)
    assert said["mean"]["J"]["mean"] == pytest.approx(0.5)  # exact, then out of sight

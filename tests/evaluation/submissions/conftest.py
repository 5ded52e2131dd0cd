"""Two sequences of two objects, and results for them, as the runner leaves them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from spectrack.datasets import open_dataset
from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks
from spectrack.video.reader import open_video

SIZE_WH = (20, 16)
COUNTS = {"koi": 4, "carp": 3}


def mask_of(name, t, object_id):
    """A square that moves; object 2 comes in frame 1."""
    mask = np.zeros((SIZE_WH[1], SIZE_WH[0]), bool)
    if object_id == 1:
        mask[2:8, 1 + t : 7 + t] = True
    elif t >= 1:
        mask[9:15, 2 + len(name) : 10 + t] = True
    return mask


def sequence(name, objects=(1, 2), boxes=False):
    """One sequence; truth of boxes has the first object alone."""
    count = COUNTS[name]

    def objects_of(t):
        ids = np.zeros((SIZE_WH[1], SIZE_WH[0]), np.uint8)
        for object_id in objects:
            ids[mask_of(name, t, object_id)] = object_id
        return ids

    return VideoSequence(
        name,
        tuple(f"{i:05d}" for i in range(0, 5 * count, 5)),
        lambda: open_video(np.zeros((count, SIZE_WH[1], SIZE_WH[0], 3), np.uint8)),
        read_mask=None if boxes else lambda t: objects_of(t) > 0,
        read_box=(lambda t: Box.from_mask(mask_of(name, 0, 1)) if t == 0 else None)
        if boxes
        else None,
        read_objects=None if boxes else objects_of,
        starts={1: 0} if boxes else {i: 0 if i == 1 else 1 for i in objects},
    )


@pytest.fixture(scope="session")
def ponds():
    return Dataset("ponds", [sequence(name) for name in COUNTS])


@pytest.fixture(scope="session")
def box_ponds():
    return Dataset("box ponds", [sequence(name, boxes=True) for name in COUNTS])


def tracks_of(name, objects, masks=True):
    made = {}
    for object_id in objects:
        made[object_id] = Track(
            SIZE_WH,
            info={"seconds": COUNTS[name] / 20, "category": "fish" if object_id == 1 else 3},
        )
        for t in range(COUNTS[name]):
            mask = mask_of(name, t, object_id)
            box = Box.from_mask(mask)
            lost = not masks and t == 2
            one = Prediction(
                None if lost else box, mask if masks else None, 0.8, box is not None and not lost
            )
            made[object_id].append(one, f"{5 * t:05d}")
    return Tracks(made)


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Result folders with masks; do not change them."""
    folder = tmp_path_factory.mktemp("runs") / "ours"
    for name in COUNTS:
        tracks_of(name, (1, 2)).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def box_results(tmp_path_factory):
    """Results of boxes alone, lost in the third frame; do not change them."""
    folder = tmp_path_factory.mktemp("runs") / "boxes"
    for name in COUNTS:
        tracks_of(name, (1,), masks=False).save(folder / name)
        for mask in (folder / name / "masks").iterdir():
            mask.unlink()
        (folder / name / "masks").rmdir()
    return folder


@pytest.fixture(scope="session")
def vis(tmp_path_factory):
    """The sequences as YouTube-VIS has them: without truth, videos and classes with numbers."""
    root = tmp_path_factory.mktemp("vis")
    videos = []
    for i, (name, count) in enumerate(COUNTS.items()):
        files = [f"{name}/{5 * t:05d}.jpg" for t in range(count)]
        size = {"width": SIZE_WH[0], "height": SIZE_WH[1], "length": count}
        videos.append({"id": 10 + i, **size, "file_names": files})
        for file in files:
            path = root / "valid" / "JPEGImages" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", SIZE_WH).save(path)
    categories = [{"id": 3, "name": "duck"}, {"id": 7, "name": "fish"}]
    (root / "valid.json").write_text(json.dumps({"videos": videos, "categories": categories}))
    return open_dataset("youtube_vis", root)

"""Learning to fuse from masks of several objects: the same as from each object by itself."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from spectrack.datasets.davis2017 import Davis2017
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.fusion.train_folders import folder_videos
from spectrack.fusion.train_videos import video_columns
from spectrack.tracks import write_index_png

SIZE = (96, 64)
METHODS = ("good", "wild")
OBJECTS = (2, 5)


def blocks(method, t):
    """Where a method is wrong."""
    rng = np.random.default_rng([METHODS.index(method), t])
    share = 0.1 if method == "good" else 0.3
    return np.kron(rng.random((16, 24)) < share, np.ones((4, 4), bool))


def write(folder, ids_thw, skip=()):
    folder.mkdir(parents=True)
    for t, ids in enumerate(ids_thw):
        if t not in skip:
            write_index_png(folder / f"{t:05d}.png", ids.astype(np.uint8))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One sequence with two objects, and the same as a sequence an object beside it.

    ``wild`` lacks a frame, and has an object 9 that is not true.
    """
    root = tmp_path_factory.mktemp("objects")
    koi = make_clip(8, SIZE, seed=3).masks_thw
    ids = np.where(koi, OBJECTS[0], 0)
    ids[:, 4:24, 60:90] = OBJECTS[1]
    given = {
        m: np.stack([np.where(blocks(m, t), 0, one) for t, one in enumerate(ids)]) for m in METHODS
    }
    given["wild"][:, 56:, :8] = 9
    sequences = {"both": None} | {f"only{key}": key for key in OBJECTS}
    for name, key in sequences.items():
        chosen = (lambda a: a) if key is None else (lambda a, key=key: (a == key) * 1)
        write(root / "Annotations" / "480p" / name, chosen(ids))
        for method in METHODS:
            skip = (3,) if method == "wild" else ()
            write(root / "Results" / method / name, chosen(given[method]), skip)
    lists = root / "ImageSets" / "480p"
    lists.mkdir(parents=True)
    (lists / "both.txt").write_text("both\n")
    (lists / "each.txt").write_text("only2\nonly5\n")
    return root


def videos(root, split, methods=METHODS):
    folders = {name: root / "Results" / name for name in methods}
    return folder_videos(Davis2017(root, split, need_frames=False), folders)


def test_objects_are_videos_of_their_own(root):
    together, apart = videos(root, "both"), videos(root, "each")
    assert [video.name for video in together] == ["both object 2", "both object 5"]
    assert {video.sequence for video in together} == {"both"}
    assert [video.name for video in apart] == ["only2", "only5"]
    for one, other in zip(together, apart, strict=True):
        found, expected = video_columns(one, 2), video_columns(other, 2)
        assert len(found) == len(expected) == 6
        for a, b in zip(found, expected, strict=True):
            for field in fields(a):
                np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))
    assert not together[0].masks(3)[1][1]


def test_a_method_that_lacks_an_object(root, tmp_path):
    ids = np.zeros((8, SIZE[1], SIZE[0]), int)
    ids[:, 10:20, 10:20] = OBJECTS[0]
    write(tmp_path / "half" / "both", ids)
    folders = {"good": root / "Results" / "good", "half": tmp_path / "half"}
    first, second = folder_videos(Davis2017(root, "both", need_frames=False), folders)
    assert first.masks(1)[1].tolist() == [True, True]
    assert second.masks(1)[1].tolist() == [True, False]


def test_objects_that_the_truth_does_not_have(root, tmp_path):
    ids = np.zeros((8, SIZE[1], SIZE[0]), int)
    ids[:, 10:20, 10:20], ids[:, 30:40, 10:20] = 7, 8
    write(tmp_path / "odd" / "both", ids)
    with pytest.raises(InputError, match="both hold objects 7, 8 and the truth none of them"):
        folder_videos(Davis2017(root, "both", need_frames=False), {"odd": tmp_path / "odd"})


def test_weights_are_those_of_the_objects_apart(root, spectrack, tmp_path):
    learned = {}
    for split in ("both", "each"):
        ran = spectrack(
            *("train", "fusion", "--channels", ",".join(METHODS), "--masks", root / "Results"),
            *("--root", root, "--split", split, "--out", tmp_path / split, "--epochs", 2, "--json"),
            *("--dataset", "davis2017"),
        )
        assert ran.status == 0, ran
        learned[split] = json.loads(ran.out)
    assert learned["both"]["channels"] == learned["each"]["channels"]
    assert learned["both"]["frames"] == learned["each"]["frames"] == 12
    assert (learned["both"]["sequences"], learned["each"]["sequences"]) == (1, 2)
    weights = {c["name"]: c["weight"] for c in learned["both"]["channels"]}
    assert weights["good"] > weights["wild"]

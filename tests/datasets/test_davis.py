"""DAVIS-2016: a small made-up copy, and the real one where it is there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.datasets import open_dataset
from spectrack.datasets.davis import Davis2016
from spectrack.errors import InputError
from spectrack.structures import Box

NAMES = ["bear", "cat", "dog"]


@pytest.fixture
def small_davis(tmp_path, rng):
    """Three sequences of four frames; in frame 2 of each the object is gone."""
    for name in NAMES:
        frames, masks = (tmp_path / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
        frames.mkdir(parents=True)
        masks.mkdir(parents=True)
        for t in range(4):
            image = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
            cv2.imwrite(str(frames / f"{t:05d}.jpg"), image)
            mask = np.zeros((24, 32), np.uint8)
            if t != 2:
                mask[5:15, 4 + t : 20 + t] = 255
            cv2.imwrite(str(masks / f"{t:05d}.png"), mask)
    lists = tmp_path / "ImageSets" / "480p"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("dog\nbear\n\n")
    # As in the original package: a line a frame.
    lines = [
        f"/JPEGImages/480p/cat/{t:05d}.jpg /Annotations/480p/cat/{t:05d}.png" for t in range(4)
    ]
    (lists / "train.txt").write_text("\n".join(lines))
    return tmp_path


def test_reads_sequences_in_the_order_of_the_list(small_davis):
    davis = open_dataset("davis2016", small_davis)
    assert list(davis) == ["dog", "bear"]
    assert list(Davis2016(small_davis, "train")) == ["cat"]
    assert list(Davis2016(small_davis, sequences=["bear"])) == ["bear"]
    dog = davis["dog"]
    assert dog.stems == ("00000", "00001", "00002", "00003")
    with dog.frames() as frames:
        assert frames.size_wh == (32, 24)
        assert len(list(frames)) == len(dog)
    mask = dog.truth_mask(1)
    assert mask.dtype == bool
    assert mask.sum() == 160
    assert dog.truth_box(1) == Box(5, 5, 16, 10)
    assert dog.truth_box(2) is None
    assert dog.target().box == Box(4, 5, 16, 10)


def test_frames_without_annotation_have_no_truth(small_davis):
    (small_davis / "Annotations" / "480p" / "dog" / "00000.png").unlink()
    dog = Davis2016(small_davis)["dog"]
    assert dog.truth_mask(0) is None
    with pytest.raises(InputError, match="no annotated object"):
        dog.target()


def test_lists_of_the_2017_package(small_davis):
    lists = small_davis / "ImageSets"
    (lists / "480p").rename(lists / "2016")
    assert list(Davis2016(small_davis)) == ["dog", "bear"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "split 'test'.*train, val"),
        ({"resolution": "1080p"}, "resolution '1080p'.*480p"),
        ({"sequences": ["cow"]}, "sequence 'cow'.*dog, bear"),
        ({"root": "nowhere"}, "no folder JPEGImages"),
    ],
)
def test_refuses_what_does_not_exist(small_davis, options, message):
    with pytest.raises(InputError, match=message):
        Davis2016(**{"root": small_davis, **options})


def test_names_what_an_incomplete_copy_lacks(small_davis):
    (small_davis / "ImageSets" / "480p" / "val.txt").write_text("dog\nhorse\n")
    with pytest.raises(InputError, match=r"lacks folder horse.*bear, cat, dog"):
        Davis2016(small_davis)


def test_unknown_names(small_davis):
    with pytest.raises(InputError, match=r"data set 'davis'.*davis2016"):
        open_dataset("davis", small_davis)
    with pytest.raises(InputError, match="sequence 'cat' is not in DAVIS-2016 val 480p"):
        open_dataset("davis2016", small_davis)["cat"]
    assert "cat" not in open_dataset("davis2016", small_davis)


@pytest.mark.data
def test_real_davis(davis_root):
    val = Davis2016(davis_root)
    assert len(val) == 10
    assert sum(map(len, val.values())) == 645
    train = Davis2016(davis_root, "train", "240p")
    assert len(train) == 30
    assert sum(map(len, train.values())) == 2079
    mask = val["dog"].truth_mask(0)
    assert mask.shape == (480, 854)
    assert 0.01 < mask.mean() < 0.5

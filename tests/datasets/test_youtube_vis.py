"""YouTube-VIS: a small file with run lengths, polygons, crowds and objects out of sight."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from pycocotools import mask as coco

from box_folders import write_images, write_text
from mask_folders import id_map
from spectrack.datasets import open_dataset
from spectrack.datasets.youtube_vis import YouTubeVis
from spectrack.errors import InputError
from spectrack.structures import Box

APE, CAT, CROWD = ((1, *block) for block in ((2, 3, 6, 5), (5, 5, 9, 9), (28, 20, 4, 4)))


def compressed(block):
    rle = coco.encode(np.asfortranarray(id_map(block)))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def runs(block):
    """Run lengths column by column, counted one pixel after the other."""
    counts, value, length = [], 0, 0
    for pixel in id_map(block).T.ravel().tolist():
        if pixel != value:
            counts, value, length = [*counts, length], pixel, 0
        length += 1
    return {"size": [24, 32], "counts": [*counts, length]}


def polygon(x, y, w, h):
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


FILE = {
    "videos": [
        {"id": 3, "width": 32, "height": 24, "file_names": [f"0a/{t:05d}.jpg" for t in (0, 5, 10)]},
        {"id": 1, "width": 32, "height": 24, "file_names": ["0b/00000.jpg"]},
    ],
    "categories": [{"id": 1, "name": "ape"}, {"id": 7, "name": "cat"}],
    "annotations": [
        {
            **{"id": 12, "video_id": 3, "category_id": 7, "iscrowd": 0},
            "segmentations": [None, polygon(*CAT[1:]), compressed(CAT)],
        },
        {
            **{"id": 11, "video_id": 3, "category_id": 1, "iscrowd": 0},
            "segmentations": [runs(APE), compressed(APE), None],
        },
        {
            **{"id": 13, "video_id": 3, "category_id": 1, "iscrowd": 1},
            "segmentations": [None, compressed(CROWD), None],
        },
    ],
}


@pytest.fixture
def root(tmp_path):
    write_images(tmp_path / "train" / "JPEGImages" / "0a", range(11), digits=5, suffix=".jpg")
    write_images(tmp_path / "train" / "JPEGImages" / "0b", [0], digits=5, suffix=".jpg")
    write_text(tmp_path / "train" / "instances.json", json.dumps(FILE))
    return tmp_path


def test_objects_by_themselves(root):
    train = open_dataset("youtube_vis", root, split="train")
    assert (train.name, list(train)) == ("YouTube-VIS train", ["0a", "0b"])
    assert train.video_ids == {"0a": 3, "0b": 1}
    assert train.category_ids == {"ape": 1, "cat": 7}
    video = pickle.loads(pickle.dumps(train["0a"]))
    assert video.stems == ("00000", "00005", "00010")
    assert dict(video.starts) == {1: 0, 2: 1}
    assert video.categories == {1: "ape", 2: "cat"}
    for t, (ape, cat) in enumerate([(1, 0), (1, 1), (0, 1)]):
        first, second = (id_map(APE) > 0) & bool(ape), (id_map(CAT) > 0) & bool(cat)
        np.testing.assert_array_equal(video.truth_object(t, 1), first)
        np.testing.assert_array_equal(video.truth_object(t, 2), second)
        np.testing.assert_array_equal(video.truth_mask(t), first | second)
    assert video.targets()[2].box == Box(5, 5, 9, 9)
    assert video.truth_void(0) is None
    np.testing.assert_array_equal(video.truth_void(1), id_map(CROWD) > 0)
    with video.frames() as frames:
        assert [int(f[0, 0, 0]) for f in frames] == [0, 5, 10]
    empty = train["0b"]
    assert empty.object_ids == ()
    assert empty.truth_mask(0) is None
    with pytest.raises(InputError, match="no annotated object"):
        empty.target()


def test_validation_has_no_truth(root):
    data = {key: value for key, value in FILE.items() if key != "annotations"}
    (root / "train").rename(root / "valid")
    (root / "valid" / "instances.json").unlink()
    write_text(root / "annotations" / "instances_valid.json", json.dumps(data))
    valid = YouTubeVis(root, ["0a"])
    assert list(valid) == ["0a"]
    assert valid["0a"].truth_object(0, 1) is None
    assert valid["0a"].object_ids == ()


def spoilt(change):
    data = copy.deepcopy(FILE)
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("videos"), "has no list of videos"),
        (lambda d: d["videos"].clear(), "names no videos"),
        (
            lambda d: d["categories"].append({"id": "x", "name": "y"}),
            "one of categories without id",
        ),
        (lambda d: d["videos"][0].pop("width"), "video 3 lacks file_names, width or height"),
        (lambda d: d["videos"][0].update(width=1 << 20, height=1 << 20), "video 3 lacks"),
        (lambda d: d["videos"][0]["file_names"].append("0c/1.jpg"), "video 3 has frames of sever"),
        (
            lambda d: d["videos"][1].update(file_names=["../../etc/0.jpg"]),
            r"names '\.\./\.\./etc'; expected names of folders",
        ),
        (lambda d: d["annotations"][0].update(video_id=9), "annotation 12 is of a video or categ"),
        (lambda d: d["annotations"][0]["segmentations"].pop(), "annotation 12 has no segmentatio"),
        (lambda d: d["annotations"].append(5), "one of annotations without id, video_id"),
    ],
)
def test_a_malformed_file_is_told(root, change, message):
    write_text(root / "train" / "instances.json", spoilt(change))
    with pytest.raises(InputError, match=message):
        YouTubeVis(root, split="train")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": [24, 32], "counts": [1, 2]}, "is no run length"),
        ({"size": [2, 2], "counts": [4]}, "has another size than its video, 32x24"),
        ([[1, 2, 3, 4]], "holds a polygon that is none"),
        ([[1, 2, 3, float("nan"), 5, 6]], "holds a polygon that is none"),
        ([[1, 2, 3, 4, 5, 1e9]], "holds a polygon that is none"),
        (["x"], "holds a polygon that is none"),
    ],
)
def test_malformed_masks_are_told_when_read(root, given, message):
    text = spoilt(lambda d: d["annotations"][1]["segmentations"].__setitem__(0, given))
    write_text(root / "train" / "instances.json", text)
    video = YouTubeVis(root, split="train")["0a"]
    assert video.truth_object(1, 1).any()
    with pytest.raises(InputError, match=r"annotation 11, frame 0 " + message):
        video.truth_object(0, 1)


def test_lacking_frames_are_named(root, tmp_path):
    (root / "train" / "JPEGImages" / "0a" / "00005.jpg").unlink()
    with pytest.raises(InputError, match=r"0a lacks frames 00005; complete the sequence"):
        YouTubeVis(root, split="train")["0a"].frames()
    with pytest.raises(
        InputError, match=r"has no valid/instances\.json or annotations/.*; give the"
    ):
        YouTubeVis(root)

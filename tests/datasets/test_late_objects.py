"""YouTube-VOS, MOSE, LVOS and SegTrack v2: small copies in their layouts."""

from __future__ import annotations

import json
import pickle

import cv2
import numpy as np
import pytest

from box_folders import write_images, write_text
from mask_folders import id_map, write_sequence
from spectrack.datasets import open_dataset
from spectrack.datasets.lvos import Lvos
from spectrack.datasets.mose import Mose
from spectrack.datasets.segtrack import SegTrackV2
from spectrack.datasets.youtube_vos import YouTubeVos
from spectrack.errors import InputError
from spectrack.structures import Box

STEMS = ["00000", "00005", "00010", "00015"]
APE, CAT = (1, 2, 3, 6, 5), (4, 20, 4, 5, 5)
LATE = [id_map(APE), None, id_map(CAT), None]
"""The ape is given in the first frame and the cat in the third; others have no truth."""


def meta(path, **videos):
    objects = {
        name: {"objects": {k: {"category": c, "frames": f} for k, (c, f) in told.items()}}
        for name, told in videos.items()
    }
    write_text(path, json.dumps({"videos": objects}))


@pytest.fixture
def youtube(tmp_path):
    root = tmp_path / "youtube"
    write_sequence(root / "valid", "JPEGImages", "Annotations", "0a", LATE, STEMS)
    told = {"4": ("cat", STEMS[2:]), "1": ("ape", STEMS)}
    meta(root / "valid" / "meta.json", **{"0a": told, "0b": told})
    write_images(root / "valid_all_frames" / "JPEGImages" / "0a", range(16), digits=5)
    meta(root / "train" / "meta.json", x={"1": ("ape", ["00000"])}, y={"1": ("dog", ["00000"])})
    return root


def test_youtube_vos(youtube):
    valid = open_dataset("youtube_vos", youtube)
    assert (valid.name, valid.protocol) == ("YouTube-VOS 2019 valid", "youtube_vos")
    assert list(valid) == ["0a", "0b"]
    assert valid.seen == {"ape", "dog"}
    video = pickle.loads(pickle.dumps(valid["0a"]))
    assert dict(video.starts) == {1: 0, 4: 2}
    assert video.categories == {1: "ape", 4: "cat"}
    assert video.targets()[4].box == Box(20, 4, 5, 5)
    assert video.truth_object(1, 1) is None
    every = YouTubeVos(youtube, ["0a"], frames="all")["0a"]
    assert len(every) == 16
    assert dict(every.starts) == {1: 0, 4: 10}
    np.testing.assert_array_equal(every.targets(give_mask=True)[4].mask, id_map(CAT) > 0)
    assert YouTubeVos(youtube, year=2018).name == "YouTube-VOS 2018 valid"
    (youtube / "train" / "meta.json").unlink()
    assert YouTubeVos(youtube).seen is None


def test_youtube_vos_says_what_it_lacks(youtube, tmp_path):
    with pytest.raises(InputError, match=r"has no valid/meta\.json; give the root of YouTube-VOS"):
        YouTubeVos(tmp_path)
    with pytest.raises(InputError, match=r"has no train/JPEGImages"):
        YouTubeVos(youtube, split="train")
    with pytest.raises(InputError, match=r"year 2017 is unknown; choose one of 2019, 2018"):
        YouTubeVos(youtube, year=2017)
    with pytest.raises(InputError, match=r"0b holds no frames"):
        YouTubeVos(youtube)["0b"]
    meta(youtube / "valid" / "meta.json", **{"0a": {"4": ("cat", ["00003"])}})
    with pytest.raises(InputError, match=r"0a: object 4 is given in frame 00003, which is not th"):
        YouTubeVos(youtube)["0a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"meta\.json cannot be read"),
        ("[" * 100000, r"meta\.json cannot be read"),
        ("[]", "holds no JSON object"),
        ("{}", "has no 'videos' by their names"),
        ('{"videos": {"../x": {"objects": {}}}}', r"names '\.\./x'; expected names of folders"),
        ('{"videos": {"a": []}}', "a has no 'objects' by their ids"),
        ('{"videos": {"a": {"objects": {"0": {}}}}}', "a has object '0'; expected ids from 1 to"),
        ('{"videos": {"a": {"objects": {"1": 3}}}}', "a, object 1 is no JSON object"),
        ('{"videos": {"a": {"objects": {"1": {"frames": [3]}}}}}', "a, object 1 has no 'frames'"),
    ],
)
def test_malformed_lists_are_named(youtube, text, message):
    write_text(youtube / "valid" / "meta.json", text)
    with pytest.raises(InputError, match=message):
        YouTubeVos(youtube)


def test_mose_finds_when_objects_appear(tmp_path):
    ids = [id_map(APE), id_map(APE, CAT), None, id_map(CAT)]
    stems = [f"{t:05d}" for t in range(4)]
    write_sequence(tmp_path / "train", "JPEGImages", "Annotations", "b2", ids, stems)
    write_sequence(tmp_path / "train", "JPEGImages", "Annotations", "b10", ids, stems)
    train = open_dataset("mose", tmp_path, split="train")
    assert (train.name, train.protocol, list(train)) == ("MOSE train", "davis", ["b2", "b10"])
    video = train["b2"]
    assert "not read" in repr(video.starts)
    assert dict(video.starts) == {1: 0, 4: 1}
    assert video.truth_object(3, 1).sum() == 0
    with pytest.raises(InputError, match="has no valid/JPEGImages; give the root of MOSE"):
        Mose(tmp_path)
    with pytest.raises(InputError, match=r"'c' is not in .*; it has b2, b10"):
        Mose(tmp_path, ["c"], split="train")


def test_lvos_with_and_without_its_list(tmp_path):
    stems = [f"{t:08d}" for t in range(1, 5)]
    write_sequence(tmp_path / "valid", "JPEGImages", "Annotations", "long", LATE, stems)
    lvos = open_dataset("lvos", tmp_path)
    assert (lvos.name, lvos.protocol, list(lvos)) == ("LVOS valid", "davis", ["long"])
    assert dict(lvos["long"].starts) == {1: 0, 4: 2}
    objects = {
        "1": {"frame_range": {"start": "00000001", "end": "00000004"}},
        "4": {"frame_range": {"start": "00000003", "end": "00000004"}, "category": "cat"},
    }
    text = json.dumps({"videos": {"long": {"objects": objects}}})
    write_text(tmp_path / "valid" / "valid_meta.json", text)
    told = Lvos(tmp_path)["long"]
    assert dict(told.starts) == {1: 0, 4: 2}
    assert told.categories == {4: "cat"}
    with pytest.raises(InputError, match="split 'val' is unknown; choose one of valid, train, te"):
        Lvos(tmp_path, split="val")


@pytest.fixture
def segtrack(tmp_path):
    """A frog with one object, numbered otherwise than its masks; cranes that overlap."""
    write_images(tmp_path / "JPEGImages" / "frog", range(3), digits=4)
    write_images(tmp_path / "JPEGImages" / "crane", range(3), digits=5)

    def masks(folder, *blocks):
        folder.mkdir(parents=True)
        for t, block in enumerate(blocks, 1):
            mask = id_map(*([] if block is None else [(255, *block)]))
            cv2.imwrite(str(folder / f"{t:05d}.png"), np.repeat(mask[..., None], 3, 2))

    truth = tmp_path / "GroundTruth"
    masks(truth / "frog", (1, 1, 4, 4), (2, 1, 4, 4), (3, 1, 4, 4))
    masks(truth / "crane" / "1", (0, 0, 9, 9), (0, 0, 9, 9), None)
    masks(truth / "crane" / "2", None, (5, 5, 9, 9), (6, 5, 9, 9))
    return tmp_path


def test_segtrack(segtrack):
    data = open_dataset("segtrack2", segtrack)
    assert (data.name, data.protocol, list(data)) == ("SegTrack v2", "davis", ["crane", "frog"])
    frog, crane = data["frog"], pickle.loads(pickle.dumps(data["crane"]))
    assert dict(frog.starts) == {1: 0}
    assert [frog.truth_box(t) for t in range(3)] == [Box(x, 1, 4, 4) for x in (1, 2, 3)]
    assert frog.target().box == Box(1, 1, 4, 4)
    assert dict(crane.starts) == {1: 0, 2: 1}
    assert crane.truth_object(1, 1).sum() == crane.truth_object(1, 2).sum() == 81
    assert crane.truth_mask(1).sum() == 162 - 16  # they overlap
    assert crane.truth_object(2, 1).sum() == 0
    assert crane.truth_object(2, 5) is None
    with crane.frames() as frames:
        assert len(frames) == 3


def test_segtrack_says_what_it_lacks(segtrack, tmp_path):
    write_images(tmp_path / "other" / "JPEGImages" / "frog", [0])
    with pytest.raises(InputError, match="has no GroundTruth; give the root of SegTrack v2"):
        SegTrackV2(tmp_path / "other")
    (segtrack / "GroundTruth" / "frog").rename(segtrack / "GroundTruth" / "toad")
    with pytest.raises(InputError, match="GroundTruth/frog does not exist; complete the data set"):
        SegTrackV2(segtrack)["frog"]

"""DAVIS-2017: small copies of both tasks, and the real annotations of 2016 in its layout."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from box_folders import write_text
from mask_folders import id_map, write_sequence
from spectrack.datasets import open_dataset
from spectrack.datasets.davis2017 import Davis2017
from spectrack.datasets.indexed_truth import read_ids
from spectrack.errors import InputError
from spectrack.structures import Box

STEMS = [f"{t:05d}" for t in range(4)]
IDS = [
    id_map((1, 2, 3, 6, 5), (2, 20, 4, 5, 5)),
    id_map((1, 3, 3, 6, 5), (2, 5, 4, 5, 5)),
    id_map((2, 20, 4, 5, 5)),
    id_map((1, 4, 3, 6, 5), (3, 0, 0, 2, 2)),
]


@pytest.fixture
def root(tmp_path):
    """Two sequences; in the unsupervised annotations a late third object and void pixels."""
    for name in ("dogs", "pigs"):
        write_sequence(tmp_path, "JPEGImages/480p", "Annotations/480p", name, IDS, STEMS)
        alone = [one.copy() for one in IDS]
        for one in alone:
            one[20:, 28:] = 255
        write_sequence(
            tmp_path, "JPEGImages/480p", "Annotations_unsupervised/480p", name, alone, STEMS
        )
    write_text(tmp_path / "ImageSets" / "2017" / "val.txt", "pigs\ndogs\n")
    write_text(tmp_path / "ImageSets" / "2017" / "test-dev.txt", "dogs\n")
    write_text(tmp_path / "ImageSets" / "2019" / "test-dev.txt", "pigs\n")
    return tmp_path


def test_semi_supervised(root):
    davis = open_dataset("davis2017", root)
    assert (davis.name, davis.protocol) == ("DAVIS-2017 val 480p", "davis")
    assert list(davis) == ["pigs", "dogs"]
    dogs = pickle.loads(pickle.dumps(davis["dogs"]))
    assert dogs.stems == tuple(STEMS)
    assert dict(dogs.starts) == {1: 0, 2: 0}  # the third is not given
    assert dogs.object_ids == (1, 2)
    for t, ids in enumerate(IDS):
        np.testing.assert_array_equal(dogs.truth_mask(t), ids > 0)
        for key in (1, 2, 3):
            np.testing.assert_array_equal(dogs.truth_object(t, key), ids == key)
    targets = dogs.targets(give_mask=True)
    assert targets[2].box == Box(20, 4, 5, 5)
    np.testing.assert_array_equal(targets[1].mask, IDS[0] == 1)
    assert dogs.truth_void(0) is None
    with dogs.frames() as frames:
        assert len(frames) == 4
        assert frames.size_wh == (32, 24)


def test_runs_on_other_frames_have_another_name(root):
    (root / "JPEGImages" / "480p").rename(root / "JPEGImages" / "1080p")
    assert Davis2017(root, frames="1080p").name == "DAVIS-2017 val 480p, frames 1080p"


def test_unsupervised(root):
    davis = open_dataset("davis2017", root, task="unsupervised")
    assert (davis.name, davis.protocol) == (
        "DAVIS-2017 unsupervised val 480p",
        "davis_unsupervised",
    )
    dogs = davis["dogs"]
    assert dict(dogs.starts) == {1: 0, 2: 0, 3: 0}
    np.testing.assert_array_equal(dogs.truth_mask(0), IDS[0] > 0)
    void = dogs.truth_void(0)
    assert void.sum() == 16
    assert void[20:, 28:].all()
    assert list(Davis2017(root, "test-dev", task="unsupervised")) == ["pigs"]
    assert list(Davis2017(root, "test-dev")) == ["dogs"]


def test_hidden_truth_and_absent_frames(root):
    for stem in STEMS[1:]:
        (root / "Annotations" / "480p" / "dogs" / f"{stem}.png").unlink()
    dogs = Davis2017(root)["dogs"]
    assert dict(dogs.starts) == {1: 0, 2: 0}
    assert dogs.truth_mask(1) is None
    assert dogs.truth_object(1, 1) is None
    (root / "JPEGImages").rename(root / "elsewhere")
    assert Davis2017(root, need_frames=False)["pigs"].stems == tuple(STEMS)
    with pytest.raises(InputError, match="no folder JPEGImages; give the root of DAVIS-2017"):
        Davis2017(root)


def test_nothing_is_read_until_asked(root):
    """A corrupt mask is told, by name, when its frame is read."""
    path = root / "Annotations" / "480p" / "dogs" / "00001.png"
    path.write_bytes(path.read_bytes()[:40])
    davis = Davis2017(root)
    dogs = davis["dogs"]
    assert dogs.object_ids == (1, 2)
    assert dogs.truth_mask(0).any()
    with pytest.raises(InputError, match=r"00001\.png"):
        dogs.truth_mask(1)


def test_what_does_not_exist_is_told(root):
    with pytest.raises(InputError, match="task 'both' is unknown; choose one of semi-supervised"):
        Davis2017(root, task="both")
    with pytest.raises(InputError, match=r"split 'dev'.*test-dev, val"):
        Davis2017(root, "dev")
    with pytest.raises(InputError, match=r"resolution 'Full-Resolution'.*480p"):
        Davis2017(root, resolution="Full-Resolution")
    with pytest.raises(InputError, match=r"'cow' is not in DAVIS-2017 val; it has pigs, dogs"):
        Davis2017(root, sequences=["cow"])
    write_text(root / "ImageSets" / "2017" / "val.txt", "../../etc/x\n..\n")
    with pytest.raises(InputError, match=r"val\.txt names '\.\.'; expected names of folders"):
        Davis2017(root)


def test_masks_that_are_no_numbers(tmp_path):
    grey = id_map((1, 2, 3, 6, 5), (2, 20, 4, 5, 5))
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_ids(tmp_path / "grey.png"), grey)
    Image.fromarray((grey > 0).astype(np.uint8) * 255).save(tmp_path / "white.png")
    np.testing.assert_array_equal(read_ids(tmp_path / "white.png"), grey > 0)
    Image.fromarray((grey == 2) * np.uint8(2)).save(tmp_path / "two.png")
    assert np.unique(read_ids(tmp_path / "two.png")).tolist() == [0, 2]
    Image.fromarray(grey > 0).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_ids(tmp_path / "bit.png"), grey > 0)
    Image.fromarray(grey * 100).save(tmp_path / "soft.png")
    with pytest.raises(InputError, match="holds grey levels, not object numbers; give an indexed"):
        read_ids(tmp_path / "soft.png")


@pytest.mark.data
def test_real_annotations_are_one_object_each(davis_root):
    """The annotations of 2016 have no numbers: each sequence is of object 1."""
    val = Davis2017(davis_root)
    assert len(val) == 10
    swan = val["blackswan"]
    assert dict(swan.starts) == {1: 0}
    np.testing.assert_array_equal(swan.truth_object(0, 1), swan.truth_mask(0))
    assert swan.target(give_mask=True, object_id=1).mask.shape == (480, 854)

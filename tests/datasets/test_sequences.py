"""Sequences of one object or several, and data sets that open them when asked."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.video.frames import ArrayFrames

STEMS = ("00000", "00001", "00002", "00003")


def ids(*objects):
    """An id map (20, 30) with blocks ``(id, x, y, w, h)``."""
    out = np.zeros((20, 30), np.uint8)
    for key, x, y, w, h in objects:
        out[y : y + h, x : x + w] = key
    return out


TRUTH = [
    ids((1, 2, 3, 4, 5)),
    None,
    ids((1, 3, 3, 4, 5), (7, 20, 2, 5, 6)),
    ids((7, 21, 2, 5, 6)),
]


def open_frames():
    return ArrayFrames(np.zeros((4, 20, 30, 3), np.uint8))


def read_mask(index):
    return None if TRUTH[index] is None else TRUTH[index] > 0


@pytest.fixture
def several():
    return VideoSequence(
        "two",
        STEMS,
        open_frames,
        read_mask,
        read_objects=TRUTH.__getitem__,
        starts={7: 2, 1: 0},
        categories={1: "cat", 7: "dog"},
    )


def test_objects_appear_late_and_leave(several):
    assert several.object_ids == (1, 7)
    assert several.truth_object(0, 7).sum() == 0  # not there yet
    assert several.truth_object(2, 7).sum() == 30
    assert several.truth_object(3, 1).sum() == 0  # left
    assert several.truth_object(1, 1) is None  # not annotated
    assert several.truth_box(2, object_id=7) == Box(20, 2, 5, 6)
    assert several.truth_box(3, object_id=1) is None
    assert several.truth_box(2) == Box(3, 2, 22, 6)  # both together
    assert several.truth_box(2, several.truth_object(2, 1), 1) == Box(3, 3, 4, 5)


def test_targets_are_those_of_the_frames_in_which_objects_are_given(several):
    targets = several.targets()
    assert list(targets) == [1, 7]
    assert targets[1].box == Box(2, 3, 4, 5)
    assert targets[7].box == Box(20, 2, 5, 6)
    assert targets[7].mask is None
    masked = several.targets(give_mask=True)
    np.testing.assert_array_equal(masked[7].mask, TRUTH[2] == 7)
    assert list(several.targets(frame=2)) == [7]
    assert several.targets(frame=3) == {}
    assert several.target(object_id=7, frame=3).box == Box(21, 2, 5, 6)
    assert several.target().box == Box(2, 3, 4, 5)


def test_what_is_not_there_is_told(several):
    with pytest.raises(InputError, match="sequence 'two' has no object 3; it has 1, 7"):
        several.target(object_id=3)
    with pytest.raises(InputError, match="frame 00003 of sequence 'two' has no truth of object 1"):
        several.target(object_id=1, frame=3)
    with pytest.raises(InputError, match="frame 00001 of sequence 'two' has no annotated object"):
        several.target(frame=1)
    single = VideoSequence("one", STEMS, open_frames, read_mask)
    assert single.object_ids == (1,)
    np.testing.assert_array_equal(single.truth_object(2, 1), TRUTH[2] > 0)
    with pytest.raises(InputError, match="has truth of one object; object 2 has none"):
        single.truth_object(0, 2)
    boxes = VideoSequence("box", STEMS, open_frames, read_box=[Box(1, 2, 3, 4)].__getitem__)
    assert boxes.truth_box(0, object_id=1) == Box(1, 2, 3, 4)
    assert boxes.targets()[1].box == Box(1, 2, 3, 4)
    with pytest.raises(InputError, match="object 2 has none"):
        boxes.truth_box(0, object_id=2)


def test_objects_that_overlap_are_read_one_by_one():
    masks = {1: ids((1, 0, 0, 9, 9)) > 0, 2: ids((1, 5, 5, 9, 9)) > 0}
    sequence = VideoSequence(
        "lap",
        STEMS,
        open_frames,
        lambda index: masks[1] | masks[2],
        read_object=lambda index, key: masks[key],
        read_void=lambda index: masks[1] & masks[2] if index else None,
        starts={1: 0, 2: 0},
    )
    assert sequence.truth_object(0, 1).sum() + sequence.truth_object(0, 2).sum() == 162
    assert sequence.truth_mask(0).sum() == 162 - 16
    assert sequence.truth_void(0) is None
    assert sequence.truth_void(1).sum() == 16


def test_a_sequence_survives_pickling(several):
    again = pickle.loads(pickle.dumps(several))
    assert again.starts == several.starts
    assert again.stems == several.stems
    np.testing.assert_array_equal(again.truth_object(2, 7), several.truth_object(2, 7))


def test_a_data_set_opens_sequences_when_asked(several):
    opened = []

    def make(name):
        opened.append(name)
        return VideoSequence(name, STEMS, open_frames)

    names = [f"s{i:02d}" for i in range(30)]
    lazy = Dataset("many", {name: lambda name=name: make(name) for name in names})
    assert len(lazy) == 30
    assert list(lazy) == names
    assert "s07" in lazy
    assert opened == []
    assert lazy["s07"].name == "s07"
    assert [s.name for s in lazy.values()] == names
    assert opened == ["s07", *names]
    with pytest.raises(InputError, match=r"'x' is not in many; it has s00, .*s19 and 10 more"):
        lazy["x"]
    assert Dataset("given", [several])["two"] is several

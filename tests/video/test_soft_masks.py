"""Masks of any kind as one soft mask a frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import spectrack as st
from spectrack.errors import InputError
from spectrack.structures import Mask
from spectrack.tracks import write_index_png
from spectrack.video.reader import open_video
from spectrack.video.soft_masks import in_memory, missing_stems, open_masks


def test_indexed_masks_open_one_object_each(tmp_path, rng):
    frames = open_video(rng.integers(0, 255, (3, 20, 30, 3), dtype=np.uint8))
    for t in range(3):
        index = np.zeros((20, 30), np.uint8)
        index[2:6, 2 + t : 8 + t] = 1
        if t == 2:  # the second object comes late
            index[10:15, 20:25] = 4
        write_index_png(tmp_path / f"{t:05d}.png", index)
    opened = open_masks(tmp_path, frames)
    assert list(opened) == [1, 4]
    first, late = opened[1][2], opened[4][0]
    assert first is not None
    assert late is not None
    assert first.dtype == np.float32
    assert first.sum() == 24
    assert late.sum() == 0
    assert list(open_masks(tmp_path, frames, 4)) == [4]
    with pytest.raises(InputError, match="no object 2; it has 1, 4"):
        open_masks(tmp_path, frames, 2)


def test_an_object_that_leaves_does_not_hand_its_number_on(tmp_path):
    frames = open_video(np.zeros((3, 20, 30, 3), np.uint8))
    index = np.zeros((3, 20, 30), np.uint8)
    index[0, 2:6, 2:8], index[:2, 10:15, 20:25] = 1, 2  # the first leaves, then the second
    index[2, :1] = 255
    for t in range(2):
        Image.fromarray(index[t]).save(tmp_path / f"{t:05d}.png")
    write_index_png(tmp_path / "00002.png", index[2])
    opened = open_masks(tmp_path, frames)
    assert list(opened) == [1, 2]
    for key, masks in [*opened.items(), *open_masks(tmp_path, frames, 2).items()]:
        for t in range(3):
            np.testing.assert_array_equal(masks[t], index[t] == key)


def test_soft_grey_masks_keep_their_levels_and_gaps_are_told(tmp_path, rng):
    frames = open_video(rng.integers(0, 255, (4, 20, 30, 3), dtype=np.uint8))
    soft = rng.integers(0, 256, (20, 30)).astype(np.uint8)
    for t in (0, 1, 3):
        Image.fromarray(soft).save(tmp_path / f"{t:05d}.png")
    masks = open_masks(tmp_path, frames)[1]
    np.testing.assert_allclose(masks[1], soft / 255, atol=1e-6)
    assert masks[2] is None
    assert missing_stems(masks) == ["00002"]


def test_integer_arrays_are_hard():
    frames = open_video(np.zeros((2, 20, 30, 3), np.uint8))
    array = np.zeros((2, 20, 30), np.uint8)
    array[:, 3:5] = 255
    mask = open_masks(array, frames)[1][0]
    assert mask is not None
    assert set(np.unique(mask)) == {0, 1}
    with pytest.raises(InputError, match="expected \\(frames, height, width\\)"):
        open_masks(array[0], frames)
    with pytest.raises(InputError, match="outside"):
        open_masks(array.astype(np.float32), frames)


def _ids() -> np.ndarray:
    ids = np.zeros((3, 20, 30), np.int64)
    ids[:, 3:5], ids[1:, 8:9], ids[0, 12:14] = 3, 7, 255
    return ids


@pytest.mark.parametrize(
    "give",
    [
        lambda ids: ids,
        lambda ids: ids[:, None],
        lambda ids: ids.astype(np.uint64),
        list,
        iter,
        lambda ids: dict(enumerate(ids)),
        lambda ids: pytest.importorskip("torch").from_numpy(ids),
    ],
    ids=["array", "4d", "uint64", "list", "generator", "dict", "tensor"],
)
def test_ids_in_memory_are_objects_as_they_are_on_disk(give):
    frames, ids = open_video(np.zeros((3, 20, 30, 3), np.uint8)), _ids()
    found = open_masks(give(ids), frames)
    assert list(found) == [3, 7]
    for key, masks in [*found.items(), *open_masks(give(ids), frames, 7).items()]:
        for t in range(3):
            np.testing.assert_array_equal(masks[t], ids[t] == key)
    assert list(open_masks(give(ids), frames, 7)) == [7]
    with pytest.raises(InputError, match="no object 5; it has 3, 7"):
        open_masks(give(ids), frames, 5)
    with pytest.raises(InputError, match="objects 3, 7 were given where those of one"):
        in_memory(give(ids), frames)
    with pytest.raises(InputError, match="ids outside 0 to 255"):
        open_masks(give(ids * 100), frames)
    with pytest.raises(InputError, match="choose one with object_id"):
        st.refine(give(ids), np.zeros((3, 20, 30, 3), np.uint8))


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("give", [lambda ids: ids, list], ids=["array", "list"])
def test_two_levels_of_whole_numbers_are_one_mask(give, value):
    frames, ids = open_video(np.zeros((3, 20, 30, 3), np.uint8)), np.zeros((3, 20, 30), np.uint8)
    ids[1, 3:5] = value
    for asked in (None, 4):
        ((key, masks),) = open_masks(give(ids), frames, asked).items()
        assert key == (asked or 1)
        for t in range(3):
            np.testing.assert_array_equal(masks[t], ids[t] > 0)


def test_a_list_of_ids_is_of_ids_throughout():
    frames, ids = open_video(np.zeros((3, 20, 30, 3), np.uint8)), _ids()
    assert open_masks([ids[0], None, ids[2]], frames)[3][1] is None
    other = (ids[1] == 3).astype(np.float32)
    with pytest.raises(InputError, match="mask 1 is soft where others of the list hold object ids"):
        open_masks([ids[0], other, ids[2]], frames)
    for empty in (other * 0, other > 1, Mask.empty((30, 20))):
        found = open_masks([ids[0], empty, ids[2]], frames)
        assert list(found) == [3, 7]
        assert not any(masks[1].any() for masks in found.values())


@pytest.mark.parametrize(
    "kind",
    [np.asarray, Mask.encode, lambda hard: hard * np.uint8(255)],
    ids=["bool", "Mask", "255"],
)
def test_hard_masks_among_ids_are_object_1(kind):
    """As in folders."""
    frames, ids = open_video(np.zeros((3, 20, 30, 3), np.uint8)), _ids()
    found = open_masks([ids[0], kind(ids[1] == 3), ids[2]], frames)
    assert list(found) == [1, 3, 7]
    np.testing.assert_array_equal(found[1][1], ids[1] == 3)
    assert [int(found[key][1].sum()) for key in (3, 7)] == [0, 0]
    assert not found[1][0].any()


@pytest.mark.parametrize("give", [lambda ids: ids, list], ids=["array", "list"])
def test_a_frame_of_0_and_255_among_ids_is_a_mask(give):
    """A first annotation with ids 0 and 1, and masks of 0 and 255 from there on."""
    frames, ids = open_video(np.zeros((3, 20, 30, 3), np.uint8)), np.zeros((3, 20, 30), np.uint8)
    ids[0, 3:5], ids[1:, 3:5] = 1, 255
    ((key, masks),) = open_masks(give(ids), frames).items()
    assert key == 1
    for t in range(3):
        np.testing.assert_array_equal(masks[t], ids[t] > 0)

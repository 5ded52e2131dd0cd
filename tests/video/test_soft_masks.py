"""Masks of any kind as one soft mask a frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from spectrack.errors import InputError
from spectrack.tracks import write_index_png
from spectrack.video.reader import open_video
from spectrack.video.soft_masks import missing_stems, open_masks


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

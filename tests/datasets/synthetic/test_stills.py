"""Stills: what is read, what is left out, and what people are told."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.datasets.synthetic.stills import PERMISSIVE, SOURCES, Still, Stills
from spectrack.errors import InputError


def put(root, source, stem, image, mask):
    for folder, suffix, pixels in (("images", "png", image[..., ::-1]), ("masks", "png", mask)):
        place = root / source / folder
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{stem}.{suffix}"), pixels)


@pytest.fixture
def root(tmp_path, rng):
    """Two collections: cats with one full and one empty mask, dogs with one full."""
    for source, stem, value in (("cats", "a", 255), ("cats", "b", 0), ("dogs", "a", 1)):
        mask = np.zeros((20, 30), np.uint8)
        mask[5:9, 4:10] = value
        put(tmp_path, source, stem, rng.integers(0, 256, (20, 30, 3), np.uint8), mask)
    return tmp_path


def test_reads_what_was_written_in_rgb(tmp_path, rng):
    image = rng.integers(0, 256, (20, 30, 3), np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 4:10] = 1
    put(tmp_path, "cats", "x", image, mask)
    (still,) = Stills(tmp_path, ("cats",))
    np.testing.assert_array_equal(still.image_hwc, image)
    np.testing.assert_array_equal(still.mask_hw, mask > 0)
    assert (still.source, still.stem) == ("cats", "x")


def test_leaves_out_empty_masks_and_says_which(root):
    stills = Stills(root, ("dogs", "cats"))
    assert [(s.source, s.stem) for s in stills] == [("dogs", "a"), ("cats", "a")]
    assert len(stills) == 2
    assert stills.skipped == ("cats/b",)
    with pytest.raises(IndexError):
        stills[2]


def test_a_missing_collection_is_named_with_those_there(root):
    with pytest.raises(InputError, match=r"birds.*is not a folder.*cats, dogs"):
        Stills(root, ("birds",))


@pytest.mark.parametrize("sources", ["cats", ()])
def test_sources_must_be_a_list_of_names(root, sources):
    with pytest.raises(InputError, match="list of names"):
        Stills(root, sources)


def test_an_image_without_a_mask(root):
    (root / "cats" / "masks" / "a.png").unlink()
    with pytest.raises(InputError, match=r"a\.png has no mask"):
        Stills(root, ("cats",))


def test_a_collection_without_images(root):
    (root / "dogs" / "images" / "a.png").unlink()
    with pytest.raises(InputError, match="holds no"):
        Stills(root, ("dogs",))


def test_sizes_that_differ(root):
    cv2.imwrite(str(root / "dogs" / "masks" / "a.png"), np.full((20, 31), 255, np.uint8))
    with pytest.raises(InputError, match="is 30x20 but its mask is 31x20"):
        Stills(root, ("dogs",))[0]


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_files_that_are_no_images(root, folder):
    (root / "dogs" / folder / "a.png").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        Stills(root, ("dogs",))[0]


def test_a_still_checks_what_it_is_given(rng):
    image, mask = rng.integers(0, 256, (8, 9, 3), np.uint8), np.ones((8, 9), bool)
    with pytest.raises(InputError, match="uint8 RGB"):
        Still(image[..., 0], mask)
    with pytest.raises(InputError, match="uint8 RGB"):
        Still(image.astype(np.float32), mask)
    with pytest.raises(InputError, match="bool mask"):
        Still(image, mask.T)
    with pytest.raises(InputError, match="bool mask"):
        Still(image, mask.astype(np.uint8))


@pytest.mark.data
def test_the_real_collections(data_root):
    folder = data_root / "stills"
    if not folder.is_dir():
        pytest.skip(f"stills not found at {folder}")
    every, free = Stills(folder), Stills(folder, PERMISSIVE)
    assert len(every) == 2297
    assert len(free) == 502 + 296
    assert {every[i].source for i in (0, 1000, 1500, 2296)} == set(SOURCES)
    assert min(every[0].mask_hw.shape) == 240

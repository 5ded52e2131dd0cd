"""What mask files mean, how folders line up with frames, and what broken ones say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spectrack.errors import InputError
from spectrack.tracks import davis_palette, write_index_png
from spectrack.video.masks import (
    MaskFolder,
    kind_of,
    read_hard_mask,
    read_mask,
    read_mask_as,
)
from spectrack.video.reader import open_video
from spectrack.video.targets import read_targets

SHAPE = (12, 16)


def _disk(shift: int = 0) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (y - 6) ** 2 + (x - 6 - shift) ** 2 < 16


def _soft() -> np.ndarray:
    return np.linspace(0, 1, SHAPE[0] * SHAPE[1]).reshape(SHAPE)


def _grey(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array).save(path)
    return path


def test_hard_masks_of_every_kind(tmp_path: Path) -> None:
    disk = _disk()
    Image.fromarray(disk).save(tmp_path / "bit.png")
    _grey(tmp_path / "grey255.png", disk.astype(np.uint8) * 255)
    _grey(tmp_path / "grey1.png", disk.astype(np.uint8))
    _grey(tmp_path / "grey38.png", disk.astype(np.uint8) * 38)
    _grey(tmp_path / "rgb.png", np.repeat(disk[..., None], 3, 2).astype(np.uint8) * 255)
    np.save(tmp_path / "bool.npy", disk)
    np.save(tmp_path / "int.npy", disk.astype(np.int64) * 255)
    np.savez_compressed(tmp_path / "bool.npz", disk)
    for path in sorted(tmp_path.iterdir()):
        mask = read_mask(path)
        assert mask.dtype == np.bool_, path.name
        np.testing.assert_array_equal(mask, disk, err_msg=path.name)
        np.testing.assert_array_equal(read_hard_mask(path), disk)


def test_index_masks(tmp_path: Path) -> None:
    ids = _disk().astype(np.uint8)
    ids[:3] = 2
    write_index_png(tmp_path / "palette.png", ids)
    _grey(tmp_path / "grey.png", ids)
    _grey(tmp_path / "rgb.png", davis_palette()[ids])
    np.save(tmp_path / "ids.npy", ids.astype(np.int32))
    for path in sorted(tmp_path.iterdir()):
        np.testing.assert_array_equal(read_mask(path), ids, err_msg=path.name)
        assert read_mask(path).dtype == np.uint8
        np.testing.assert_array_equal(read_hard_mask(path, object_id=2), ids == 2)
        with pytest.raises(InputError, match=r"several objects \(1, 2\) where one is wanted"):
            read_hard_mask(path)


def test_void_beside_an_object_is_not_an_object(tmp_path: Path) -> None:
    ids = _disk().astype(np.uint8) * 3
    ids[0] = 255
    write_index_png(tmp_path / "a.png", ids)
    np.testing.assert_array_equal(read_hard_mask(tmp_path / "a.png"), ids == 3)


def test_soft_masks(tmp_path: Path) -> None:
    soft = _soft()
    _grey(tmp_path / "a8.png", np.rint(soft * 255).astype(np.uint8))
    _grey(tmp_path / "a16.png", np.rint(soft * 65535).astype(np.uint16))
    np.save(tmp_path / "a.npy", soft)
    np.savez(tmp_path / "a.npz", soft=soft.astype(np.float16))
    for name, tolerance in (("a8.png", 2e-3), ("a16.png", 1e-5), ("a.npy", 1e-7), ("a.npz", 1e-3)):
        mask = read_mask(tmp_path / name)
        assert mask.dtype == np.float32
        np.testing.assert_allclose(mask, soft, atol=tolerance, err_msg=name)
    np.testing.assert_array_equal(read_hard_mask(tmp_path / "a.npy"), soft >= 0.5)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.full(SHAPE, np.nan, np.float32), "NaN"),
        (np.where(_disk(), np.inf, 0.0), "NaN or infinite"),
        (_soft() * 255, r"values from 0 to 255; expected a soft mask in \[0, 1\]"),
        (_soft() - 0.5, "values from -0.5"),
        (np.zeros((2, *SHAPE), bool), "has shape"),
        (np.full(SHAPE, 300), "ids outside 0 to 255"),
        (np.zeros(SHAPE, complex), "dtype complex128"),
    ],
)
def test_arrays_that_are_no_masks(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=said):
        read_mask(tmp_path / "a.npy")


def test_broken_mask_files(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    write_index_png(good, _disk().astype(np.uint8))
    np.save(tmp_path / "good.npy", _soft())
    pickled = tmp_path / "pickle.npy"
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    cases = [tmp_path / "missing.png", tmp_path / "missing.npy", pickled]
    for source in (good, tmp_path / "good.npy"):
        data = source.read_bytes()
        for i, part in enumerate((b"", data[: len(data) // 2], data[:-20], b"nonsense")):
            path = tmp_path / f"cut{i}{source.suffix}"
            path.write_bytes(part)
            cases.append(path)
    colours = tmp_path / "colours.png"
    Image.fromarray(np.arange(SHAPE[0] * SHAPE[1] * 3, dtype=np.uint8).reshape(*SHAPE, 3)).save(
        colours
    )
    for path in [*cases, colours]:
        with pytest.raises(InputError) as caught:
            read_mask(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_empty_target(tmp_path: Path) -> None:
    write_index_png(tmp_path / "a.png", np.zeros(SHAPE, np.uint8))
    with pytest.raises(InputError, match="is empty"):
        read_targets(tmp_path / "a.png")


def _frames(folder: Path, stems: list[str]):
    folder.mkdir()
    for stem in stems:
        Image.new("RGB", (SHAPE[1], SHAPE[0])).save(folder / f"{stem}.jpg")
    return open_video(folder)


def _masks(folder: Path, stems: list[str]) -> Path:
    folder.mkdir()
    for i, stem in enumerate(stems):
        Image.fromarray(_disk(i)).save(folder / f"{stem}.png")
    return folder


@pytest.mark.parametrize(
    ("frame_stems", "mask_stems", "expected"),
    [
        (["00000", "00001", "00002"], ["00000", "00001", "00002"], [0, 1, 2]),
        (["00000", "00001", "00002"], ["00000", "00002"], [0, None, 1]),
        (["f_07", "f_08", "f_09"], ["7_mask", "9_mask"], [0, None, 1]),
        (["a", "b", "c"], ["x", "y", "z"], [0, 1, 2]),
        (None, ["00000", "00002"], [0, None, 1]),
        (None, ["1", "2", "3"], [0, 1, 2]),
        (None, ["101", "102", "103"], [0, 1, 2]),
        (None, ["x", "y", "z"], [0, 1, 2]),
    ],
)
def test_alignment(tmp_path: Path, frame_stems, mask_stems, expected) -> None:
    if frame_stems is None:
        frames = open_video(np.zeros((3, *SHAPE, 3), np.uint8))
    else:
        frames = _frames(tmp_path / "frames", frame_stems)
    masks = MaskFolder(_masks(tmp_path / "masks", mask_stems), frames)
    assert len(masks) == 3
    assert masks.missing == [i for i, e in enumerate(expected) if e is None]
    assert masks.extra == []
    for mask, number in zip(masks, expected, strict=True):
        if number is None:
            assert mask is None
        else:
            assert mask is not None
            assert mask.dtype == np.float32
            np.testing.assert_array_equal(mask, _disk(number))


def test_masks_without_a_frame_are_told(tmp_path: Path) -> None:
    frames = _frames(tmp_path / "frames", ["00000", "00001"])
    masks = MaskFolder(_masks(tmp_path / "masks", ["00000", "00001", "00002"]), frames)
    assert (masks.missing, masks.extra) == ([], ["00002"])


@pytest.mark.parametrize("stems", [["a", "b"], ["7", "8"]])
def test_masks_that_fit_no_frame(tmp_path: Path, stems: list[str]) -> None:
    frames = open_video(np.zeros((3, *SHAPE, 3), np.uint8))
    with pytest.raises(InputError, match="name"):
        MaskFolder(_masks(tmp_path / "masks", stems), frames)


def test_a_fading_soft_mask_stays_soft(tmp_path: Path) -> None:
    _grey(tmp_path / "0.png", np.rint(_soft() * 255).astype(np.uint8))
    _grey(tmp_path / "1.png", _disk().astype(np.uint8) * 9)
    masks = MaskFolder(tmp_path)
    assert masks.kind == "soft"
    np.testing.assert_allclose(masks[1], _disk() * (9 / 255), atol=1e-6)
    alone = tmp_path / "alone"
    alone.mkdir()
    _grey(alone / "1.png", _disk().astype(np.uint8) * 9)
    assert MaskFolder(alone).kind == "hard"
    np.testing.assert_array_equal(MaskFolder(alone).hard(0), _disk())


def test_one_object_throughout(tmp_path: Path) -> None:
    write_index_png(tmp_path / "0.png", _disk().astype(np.uint8) * 2)
    both = _disk().astype(np.uint8) * 2
    both[0] = 1
    write_index_png(tmp_path / "1.png", both)
    chosen = MaskFolder(tmp_path, object_id=1)
    assert chosen.kind == "index"
    assert not np.any(chosen[0])
    np.testing.assert_array_equal(chosen[1], both == 1)
    free = MaskFolder(tmp_path)
    np.testing.assert_array_equal(free[0], _disk())
    assert free.object_id == 2  # found in the first frame, kept for those after it
    np.testing.assert_array_equal(free[1], both == 2)
    with pytest.raises(InputError, match="several objects"):
        MaskFolder(tmp_path)[1]


def _save_ids(folder: Path, ids_thw: np.ndarray, kind: str) -> list[Path]:
    """Ids as files that do not say what they are: grey, or a NumPy array, or in colours."""
    folder.mkdir()
    files = []
    for t, ids in enumerate(ids_thw):
        path = folder / f"{t:05d}.{'npy' if kind == 'npy' else 'png'}"
        if kind == "npy":
            np.save(path, ids.astype(np.int32))
        else:
            _grey(path, davis_palette()[ids] if kind == "rgb" else ids.astype(kind))
        files.append(path)
    return files


@pytest.mark.parametrize("kind", ["uint8", "uint16", "npy", "rgb"])
def test_files_of_object_ids_are_read_alike(tmp_path: Path, kind: str) -> None:
    ids_thw = np.zeros((5, *SHAPE), np.uint8)
    ids_thw[0, :3], ids_thw[0, 5:8] = 1, 2  # both, the second alone, none, one that is grey in
    ids_thw[1, 5:8] = 2  # the palette, and void
    ids_thw[3, 9:] = 7
    ids_thw[4, :1] = 255
    files = _save_ids(tmp_path / "ids", ids_thw, kind)
    assert kind_of(files) == "index"
    if kind != "rgb":  # 255 alone is void in colours of the palette only
        ids_thw[4, :1] = 1
    for path, ids in zip(files, ids_thw, strict=True):
        read = read_mask_as(path, "index")
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, ids, err_msg=path.name)
    masks = MaskFolder(tmp_path / "ids")
    assert masks.objects == [1, 2, 7]
    for object_id in (1, 2, 7):
        one = masks.of_object(object_id)
        for t, ids in enumerate(ids_thw):
            np.testing.assert_array_equal(one[t], ids == object_id)


def test_grey_rgb_that_is_not_of_the_palette_holds_its_levels(tmp_path: Path) -> None:
    ids_thw = np.zeros((2, *SHAPE), np.uint8)
    ids_thw[0, :3], ids_thw[:, 5:8] = 1, 2
    files = [
        _grey(tmp_path / f"{t}.png", np.repeat(ids[..., None], 3, 2))
        for t, ids in enumerate(ids_thw)
    ]
    assert kind_of(files) == "index"
    for path, ids in zip(files, ids_thw, strict=True):
        np.testing.assert_array_equal(read_mask_as(path, "index"), ids)


def test_one_bit_files_among_object_ids_are_object_1(tmp_path: Path) -> None:
    write_index_png(tmp_path / "0.png", _disk().astype(np.uint8) * 2)
    Image.fromarray(_disk()).save(tmp_path / "1.png")
    np.save(tmp_path / "2.npy", np.zeros(SHAPE, bool))
    masks = MaskFolder(tmp_path)
    assert masks.objects == [1, 2]
    for object_id, frame in ((2, 0), (1, 1)):
        for t in range(3):
            expected = _disk() & (t == frame)
            np.testing.assert_array_equal(masks.of_object(object_id)[t], expected)


@pytest.mark.parametrize("kind", ["grey", "rgb", "npy"])
def test_hard_files_beside_a_palette_are_masks(tmp_path: Path, kind: str) -> None:
    """A first annotation in palette mode, and 0 and 255 from there on."""
    write_index_png(tmp_path / "0.png", _disk().astype(np.uint8))
    for t in range(1, 5):
        white = _disk(t).astype(np.uint8) * 255
        if kind == "npy":
            np.save(tmp_path / f"{t}.npy", white)
        else:
            rgb = np.repeat(white[..., None], 3, axis=2)
            _grey(tmp_path / f"{t}.png", white if kind == "grey" else rgb)
    masks = MaskFolder(tmp_path)
    assert (masks.kind, masks.objects) == ("index", [1])
    for t in range(5):
        np.testing.assert_array_equal(masks[t], _disk(t))


def test_files_that_cannot_be_ids_are_judged_by_themselves(tmp_path: Path) -> None:
    soft = _soft().astype(np.float32)
    np.save(tmp_path / "a.npy", soft)
    _grey(tmp_path / "b.png", np.rint(soft * 65535).astype(np.uint16))
    for name, tolerance in (("a.npy", 1e-7), ("b.png", 1e-5)):
        read = read_mask_as(tmp_path / name, "index")
        np.testing.assert_allclose(read, soft, atol=tolerance)
    np.save(tmp_path / "c.npy", np.zeros(SHAPE, np.float32))
    assert read_mask_as(tmp_path / "c.npy", "index").dtype == np.uint8


@pytest.mark.parametrize("last", [2, 0])
def test_void_alone_in_a_frame_is_no_object(tmp_path: Path, last: int) -> None:
    """Unless no frame has another: then it is what the mask is of."""
    ids_thw = np.zeros((3, *SHAPE), np.uint8)
    ids_thw[0, :2] = ids_thw[2, 4:6] = 255
    ids_thw[2, 8:] = last
    for t, ids in enumerate(ids_thw):
        write_index_png(tmp_path / f"{t}.png", ids)
    masks, only = MaskFolder(tmp_path), last or 255
    assert masks.objects == [only]
    for t, ids in enumerate(ids_thw):
        np.testing.assert_array_equal(masks[t], ids == only)


def test_void_alone_does_not_choose_among_several(tmp_path: Path) -> None:
    for t, value in enumerate((255, 1, 2)):
        write_index_png(tmp_path / f"{t}.png", _disk().astype(np.uint8) * value)
    with pytest.raises(InputError, match=r"several objects \(1, 2\) where one is wanted"):
        MaskFolder(tmp_path)[0]


def test_result_folder_is_entered(tmp_path: Path) -> None:
    _masks(tmp_path / "masks", ["00000"])
    assert len(MaskFolder(tmp_path)) == 1


def test_bad_mask_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        MaskFolder(tmp_path / "none")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no masks"):
        MaskFolder(empty)
    frames = open_video(np.zeros((1, 9, 9, 3), np.uint8))
    masks = MaskFolder(_masks(tmp_path / "masks", ["0"]), frames)
    with pytest.raises(InputError, match=r"0\.png is 16x12 but the frames are 9x9"):
        masks[0]
    with pytest.raises(InputError, match="without ids but object 4"):
        MaskFolder(tmp_path / "masks", object_id=4)[0]


@pytest.mark.data
def test_davis_masks(davis_root: Path) -> None:
    frames = open_video(davis_root / "JPEGImages" / "480p" / "cows")
    truth = MaskFolder(davis_root / "Annotations" / "480p" / "cows", frames)
    assert (truth.missing, truth.kind, truth.size_wh) == ([], "hard", (854, 480))
    partial = MaskFolder(davis_root / "Results" / "480p" / "matnet" / "cows", frames)
    assert partial.missing == [103]

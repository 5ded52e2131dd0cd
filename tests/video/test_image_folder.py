"""Folders of images: order, depth, and every kind of broken file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from spectrack.errors import InputError
from spectrack.video.folder import read_image
from spectrack.video.reader import ImageFolder, open_video
from video_clips import numbered_frame


def _save(folder: Path, names: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        Image.fromarray(numbered_frame(i)).save(folder / name)
    return folder


def test_natural_order_and_stems(tmp_path: Path) -> None:
    folder = _save(tmp_path / "seq", ["frame1.png", "frame2.png", "frame10.png"])
    (folder / "notes.txt").write_text("no image")
    (folder / "._frame1.png").write_bytes(b"a resource fork")
    with open_video(folder) as frames:
        assert isinstance(frames, ImageFolder)
        assert frames.stems == ["frame1", "frame2", "frame10"]
        assert (frames.name, len(frames), frames.size_wh) == ("seq", 3, (96, 64))
        assert frames.times_s is None
        for i, frame in enumerate(frames):
            np.testing.assert_array_equal(frame, numbered_frame(i))
            np.testing.assert_array_equal(frames[i - 3], numbered_frame(i))


def test_glob_and_single_image(tmp_path: Path) -> None:
    folder = _save(tmp_path / "seq", ["a1.png", "a2.png", "b1.png"])
    assert open_video(f"{folder}/a*.png").stems == ["a1", "a2"]
    single = open_video(folder / "b1.png")
    assert (single.stems, single.name, len(single)) == (["b1"], "b1", 1)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_become_eight_by_rounding(tmp_path: Path, suffix: str) -> None:
    wide = np.linspace(0, 65535, 20 * 30).astype(np.uint16).reshape(20, 30)
    Image.fromarray(wide).save(tmp_path / f"grey.{suffix}")
    expected = np.rint(wide / 257).astype(np.uint8)
    read = read_image(tmp_path / f"grey.{suffix}")
    assert read.shape == (20, 30, 3)
    for channel in range(3):
        np.testing.assert_array_equal(read[..., channel], expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_colour(tmp_path: Path, suffix: str) -> None:
    rgb = np.stack([np.linspace(0, 65535, 600).reshape(20, 30)] * 3, -1).astype(np.uint16)
    rgb[..., 1] //= 2
    path = tmp_path / f"colour.{suffix}"
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    np.testing.assert_allclose(read_image(path).astype(float), rgb / 257, atol=1)


def test_other_pixel_kinds_become_rgb(tmp_path: Path) -> None:
    rgb = numbered_frame(5)
    image = Image.fromarray(rgb)
    grey = np.asarray(image.convert("L"))
    flat = np.repeat(grey[..., None], 3, axis=2)
    cases = {
        "RGBA": (image.convert("RGBA"), rgb),
        "L": (image.convert("L"), flat),
        "LA": (image.convert("LA"), flat),
        "P": (image.convert("P"), np.asarray(image.convert("P").convert("RGB"))),
        "1": (image.convert("1"), np.asarray(image.convert("1").convert("RGB"))),
    }
    for mode, (given, expected) in cases.items():
        path = tmp_path / f"{mode}.png"
        given.save(path)
        np.testing.assert_array_equal(read_image(path), expected, err_msg=mode)


def test_exif_rotation_is_honoured(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise by 90 degrees
    Image.fromarray(numbered_frame(3)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(numbered_frame(3), -1))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_truncated_image_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    folder = _save(tmp_path / "seq", [f"{i}.{suffix}" for i in range(3)])
    broken = folder / f"1.{suffix}"
    data = broken.read_bytes()
    broken.write_bytes(data[: int(len(data) * share)])
    frames = open_video(folder)
    with pytest.raises(InputError, match=rf"1\.{suffix} (is empty|cannot be read)") as caught:
        list(frames)
    assert "\n" not in str(caught.value)


def test_any_flipped_byte_of_a_png_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(numbered_frame(9)).save(path)
    data = path.read_bytes()
    for place in range(40, len(data), max(1, len(data) // 60)):
        changed = bytearray(data)
        changed[place] ^= 0x41
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"a\.png"):
            read_image(path)


def test_frames_of_another_size_are_named(tmp_path: Path) -> None:
    folder = _save(tmp_path / "seq", ["0.png", "1.png"])
    Image.new("RGB", (50, 40)).save(folder / "2.png")
    with pytest.raises(InputError, match=r"2\.png is 50x40 but the first frame is 96x64"):
        list(open_video(folder))


def test_folders_that_are_no_video(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no images"):
        open_video(empty)
    with pytest.raises(InputError, match="holds no images"):
        open_video(f"{empty}/*.png")
    twice = _save(tmp_path / "twice", ["a.png", "a.bmp"])
    with pytest.raises(InputError, match="share the frame name a"):
        open_video(twice)

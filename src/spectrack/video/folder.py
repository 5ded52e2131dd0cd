"""Frames from a folder, a glob pattern or a single image file."""

from __future__ import annotations

import glob
import os
import re
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.frames import DEFAULT_FPS, BrokenFrame, Frames

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


class ImageFolder(Frames):
    """Image files in natural order (``2.jpg`` before ``10.jpg``), read one at a time.

    Args:
        path: Folder, glob pattern or one image file. Hidden files and other kinds are left out.
        fps: Frames per second to assume.

    Raises:
        InputError: If there is no image, two share a stem, or the first cannot be read.
    """

    def __init__(self, path: str | Path, fps: float = DEFAULT_FPS) -> None:
        self.source = str(path)
        self._files = image_files(path)
        self.stems = [file.stem for file in self._files]
        parent = self._files[0].parent
        self.name = parent.resolve().name if Path(path) != self._files[0] else self.stems[0]
        self.fps = fps
        first = read_image(self._files[0])
        self.size_wh = (first.shape[1], first.shape[0])

    @property
    def length(self) -> int:
        """Number of images."""
        return len(self._files)

    def __iter__(self) -> Iterator[FrameHWC]:
        return (self._read(i) for i in range(len(self._files)))

    def salvage(self, start: int = 0) -> Iterator[FrameHWC | BrokenFrame]:
        """Frames from ``start`` on, and an error in the place of each file that is broken."""
        for index in range(start, len(self._files)):
            try:
                item: FrameHWC | BrokenFrame = self._read(index)
            except BrokenFrame as error:
                item = error
            yield item

    def _read(self, index: int) -> FrameHWC:
        try:
            frame = read_image(self._files[index])
        except InputError as error:
            raise BrokenFrame(str(error)) from None
        width, height = self.size_wh
        if frame.shape[:2] != (height, width):
            raise InputError(
                f"{self._files[index]} is {frame.shape[1]}x{frame.shape[0]} but the first frame "
                f"is {width}x{height}; give frames of one size"
            )
        return frame


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that orders the numbers within names by value."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts]


def image_files(
    path: str | Path, suffixes: frozenset[str] = IMAGE_SUFFIXES, what: str = "images"
) -> list[Path]:
    """Files with known suffixes in a folder or matching a pattern, naturally sorted.

    Raises:
        InputError: If there is none, or two of them share a stem.
    """
    root = Path(path)
    if root.is_dir():
        with os.scandir(root) as entries:  # it tells files from folders without asking again
            found = [(entry.name, entry.path) for entry in entries if entry.is_file()]
    else:
        given = [str(path)] if root.is_file() else glob.glob(str(path))
        found = [(os.path.basename(p), p) for p in given if os.path.isfile(p)]
    images = [
        (name, place)
        for name, place in found
        if os.path.splitext(name)[1].lower() in suffixes and not name.startswith(".")
    ]
    if not images:
        kinds = ", ".join(sorted(s[1:] for s in suffixes))
        raise InputError(f"{path} holds no {what}; expected files of kind {kinds}")
    images.sort(key=lambda image: natural_key(image[0]))
    seen: dict[str, str] = {}
    for name, place in images:
        stem = os.path.splitext(name)[0]
        if stem in seen:
            raise InputError(f"{seen[stem]} and {place} share the frame name {stem}; keep one")
        seen[stem] = place
    return [Path(place) for _, place in images]


def load_image(path: Path, what: str = "image") -> tuple[str, NDArray[Any]]:
    """Read a whole image file as Pillow's mode and an array of its own dtype.

    Raises:
        InputError: If the file is missing, truncated, corrupt or no image.
    """
    try:
        data = path.read_bytes()
        with warnings.catch_warnings(), Image.open(BytesIO(data)) as image:
            warnings.simplefilter("ignore")
            image.load()
            if image.format == "PNG" and not _png_sums_hold(data):
                raise ValueError("a checksum is wrong")
            turned = ImageOps.exif_transpose(image)
            return turned.mode, np.asarray(turned)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give an existing {what}") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        wide = _with_opencv(path)
        if wide is not None:
            return ("RGB" if wide.ndim == 3 else "I;16"), wide
        state = "is empty" if path.is_file() and path.stat().st_size == 0 else "cannot be read"
        reason = "" if state == "is empty" else f" ({_reason(error)})"
        raise InputError(f"{what} {path} {state}{reason}; replace or remove it") from None


def read_image(path: str | Path) -> FrameHWC:
    """Read an image as uint8 RGB of shape (H, W, 3).

    EXIF rotation is honoured, 16 bits become 8 by rounding (PNGs in colour lose their lower bits
    instead), grey is repeated, palettes are looked up and alpha is dropped.

    Raises:
        InputError: If the file is missing, truncated, corrupt or no image.
    """
    mode, array = load_image(Path(path))
    if mode == "P":
        with Image.open(path) as image:
            array = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    elif mode in {"CMYK", "YCbCr", "LAB", "HSV", "PA"}:
        array = np.asarray(Image.fromarray(array, mode=mode).convert("RGB"))
    array = eight_bits(array)
    if array.ndim == 3 and array.shape[2] in {1, 2}:
        array = array[..., 0]
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    return np.ascontiguousarray(array[..., :3])


def eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring bool, 16-bit or float pixels to uint8: full scale goes to 255, rounded."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.integer):
        scaled = np.clip(array, 0, 65535).astype(np.float32) / np.float32(257)
    else:
        scaled = np.clip(array, 0, 1).astype(np.float32) * np.float32(255)
    return np.asarray(np.rint(scaled), dtype=np.uint8)


def _png_sums_hold(data: bytes) -> bool:
    """Check the sums of all PNG chunks; Pillow, its ``verify`` too, leaves some damage unseen."""
    position = 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return False
        if kind == b"IEND":
            return True
        position = end + 4
    return False


def _with_opencv(path: Path) -> NDArray[Any] | None:
    """Multi-channel 16-bit and float TIFF, which Pillow does not know; None where it fails too."""
    if path.suffix.lower() not in {".tif", ".tiff"} or not path.is_file():
        return None
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if image is None or image.dtype == np.uint8:
        return None
    return image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2RGB)


def _reason(error: BaseException) -> str:
    """First line of an error without the path that Pillow repeats."""
    lines = str(error).splitlines() or [type(error).__name__]
    return "not an image" if "cannot identify" in lines[0] else lines[0]

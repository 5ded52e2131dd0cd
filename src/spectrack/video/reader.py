"""One door for every source of frames: :func:`open_video`."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from spectrack.errors import InputError
from spectrack.video.files import VideoFile
from spectrack.video.folder import IMAGE_SUFFIXES, ImageFolder
from spectrack.video.frames import DEFAULT_FPS, ArrayFrames, Camera, Frames
from spectrack.video.given import is_tensor, load_array
from spectrack.video.stream_frames import StreamFrames

__all__ = [
    "DEFAULT_FPS",
    "ArrayFrames",
    "Camera",
    "Frames",
    "ImageFolder",
    "StreamFrames",
    "VideoFile",
    "open_video",
]


def open_video(source: str | Path | int | Frames | Any) -> Frames:
    """Open whatever holds frames.

    Args:
        source: A video file; a folder of images, a glob pattern or one image; an RGB array or
            tensor of shape (T, H, W, 3), uint8 or floats in [0, 1], in memory or as ``.npy`` (which
            is read frame by frame) or ``.npz``; a list of frames; a generator of them, which can be
            read once; a camera number; or a :class:`Frames`, which is returned as it is.

    Returns:
        A lazy source of frames; close it or use it in a ``with`` block.

    Raises:
        InputError: If the source does not exist, is no video or image, or cannot be read.

    Example:
        >>> with open_video(np.zeros((2, 4, 6, 3), dtype=np.uint8)) as frames:
        ...     frames.size_wh, len(frames)
        ((6, 4), 2)
    """
    if isinstance(source, Frames):
        return source
    if isinstance(source, int | np.integer):
        return Camera(int(source))
    if isinstance(source, np.ndarray | list | tuple) or is_tensor(source):
        return ArrayFrames(cast(Any, source))
    if isinstance(source, Iterator):
        return StreamFrames(source)
    if not isinstance(source, str | Path):
        raise InputError(
            f"a {type(source).__name__} was given as video; give a file, folder, array or camera"
        )
    path = Path(source)
    if path.is_dir():
        return ImageFolder(path)
    if path.is_file() and path.suffix.lower() in {".npy", ".npz"}:
        frames = ArrayFrames(load_array(path, "video"), path.stem)
        frames.source = str(source)
        return frames
    if path.is_file():
        return ImageFolder(path) if path.suffix.lower() in IMAGE_SUFFIXES else VideoFile(path)
    if path.exists():
        raise InputError(f"{source} is neither a file nor a folder; give a video or image folder")
    text = str(source)
    if text.isdecimal():
        return Camera(int(text))
    if glob.has_magic(text):
        return ImageFolder(text)
    raise InputError(f"{source} does not exist; give a video file, a folder of images or a glob")

"""Masks of a whole video in one file: an array, run lengths, or a video of masks."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np

from spectrack.errors import InputError
from spectrack.structures import SoftHW
from spectrack.video.files import VideoFile
from spectrack.video.frames import Frames
from spectrack.video.given import load_array
from spectrack.video.given_masks import SoftMasks, chosen, open_array

MASK_FILE_SUFFIXES = frozenset(
    {".npy", ".npz", ".json", ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm"}
)
"""Files that may hold the masks of a whole video."""

_SAMPLED = 5
_NEAR = 48
_MOSTLY = 0.97
_COLOURED = 64


def open_mask_file(
    path: Path, frames: Frames, object_id: int | None = None
) -> dict[int, SoftMasks]:
    """Open one file with the masks of a whole video.

    ==================  ==========================================================================
    file                meaning
    ==================  ==========================================================================
    ``.npy``, ``.npz``  array (T, H, W), see :mod:`spectrack.video.given_masks`: bool or floats in
                        [0, 1] are one object, integers object ids. A ``.npy`` is read frame by
                        frame.
    ``.json``           COCO run lengths, see :func:`spectrack.video.run_lengths.read_run_lengths`
    a video             white is foreground; see :class:`VideoMasks`
    ==================  ==========================================================================

    Args:
        path: The file.
        frames: The video the masks belong to.
        object_id: Only this object, where there are several.

    Returns:
        Object id to masks.

    Raises:
        InputError: If the file cannot be read or holds no masks, or not this object.
    """
    kind = path.suffix.lower()
    if kind not in MASK_FILE_SUFFIXES:
        raise InputError(
            f"masks {path} are of no known kind; give a folder of images, .npy, .npz, "
            "run lengths as .json, or a video of masks"
        )
    if kind == ".json":
        from spectrack.video.run_lengths import read_run_lengths

        return chosen(read_run_lengths(path, frames), object_id, path)
    if kind in {".npy", ".npz"}:
        return _of_array(path, object_id)
    return {object_id or 1: VideoMasks(path)}


class VideoMasks:
    """A video whose frames are masks, white on black.

    Grey is a soft mask; where nearly all pixels are near black or white, as in a hard mask that
    went through a lossy codec, it is cut at one half.

    Args:
        path: The video file.

    Raises:
        InputError: If it cannot be read, is coloured, or nothing in it is brighter than half.
    """

    def __init__(self, path: Path) -> None:
        self._video, self._lock = VideoFile(path), Lock()
        self.source = str(path)
        count = len(self._video)
        sampled = [self._video[i] for i in range(0, count, max(1, count // _SAMPLED))]
        if any((np.ptp(f.astype(np.int16), axis=2) > _COLOURED).mean() > 1e-3 for f in sampled):
            raise InputError(
                f"{path} is coloured where a video of masks was expected; give white on black"
            )
        ends = [np.abs(f[..., 1].astype(np.int16) - 127) > 127 - _NEAR for f in sampled]
        near = np.mean([end.mean() for end in ends])
        self._hard = bool(near >= _MOSTLY)
        brightest = max(int(f.max()) for f in sampled)
        if brightest < 128:
            raise InputError(
                f"nothing in the video of masks {path} is brighter than {brightest} of 255; "
                "give white on black"
            )

    def __len__(self) -> int:
        return len(self._video)

    def __getitem__(self, index: int) -> SoftHW | None:
        """Soft mask of a frame, float32 (H, W) in [0, 1]."""
        with self._lock:  # the decoder is one, the readers may be several threads
            frame = self._video[index]
        soft = frame.mean(axis=2, dtype=np.float32) / np.float32(255)
        return (soft >= 0.5).astype(np.float32) if self._hard else soft


def _of_array(path: Path, object_id: int | None) -> dict[int, SoftMasks]:
    array = load_array(path, "masks")
    if array.ndim not in {3, 4}:
        raise InputError(f"masks {path} have shape {array.shape}; expected (frames, height, width)")
    return open_array(array, object_id, str(path))

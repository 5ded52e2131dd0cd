"""MOTS: masks that do not overlap, as lines of text or as pictures (Voigtlaender, CVPR 2019).

An object's number is ``category * 1000 + id``. A line is ``frame number category height width
runs``; frames count from 1, as MOTSChallenge has it (KITTI MOTS from 0). A picture is a PNG of 16
bits whose values are these numbers, 0 for none and 10000 for what is not to be judged.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectrack.errors import InputError
from spectrack.exports.base import About, gathered, read_text
from spectrack.storage import write_text
from spectrack.structures import Box, HardHW, Mask, Prediction
from spectrack.tracks import Track, Tracks
from spectrack.video.run_lengths import read_mask_of

BASE = 1000
IGNORED = 10_000
PICTURES = "instances"


def write_lines(tracks: Tracks, path: Path, about: About) -> None:
    """Write the file of text; where objects overlap the higher score wins."""
    lines = []
    for t in range(len(tracks.first)):
        ids_hw = tracks.index_hw(t)
        for object_id in tracks:
            inside = ids_hw == object_id
            if inside.any():
                mask = Mask.encode(inside)
                number, counts = about.category * BASE + object_id, mask.counts.decode("ascii")
                words = (t + 1, number, about.category, mask.height, mask.width, counts)
                lines.append(" ".join(map(str, words)))
        about.progress(t + 1, len(tracks.first))
    write_text(path, "".join(f"{line}\n" for line in lines))


def write_pictures(tracks: Tracks, folder: Path, about: About) -> None:
    """Write ``instances/*.png``; where objects overlap the higher score wins."""
    if about.category * BASE + 255 > np.iinfo(np.uint16).max:
        raise InputError(f"category {about.category} was given; 16 bits hold 1 to 65")
    pictures = folder / PICTURES
    pictures.mkdir()
    for t, stem in enumerate(tracks.first.stems):
        ids_hw = tracks.index_hw(t).astype(np.uint16)
        values = np.where(ids_hw > 0, ids_hw + about.category * BASE, 0).astype(np.uint16)
        Image.fromarray(values).save(pictures / f"{stem}.png")
        about.progress(t + 1, len(tracks.first))


def read_lines(path: Path, about: About) -> Tracks:
    """Tracks from a file of text; with the video, for frames after the last line.

    Raises:
        InputError: If a line is none, masks differ in size, or a frame is not in the video.
    """
    masks: dict[int, dict[int, Mask]] = defaultdict(dict)
    sizes = set()
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"line {number} of {path}"
        try:
            *words, counts = line.split()
            frame, object_number, _, height, width = (int(word) for word in words)
        except ValueError:
            raise InputError(
                f"{where} is none of MOTS; expected frame, id, class, height, width, runs"
            ) from None
        if object_number == IGNORED:
            continue
        mask = read_mask_of({"size": [height, width], "counts": counts}, where)
        if mask is None or frame < 0 or frame in masks[object_number % BASE]:
            raise InputError(f"{where} repeats an object of its frame; give one line of each")
        masks[object_number % BASE][frame] = mask
        sizes.add((width, height))
    if len(sizes) != 1:
        raise InputError(f"{path} holds masks of {len(sizes)} sizes; give a file of one video")
    size_wh = sizes.pop()
    frames = {frame for per_frame in masks.values() for frame in per_frame}
    first = 0 if 0 in frames else 1
    if about.frames is not None:
        wanted, stems = about.known("mots")
        if wanted != size_wh:
            raise InputError(
                f"masks of {path} are {size_wh} but the video is {wanted}; give its own"
            )
    else:
        stems = [f"{i:05d}" for i in range(max(frames) + 1 - first)]
    if max(frames) - first >= len(stems):
        raise InputError(
            f"{path} has a mask in frame {max(frames)} but the video {len(stems)} frames; "
            "give its own video"
        )
    tracks = {}
    for object_id, per_frame in sorted(masks.items()):
        tracks[object_id] = Track(size_wh)
        for t, stem in enumerate(stems):
            there = per_frame.get(t + first)
            tracks[object_id].append(_answer(None if there is None else there.decode()), stem)
    return gathered(tracks, path)


def read_pictures(folder: Path, about: About) -> Tracks:
    """Tracks from a folder of pictures, or from the folder that holds ``instances``.

    Raises:
        InputError: If there is no picture, or one is not as MOTS has them.
    """
    root = folder / PICTURES if (folder / PICTURES).is_dir() else folder
    files = sorted(root.glob("*.png"))
    if not files:
        raise InputError(f"{folder} holds no pictures; give a folder of PNG files")
    values = [_picture(file) for file in files]
    if len({v.shape for v in values}) != 1:
        raise InputError(f"pictures in {folder} differ in size; give those of one video")
    numbers = sorted({int(n) for v in values for n in np.unique(v)} - {0, IGNORED})
    if len({n % BASE for n in numbers}) != len(numbers):
        raise InputError(f"objects in {folder} of two classes share one id; give each its own")
    height, width = values[0].shape
    tracks = {}
    for number in numbers:
        tracks[number % BASE] = Track((width, height))
        for file, picture in zip(files, values, strict=True):
            inside = picture == number
            tracks[number % BASE].append(_answer(inside if inside.any() else None), file.stem)
    return gathered(tracks, folder)


def _picture(file: Path) -> NDArray[np.uint16]:
    try:
        # A picture may not be a bomb: Pillow warns of large ones and refuses larger ones.
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            values = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning) as error:
        raise InputError(f"{file} cannot be read ({error}); give a PNG file") from None
    if values.ndim != 2 or values.dtype.kind not in "iu" or values.min() < 0:
        raise InputError(f"{file} is no picture of numbers; expected a PNG of 16 bits")
    return values.astype(np.uint16)


def _answer(mask: HardHW | None) -> Prediction:
    box = None if mask is None else Box.from_mask(mask)
    return Prediction(box, mask, float(box is not None), found=box is not None)

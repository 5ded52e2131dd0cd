"""Packs of masks: an indexed PNG a frame, value = object id (DAVIS-2017, YouTube-VOS, MOSE)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.submissions.archive import Pack, PackWriter
from spectrack.evaluation.submissions.base import Job, compare_names, tell
from spectrack.tracks import MASKS, davis_palette, write_index_png

TOP = ""
YOUTUBE_TOP = "Annotations/"
"""Folder that YouTube-VOS wants the sequences in."""
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning)


def write(job: Job, pack: PackWriter, top: str = TOP) -> None:
    """Pack ``SEQ/FRAME.png`` for every frame.

    Raises:
        InputError: If a mask is missing, of another size, or holds objects that are not there.
    """
    for number, sequence in enumerate(job.dataset.values(), start=1):
        folder = job.results / sequence.name
        folder = folder / MASKS if (folder / MASKS).is_dir() else folder
        size_wh = size_of(sequence)
        for stem in sequence.stems:
            ids_hw = read_ids(folder / f"{stem}.png", size_wh)
            extra = set(np.unique(ids_hw).tolist()) - {0, *sequence.object_ids}
            if extra:
                raise InputError(
                    f"{folder / stem}.png holds object {min(extra)}, which sequence "
                    f"{sequence.name!r} does not have; pack results of this data set"
                )
            content = io.BytesIO()
            write_index_png(content, ids_hw)
            pack.add(f"{top}{sequence.name}/{stem}.png", content.getvalue())
        job.progress(number, len(job.dataset))


def check(job: Job, pack: Pack, top: str = TOP) -> Iterator[str]:
    """What is wrong with a pack of masks."""
    files = {
        f"{top}{sequence.name}/{stem}.png": sequence
        for sequence in job.dataset.values()
        for stem in sequence.stems
    }
    yield from compare_names(pack, files)
    there, sizes = set(pack.names), {}
    for number, (name, sequence) in enumerate(files.items(), start=1):
        if name in there:
            if sequence.name not in sizes:
                sizes[sequence.name] = size_of(sequence)
            yield from tell(partial(_check_file, pack, name, sequence, sizes[sequence.name]))
        job.progress(number, len(files))


def write_youtube(job: Job, pack: PackWriter) -> None:
    """Pack ``Annotations/SEQ/FRAME.png``; see :func:`write`."""
    write(job, pack, YOUTUBE_TOP)


def check_youtube(job: Job, pack: Pack) -> Iterator[str]:
    """What is wrong with a pack for YouTube-VOS."""
    return check(job, pack, YOUTUBE_TOP)


def size_of(sequence: VideoSequence) -> tuple[int, int]:
    """Width and height of a sequence's frames."""
    with sequence.frames() as frames:
        return frames.size_wh


def read_ids(path: Path, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Object ids of a mask, uint8 (H, W); black and white is object 1.

    Raises:
        InputError: If the file is missing, broken, no mask, or of another size.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; give a mask for every frame")
    try:
        # Larger pictures than asked for are never decoded.
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            given, mode = image.size, image.mode
            if given == size_wh and mode in {"P", "L", "1"}:
                values = np.asarray(image).astype(np.uint8)
    except _BROKEN as error:
        raise InputError(f"{path} cannot be read ({error}); give a PNG file") from None
    if mode not in {"P", "L", "1"}:
        raise InputError(f"{path} is a picture in colours; give object ids, an indexed PNG")
    if given != size_wh:
        raise InputError(f"{path} is {_wh(given)} but the frames are {_wh(size_wh)}")
    return (values > 0).astype(np.uint8) if mode == "L" and values.max() == 255 else values


def _check_file(
    pack: Pack, name: str, sequence: VideoSequence, size_wh: tuple[int, int]
) -> Iterator[str]:
    content = pack.read(name)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.format != "PNG":
                yield f"{name} is {image.format}, not PNG; write PNG"
                return
            if image.mode != "P":
                yield f"{name} is of mode {image.mode}, not indexed; write a palette and object ids"
                return
            if image.size != size_wh:
                yield f"{name} is {_wh(image.size)} but the frames are {_wh(size_wh)}"
                return
            values = np.unique(np.asarray(image))
            palette = np.array(image.getpalette("RGB"), dtype=np.int64).reshape(-1, 3)
    except _BROKEN as error:
        yield f"{name} cannot be read ({error}); write a whole PNG"
        return
    extra = sorted(set(values.tolist()) - {0, *sequence.object_ids})
    if extra:
        known = ", ".join(map(str, sequence.object_ids))
        yield f"{name} holds value {extra[0]}; expected 0 and the objects {known}"
        return
    wanted = davis_palette()[: int(values.max()) + 1]
    if len(palette) < len(wanted) or (palette[: len(wanted)] != wanted).any():
        yield f"{name} has another palette than DAVIS; write that of its annotations"


def _wh(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"

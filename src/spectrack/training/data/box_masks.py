"""Masks for data that have boxes alone, found in the boxes and kept (RTS section 4; STA).

So a network of masks can learn from LaSOT or GOT-10k.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from spectrack.datasets.base import Dataset, Sequence
from spectrack.errors import InputError
from spectrack.storage import Progress, write_bytes
from spectrack.structures import FrameHWC, HardHW, SoftHW, Target
from spectrack.video.masks import read_mask

FindMask = Callable[[FrameHWC, Target], SoftHW]
"""Frame and target with a box to a mask, as :class:`spectrack.tracking.first_mask.FirstMask`."""


def with_box_masks(
    data: Dataset,
    find: FindMask,
    folder: Path,
    *,
    every: int = 1,
    most: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """The same data with masks in its boxes.

    Masks that are in the folder are kept, so that a run that was stopped goes on; give another
    folder for another ``find``.

    Args:
        data: With a box for its frames.
        find: Makes a mask in a box.
        folder: Where masks are kept: FOLDER/SEQUENCE/STEM.png.
        every: Only every so many-th frame gets a mask; 5 for LaSOT in the published training.
        most: Only among so many first frames; 1000 for LaSOT there.
        progress: Called with sequences done and in all.

    Returns:
        The data set; frames without a mask give None.

    Raises:
        InputError: If ``every`` or ``most`` is below 1, or the folder cannot be written.
    """
    if every < 1 or (most is not None and most < 1):
        raise InputError(f"every is {every} and most {most}; give 1 or more")
    for number, video in enumerate(data.values()):
        _make(video, find, folder / video.name, every, most)
        if progress is not None:
            progress(number + 1, len(data))
    return Dataset(
        f"{data.name} with masks in its boxes",
        [_masked(video, folder / video.name) for video in data.values()],
    )


def _make(video: Sequence, find: FindMask, folder: Path, every: int, most: int | None) -> None:
    wanted = [
        t
        for t in range(0, min(len(video), most or len(video)), every)
        if not (folder / f"{video.stems[t]}.png").is_file() and video.truth_box(t) is not None
    ]
    if not wanted:
        return
    with video.frames() as frames:
        for t in wanted:
            box = video.truth_box(t)
            assert box is not None
            mask = find(frames[t], Target(box=box))
            done, content = cv2.imencode(".png", np.where(mask > 0.5, 255, 0).astype(np.uint8))
            assert done
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write_bytes(folder / f"{video.stems[t]}.png", content.tobytes())
            except OSError as error:
                raise InputError(
                    f"{folder} cannot be written ({error.strerror}); give another folder"
                ) from error


def _masked(video: Sequence, folder: Path) -> Sequence:
    return Sequence(
        video.name,
        video.stems,
        video.open_frames,
        read_mask=partial(_read, folder, video.stems),
        read_box=video.truth_box,
    )


def _read(folder: Path, stems: tuple[str, ...], index: int) -> HardHW | None:
    path = folder / f"{stems[index]}.png"
    return read_mask(path) > 0 if path.is_file() else None

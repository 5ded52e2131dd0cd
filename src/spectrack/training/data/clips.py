"""Clips of one object that a tracking network learns from: of data sets, or moving stills."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Dataset
from spectrack.datasets.base import VideoSequence as Video
from spectrack.datasets.synthetic.motion import MotionSettings, Wander, synthetic_motion
from spectrack.datasets.synthetic.stills import Still
from spectrack.errors import InputError
from spectrack.storage import Progress, replacing
from spectrack.structures import Box, FrameHWC, HardHW

FEWEST_PIXELS = 10
"""A target of so few pixels is out of sight."""

FAR_APART = MotionSettings(
    size_wh=(352, 208),
    sides=(0.12, 0.8),
    camera=Wander(shift=0.04, zoom=0.03, turn=0.03, shear=0.005),
    target=Wander(shift=0.25, zoom=0.1, turn=0.12, shear=0.05),
    bystanders=Wander(shift=0.25, zoom=0.06, turn=0.1),
    bend=0.03,
)
"""Motion between frames that are not neighbours in their video."""


@dataclass(frozen=True, eq=False)
class View:
    """A frame with its truth.

    Attributes:
        frame_hwc: uint8 RGB.
        mask_hw: True mask.
        box: True box.
    """

    frame_hwc: FrameHWC
    mask_hw: HardHW
    box: Box


class Clip(Protocol):
    """Frames of one object.

    Attributes:
        visible_t: bool (T,), whether the object is in sight.
    """

    visible_t: NDArray[np.bool_]

    def view(self, index: int) -> View:
        """A frame in which the object is in sight."""


class VideoClip:
    """A sequence of a data set; frames are read when asked for.

    Args:
        video: With masks. Its box is used where it has boxes of its own, else the mask's.
    """

    def __init__(self, video: Video) -> None:
        self._video = video
        self._frames = video.frames()
        self.visible_t = np.array([_seen(video.truth_mask(t)) for t in range(len(video))], bool)

    def view(self, index: int) -> View:
        """A frame in which the object is in sight."""
        mask = self._video.truth_mask(index)
        box = None if mask is None else self._video.truth_box(index, mask)
        if mask is None or box is None:
            raise InputError(
                f"frame {index} of {self._video.name} has no mask and box; give data with both"
            )
        return View(self._frames[index], mask, box)


class ArrayClip:
    """Frames in memory, or mapped from a file.

    Args:
        frames_thwc: uint8 RGB (T, H, W, 3).
        masks_thw: uint8 (T, H, W), not 0 on the object.
    """

    def __init__(self, frames_thwc: NDArray[np.uint8], masks_thw: NDArray[np.uint8]) -> None:
        self._frames, self._masks = frames_thwc, masks_thw
        self.visible_t = np.asarray(np.count_nonzero(masks_thw, axis=(1, 2)) > FEWEST_PIXELS)

    def view(self, index: int) -> View:
        """A frame in which the object is in sight."""
        mask = np.asarray(self._masks[index] != 0)
        box = Box.from_mask(mask)
        if box is None:
            raise InputError(f"frame {index} of a clip shows no object; ask for another")
        return View(np.asarray(self._frames[index]), mask, box)


def _seen(mask_hw: HardHW | None) -> bool:
    return mask_hw is not None and int(mask_hw.sum()) > FEWEST_PIXELS


def split_clips(videos: Dataset, held_out: int) -> tuple[list[Clip], list[Clip]]:
    """Clips of all sequences: those to learn from, and the last ones, held out.

    Raises:
        InputError: If nothing is left to learn from.
    """
    if len(videos) <= held_out:
        raise InputError(
            f"{len(videos)} videos were given; give more than the {held_out} that are held out"
        )
    clips: list[Clip] = [VideoClip(video) for video in videos.values()]
    return clips[: len(clips) - held_out], clips[len(clips) - held_out :]


def still_clips(
    stills: Sequence[Still],
    count: int,
    seed: int,
    out: Path,
    *,
    frames: int = 4,
    settings: MotionSettings = FAR_APART,
    progress: Progress | None = None,
) -> list[Clip]:
    """Short clips of stills set in motion, kept in a file and read from there the next time.

    Args:
        stills: Where objects and backgrounds come from; all are used before one is used again.
        count: How many clips.
        seed: Decides all of them.
        out: The file, without suffix.
        frames: Of each clip.
        settings: Of the motion; ``size_wh`` must be given.
        progress: Called with clips made and in all.

    Raises:
        InputError: If there are no stills, or frames have no fixed size.
    """
    if not len(stills):
        raise InputError("there are no stills to make clips of; give at least one")
    if settings.size_wh is None:
        raise InputError("clips of stills need frames of one size; give size_wh")
    width, height = settings.size_wh
    shapes = {"frames": (count, frames, height, width, 3), "masks": (count, frames, height, width)}
    files = _files(out)
    if not all(file.is_file() for file in files.values()):
        out.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as whole:
            made = {
                what: np.lib.format.open_memmap(
                    whole.enter_context(replacing(file)),
                    mode="w+",
                    dtype=np.uint8,
                    shape=shapes[what],
                )
                for what, file in files.items()
            }
            order = np.random.default_rng(seed).permutation(len(stills))
            for index in range(count):
                rng = np.random.default_rng((seed, index))
                others = [stills[int(i)] for i in rng.integers(len(stills), size=2)]
                still = stills[int(order[index % len(stills)])]
                clip = synthetic_motion(still, rng, frames, settings, others)
                made["frames"][index], made["masks"][index] = clip.frames_thwc, clip.masks_thw
                if progress is not None:
                    progress(index + 1, count)
            for array in made.values():
                array.flush()
    frames_nthwc, masks_nthw = (np.load(files[what], mmap_mode="r") for what in shapes)
    return [ArrayClip(frames_nthwc[n], masks_nthw[n]) for n in range(len(frames_nthwc))]


def remove_clips(out: Path) -> None:
    """Remove the files that :func:`still_clips` keeps."""
    for file in _files(out).values():
        file.unlink(missing_ok=True)


def _files(out: Path) -> dict[str, Path]:
    return {what: out.with_name(f"{out.name}-{what}.npy") for what in ("frames", "masks")}

"""What pixel-wise tracking learns from: videos whose masks are in memory, and stills in motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.folder import mask_sequence
from spectrack.datasets.synthetic.motion import MotionSettings, synthetic_motion
from spectrack.datasets.synthetic.stills import Still
from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, HardHW

FEWEST_PIXELS = 10
"""A target of so few pixels is out of sight."""

MOTION = MotionSettings(size_wh=(320, 192), sides=(0.12, 0.8))


@dataclass(frozen=True, eq=False)
class Footage:
    """Frames of one target, with true masks.

    Attributes:
        name: Of the video.
        size_wh: Of its frames.
        read: Frame number to frame.
        masks: Masks by number, packed to bits, rows in a row.
        boxes: Of the masks; None where the target is out of sight.
    """

    name: str
    size_wh: tuple[int, int]
    read: Callable[[int], FrameHWC]
    masks: Sequence[NDArray[np.uint8]]
    boxes: Sequence[Box | None]

    def __len__(self) -> int:
        return len(self.masks)

    def mask(self, index: int) -> HardHW:
        """The true mask of a frame, empty where the target is out of sight."""
        width, height = self.size_wh
        flat = np.unpackbits(self.masks[index], count=width * height)
        return flat.reshape(height, width).astype(bool)

    def visible(self) -> list[int]:
        """Frames in which the target is in sight."""
        return [t for t, box in enumerate(self.boxes) if box is not None]


def _footage(
    name: str, read: Callable[[int], FrameHWC], masks: Sequence[HardHW], size_wh: tuple[int, int]
) -> Footage:
    seen = [m if np.count_nonzero(m) > FEWEST_PIXELS else np.zeros_like(m) for m in masks]
    packed = [np.packbits(m.ravel()) for m in seen]
    return Footage(name, size_wh, read, packed, [Box.from_mask(m) for m in seen])


def footage_of_video(video: VideoSequence) -> Footage:
    """A sequence of a data set; frames are read when asked for, masks are kept."""
    frames = video.frames()
    height, width = frames[0].shape[:2]
    nothing = np.zeros((height, width), bool)
    masks = [video.truth_mask(t) for t in range(len(video))]
    read = frames.__getitem__
    return _footage(video.name, read, [nothing if m is None else m for m in masks], (width, height))


def footage_of_still(
    stills: Sequence[Still],
    frames: int,
    rng: np.random.Generator,
    settings: MotionSettings = MOTION,
) -> Footage:
    """A still set in motion, with parts of others.

    Args:
        stills: One of them is drawn for the target.
        frames: How many.
        rng: Everything random comes from it.
        settings: Of the motion; the size of frames must be given.
    """
    still, *others = (stills[int(i)] for i in rng.integers(len(stills), size=4))
    clip = synthetic_motion(still, rng, frames, settings, others)
    height, width = clip.frames_thwc.shape[1:3]
    name = f"{still.source}/{still.stem}"
    return _footage(name, clip.frames_thwc.__getitem__, list(clip.masks_thw), (width, height))


def videos_in(folder: Path) -> list[VideoSequence]:
    """Videos of a folder: frames in ``frames/NAME``, and a mask for each in ``masks/NAME``.

    Raises:
        InputError: If there are none, or masks or frames of one are not there.
    """
    names = sorted(p.name for p in (folder / "masks").glob("*/"))
    if not names:
        raise InputError(
            f"{folder} holds no videos; give a folder with frames/NAME and masks/NAME for each"
        )
    # a link is called what it is called here
    return [
        replace(mask_sequence(folder / "masks" / name, folder / "frames" / name), name=name)
        for name in names
    ]

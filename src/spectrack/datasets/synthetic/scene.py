"""A made-up clip with exact masks: a koi swims through a pond.

The target is a koi with its own texture that bends as it swims. The camera pans, rolls and zooms
over a pebbled floor; a second koi of the same colours comes close; lily pads float above and hide
a part of the target (and, on request, all of it); on request the target leaves the picture and
comes back.

The mask is the visible part of the target: the pixels whose centre lies inside its outline and
under no pad, without anti-aliasing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import Sequence
from spectrack.datasets.synthetic.pond import Pond, Ranges
from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, HardHW, Target
from spectrack.video.frames import DEFAULT_FPS, ArrayFrames, Frames


@dataclass(frozen=True, eq=False)
class SyntheticClip:
    """A rendered clip.

    Args:
        frames_thwc: uint8 RGB, shape (T, H, W, 3).
        masks_thw: Visible part of the target, bool, shape (T, H, W).
        seed: What it was made from.
    """

    frames_thwc: NDArray[np.uint8]
    masks_thw: NDArray[np.bool_]
    seed: int

    def __len__(self) -> int:
        return len(self.frames_thwc)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height."""
        return self.frames_thwc.shape[2], self.frames_thwc.shape[1]

    @property
    def boxes(self) -> list[Box | None]:
        """Tight box of every mask; None where the target is out of sight."""
        return [Box.from_mask(mask) for mask in self.masks_thw]

    @property
    def target(self) -> Target:
        """Box and mask of the first frame."""
        return Target(mask=self.masks_thw[0])

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the frames."""
        return tuple(_stems(len(self)))

    def sequence(self, name: str = "pond") -> Sequence:
        """The clip as a sequence of a data set."""
        return Sequence(
            name,
            self.stems,
            lambda: ArrayFrames(self.frames_thwc, name),
            lambda index: self.masks_thw[index],
        )


def iterate_clip(
    frames: int | None = None,
    size_wh: tuple[int, int] = (427, 240),
    seed: int = 0,
    occlusions: Ranges = (),
    exits: Ranges = (),
) -> Iterator[tuple[FrameHWC, HardHW]]:
    """Frames and masks one by one, in memory that does not grow; endless for ``frames=None``.

    Arguments as in :class:`Pond`.

    Example:
        >>> frame_hwc, mask_hw = next(iterate_clip(size_wh=(64, 48)))
        >>> frame_hwc.shape, bool(mask_hw.any())
        ((48, 64, 3), True)
    """
    pond = Pond(size_wh, seed, occlusions, exits)
    for time in count() if frames is None else range(frames):
        yield pond.render(time)


def make_clip(
    frames: int = 60,
    size_wh: tuple[int, int] = (427, 240),
    seed: int = 0,
    occlusions: Ranges = (),
    exits: Ranges = (),
) -> SyntheticClip:
    """A whole clip in memory (T * W * H * 4 bytes); arguments as in :class:`Pond`.

    Raises:
        InputError: If ``frames`` < 1, or as :class:`Pond`.
    """
    if frames < 1:
        raise InputError(f"a clip of {frames} frames was asked for; give at least 1")
    width, height = size_wh
    out = np.empty((frames, height, width, 3), np.uint8)
    masks = np.empty((frames, height, width), bool)
    for time, (frame, mask) in enumerate(iterate_clip(frames, size_wh, seed, occlusions, exits)):
        out[time], masks[time] = frame, mask
    return SyntheticClip(out, masks, seed)


class PondFrames(Frames):
    """Frames of a pond as a source of video that holds none of them.

    Args:
        pond: The scene.
        frames: Length, >= 1.
        name: Short name.

    Raises:
        InputError: If ``frames`` < 1.
    """

    def __init__(self, pond: Pond, frames: int, name: str = "pond") -> None:
        if frames < 1:
            raise InputError(f"a clip of {frames} frames was asked for; give at least 1")
        self.pond, self._length = pond, frames
        self.source = self.name = name
        self.size_wh, self.fps = pond.size_wh, DEFAULT_FPS
        self.stems = _stems(frames)

    @property
    def length(self) -> int:
        """Number of frames."""
        return self._length

    def __iter__(self) -> Iterator[FrameHWC]:
        return (self._read(time) for time in range(self._length))

    def _read(self, index: int) -> FrameHWC:
        return self.pond.render(index)[0]


def long_sequence(
    frames: int,
    size_wh: tuple[int, int] = (427, 240),
    seed: int = 0,
    occlusions: Ranges = (),
    exits: Ranges = (),
    name: str = "pond",
) -> Sequence:
    """A clip of any length as a sequence whose frames and masks are rendered when asked.

    Arguments and errors as in :func:`make_clip`.
    """
    pond = Pond(size_wh, seed, occlusions, exits)
    source = PondFrames(pond, frames, name)
    return Sequence(name, tuple(_stems(frames)), lambda: source, lambda time: pond.render(time)[1])


def _stems(frames: int) -> list[str]:
    """Names of frames: their numbers, as DAVIS writes them."""
    return [f"{time:05d}" for time in range(frames)]

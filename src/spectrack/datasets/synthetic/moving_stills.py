"""Videos with exact masks made of stills: a data set where no annotated videos may be used."""

from __future__ import annotations

import collections.abc
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from spectrack.datasets.base import Dataset, Sequence
from spectrack.datasets.synthetic.motion import MotionClip, synthetic_motion
from spectrack.datasets.synthetic.motion_settings import MotionSettings
from spectrack.datasets.synthetic.stills import Stills
from spectrack.errors import InputError
from spectrack.structures import HardHW
from spectrack.video.frames import ArrayFrames

if TYPE_CHECKING:
    from spectrack.video.reader import Frames


class MovingStills(Dataset):
    """Clips by :func:`~spectrack.datasets.synthetic.motion.synthetic_motion`, made when opened.

    Args:
        stills: Where objects, bystanders and backgrounds come from.
        numbers: Of the clips; each decides, with the seed, what its clip shows.
        frames: Frames of each.
        seed: Decides all of them.
        settings: Of the motion.

    Raises:
        InputError: If there are no stills, or no clips or frames are asked for.
    """

    def __init__(
        self,
        stills: Stills,
        numbers: collections.abc.Sequence[int],
        frames: int,
        seed: int = 0,
        settings: MotionSettings | None = None,
    ) -> None:
        if not len(stills) or not numbers or frames < 1:
            raise InputError(
                f"{len(numbers)} clips of {frames} frames of {len(stills)} stills were asked for; "
                "give at least one of each"
            )
        self._stills, self._frames, self._seed = stills, frames, seed
        self._settings = settings or MotionSettings()
        self._clip = lru_cache(maxsize=2)(self._make)
        stems = tuple(f"{t:05d}" for t in range(frames))
        sequences = [
            Sequence(
                f"clip-{number:03d}",
                stems,
                partial(self._open, number),
                partial(self._mask, number),
            )
            for number in numbers
        ]
        super().__init__(f"{len(sequences)} clips of stills", sequences)

    def _make(self, number: int) -> MotionClip:
        rng = np.random.default_rng((self._seed, number))
        while True:  # a thin target may be hidden at once; the next still then
            still = self._stills[int(rng.integers(len(self._stills)))]
            others = [self._stills[int(i)] for i in rng.integers(len(self._stills), size=3)]
            clip = synthetic_motion(still, rng, self._frames, self._settings, others)
            if clip.masks_thw[0].any():
                return clip

    def _open(self, number: int) -> Frames:
        return ArrayFrames(self._clip(number).frames_thwc, f"clip-{number:03d}")

    def _mask(self, number: int, index: int) -> HardHW:
        mask: HardHW = self._clip(number).masks_thw[index]
        return mask

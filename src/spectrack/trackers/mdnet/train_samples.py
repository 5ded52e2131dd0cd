"""What MDNet learns from: mini-batches of patches, each of one video.

Nam and Han, CVPR 2016, section 3.2: a mini-batch is of one domain, 32 patches on its target and 96
of its background out of eight frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.mdnet.patches import Picture
from spectrack.trackers.mdnet.samplers import (
    FIRST_BACKGROUND,
    IS_TARGET,
    Chance,
    Sampler,
    row_of,
)
from spectrack.training.data.clips import Clip
from spectrack.training.data.samples import Sample

TARGETS = Sampler("uniform", 0.1, 1.3)
OTHERS = Sampler("uniform", 2.0, 1.6)
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """What a mini-batch is.

    Args:
        frames: That it is drawn from.
        positives: Patches on the target.
        negatives: Patches of its background.
    """

    frames: int = 8
    positives: int = 32
    negatives: int = 96

    def __post_init__(self) -> None:
        for name in ("frames", "positives", "negatives"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; give 1 or more")


class DomainBatches:
    """One mini-batch of every domain; the same number is another one in every epoch.

    A batch is a dictionary: ``patches`` int8 (N, 3, 107, 107), RGB, each pixel less 128, those on
    the target first; ``positives``, how many these are, and ``domain``, both int64 without axes.

    Frames are drawn anew for every batch, where the published program goes through all of a video
    before one is used again; so a run that was stopped needs no more than its place to go on.

    Args:
        clips: One a domain.
        settings: Of batches.

    Raises:
        InputError: If there is no clip, or one in which its target is never in sight.
    """

    def __init__(self, clips: Sequence[Clip], settings: BatchSettings | None = None) -> None:
        if not clips or not all(clip.visible_t.any() for clip in clips):
            raise InputError("a video that shows no target was given; give videos that do")
        self._clips, self._settings = clips, settings or BatchSettings()

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> Sample:
        """A batch of the domain of this number, drawn from torch's global generator."""
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        s, clip = self._settings, self._clips[index]
        seen = np.flatnonzero(clip.visible_t)
        chosen = rng.choice(seen, s.frames, replace=len(seen) < s.frames)
        ons, offs = [], []
        counts = (_spread(s.positives, s.frames), _spread(s.negatives, s.frames))
        for frame, positives, negatives in zip(chosen, *counts, strict=True):
            view = clip.view(int(frame))
            height, width = view.frame_hwc.shape[:2]
            on, off = drawn(view.box, (width, height), int(positives), int(negatives), rng)
            patches = Picture(view.frame_hwc, CPU).cut(np.concatenate([on, off])).to(torch.int8)
            ons.append(patches[: len(on)])
            offs.append(patches[len(on) :])
        return {
            "patches": torch.cat([*ons, *offs]),
            "positives": torch.tensor(sum(map(len, ons))),
            "domain": torch.tensor(index),
        }


def drawn(
    box: Box, size_wh: tuple[int, int], positives: int, negatives: int, rng: Chance
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes on a target and on its background in one frame.

    Returns:
        Of the target, its own box where none could be drawn, and of the background, which may be
        fewer than asked, or none.
    """
    on = TARGETS.draw_within(box, size_wh, positives, IS_TARGET, rng)
    if positives and not len(on):
        on = row_of(box)
    return on, OTHERS.draw_within(box, size_wh, negatives, FIRST_BACKGROUND, rng)


def only_batch(batches: list[Sample]) -> dict[str, Tensor]:
    """Batches come ready, so one is taken at a time."""
    (batch,) = batches
    return batch


def _spread(count: int, frames: int) -> NDArray[np.int64]:
    """A count over frames, as evenly as it goes, (frames,)."""
    ends = np.arange(frames + 1) * count // frames
    return np.diff(ends)

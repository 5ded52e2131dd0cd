"""Samples for KYS: frames that DiMP's filter is learned from, and a run of frames after them.

Bhat et al., ECCV 2020, section 3.5. Unlike other samples the frames to answer for follow one
another, each cropped about where the target was in the one before it, as a tracker's would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC
from spectrack.training.data.augmentation import brighter, jittered_box
from spectrack.training.data.clips import Clip
from spectrack.training.data.crops import TrainingCrop
from spectrack.training.data.discriminative import STRIDE, boxes_of, pictures_of
from spectrack.training.data.samples import ClipChoice, Sample, Source, sample_chance


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What samples look like; frames to learn from are DiMP's.

    Attributes:
        size: Side of the crops in pixels, a multiple of 16.
        search: Side of a crop in sides of the target.
        train_frames: Frames to learn from.
        reach: How much older than the run they are at most.
        frames: Frames of a run after its first one; the published number is not known.
        train_scale: Standard deviation of the logarithm of the box's sides where it is learned
            from, and everywhere in a run; a crop of a run has the size of the one before.
        train_shift: Range of the box's centre in square roots of its area, where it is learned
            from,
        run_shift: and in a run, where a tracker lags behind or is a little off.
        label: Standard deviation of the label in sides of the target.
        bright: Largest change of brightness of a picture, as a share.
    """

    size: int = 288
    search: float = 5.0
    train_frames: int = 3
    reach: int = 30
    frames: int = 10
    train_scale: float = 0.25
    train_shift: float = 3.0
    run_shift: float = 0.5
    label: float = 0.25
    bright: float = 0.2

    def __post_init__(self) -> None:
        if self.size <= 0 or self.size % STRIDE:
            raise InputError(f"size is {self.size}; give a multiple of {STRIDE} above 0")
        for name in ("search", "label", "train_frames", "frames", "reach"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; give a number above 0")

    @property
    def sigma(self) -> float:
        """Standard deviation of the label in cells (0.9 for 288 pixels and 5 sides)."""
        return self.label / self.search * self.size / STRIDE


def draw_run(
    visible_t: NDArray[np.bool_], rng: np.random.Generator, before: int, frames: int, reach: int
) -> tuple[list[int], list[int]]:
    """Frames to learn from, and a run of frames in sight that begins no earlier.

    Args:
        visible_t: bool (T,).
        rng: Where chance comes from.
        before: How many of the first; one may be drawn more than once.
        frames: Length of the run.
        reach: How much older the first are at most.

    Returns:
        Both in rising order.

    Raises:
        InputError: If there is no such run.
    """
    whole = np.convolve(visible_t, np.ones(frames), "valid") == frames
    starts = np.flatnonzero(whole) if len(visible_t) >= frames else np.empty(0, np.intp)
    if not len(starts):
        raise InputError(f"a clip shows its object in less than {frames} frames on end; leave it")
    first = int(rng.choice(starts))
    seen = np.flatnonzero(visible_t)
    older = rng.choice(seen[(seen <= first) & (seen >= first - reach)], before)
    return sorted(int(t) for t in older), list(range(first, first + frames))


class RunSamples:
    """Random samples of clips.

    A sample is a dictionary: ``train`` and ``run``, uint8 RGB (K, 3, S, S) and (T + 1, 3, S, S);
    ``train_boxes`` and ``run_boxes``, float32 (K, 4) and (T + 1, 4), x, y, w, h in pixels of the
    crops; ``draw``, a number to begin the chances of raised distractors with.

    Args:
        sources: Where clips come from.
        count: Samples in an epoch.
        settings: What they look like.
        seed: The same samples in every epoch, with unchanged brightness: for validation. Left out,
            every epoch has new ones.

    Raises:
        InputError: If no clip is long enough.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        count: int,
        settings: RunSettings,
        *,
        seed: int | None = None,
    ) -> None:
        told = f"no clip shows its object in {settings.frames + 1} frames on end; give longer"
        able = [Source([c for c in s.clips if _has_run(c, settings)], s.share) for s in sources]
        self._clips = ClipChoice(able, settings.frames, told)
        self._settings, self._count, self._seed = settings, count, seed

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """A sample, drawn from torch's global generator, or by the seed and its number."""
        rng, s = sample_chance(self._seed, index), self._settings
        clip = self._clips.draw(rng)
        before, run = draw_run(clip.visible_t, rng, s.train_frames, s.frames + 1, s.reach)
        trains = []
        for t in before:
            view = clip.view(t)
            near = jittered_box(view.box, rng, s.train_scale, (s.train_shift,) * 2)
            trains.append(self._shot(view.frame_hwc, view.box, near, rng))
        follows, last = [], clip.view(run[0]).box
        for t in run:
            view = clip.view(t)
            near = jittered_box(last, rng, 0.0, (s.run_shift,) * 2)
            follows.append(self._shot(view.frame_hwc, view.box, near, rng))
            last = view.box
        return {
            "train": pictures_of(trains),
            "train_boxes": boxes_of(trains),
            "run": pictures_of(follows),
            "run_boxes": boxes_of(follows),
            "draw": torch.tensor(int(rng.integers(2**62))),
        }

    def _shot(
        self, frame_hwc: FrameHWC, box: Box, near: Box, rng: np.random.Generator
    ) -> tuple[FrameHWC, Box]:
        """A crop about a box that is near, and the true box in it."""
        s, frame_wh = self._settings, (frame_hwc.shape[1], frame_hwc.shape[0])
        size_wh = (s.size, s.size)
        try:
            crop = TrainingCrop.plan(near, frame_wh, size_wh, s.search, "replicate")
            picture = crop.image(frame_hwc)
        except InputError:  # so far off that it shows nothing of the frame
            crop = TrainingCrop.plan(box, frame_wh, size_wh, s.search, "replicate")
            picture = crop.image(frame_hwc)
        gain = 1.0 if self._seed is not None else 1 + float(rng.uniform(-s.bright, s.bright))
        return brighter(picture, gain), crop.box(box)


def _has_run(clip: Clip, settings: RunSettings) -> bool:
    whole = np.convolve(clip.visible_t, np.ones(settings.frames + 1), "valid")
    return len(clip.visible_t) > settings.frames and bool((whole == settings.frames + 1).any())

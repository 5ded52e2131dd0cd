"""Samples for the network of masks in boxes: three views of an object, moments of one clip.

The first view is remembered with its true mask; the second is segmented as the tracker would, with
that memory; the third is what the network learns from, shown the second one's mask. Often only the
third is shown, as a first frame is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.structures import FrameHWC, HardHW
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.object_views import Conditions, Shot, shot, with_other, worn

VIEWS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Frames of one object in memory; a still has one.

    Attributes:
        frames_thwc: uint8 RGB, each (H, W, 3).
        masks_thw: True masks, each bool (H, W), not empty.
    """

    frames_thwc: Sequence[FrameHWC]
    masks_thw: Sequence[HardHW]


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """What samples look like.

    Args:
        side: Of the crops, pixels; a multiple of 32.
        alone: Share of samples that only show the third view.
        absent: Share of the others whose third view shows something else.
        reach: Frames between the second and the third view at most.
        others: Share of views with another object pasted in.
        spreads: How far boxes are off, in sides, each as likely; the first for views alone.
    """

    side: int = 256
    alone: float = 1.0
    absent: float = 0.04
    reach: int = 4
    others: float = 0.2
    spreads: tuple[float, ...] = (0.04, 0.06, 0.1, 0.2)


class MaskSamples:
    """Samples drawn from torch's global generator; each epoch has new ones.

    A sample: ``images`` uint8 (3, 3, S, S), ``boxes``, ``truths`` and ``colours`` uint8 (3, S, S),
    ``alone`` bool. Where it is alone the first two views are zero, and so are the colours of the
    third. The third view's colours are those of the first.

    Args:
        sources: Clips of each source; sources are drawn by their shares.
        shares: Of the samples, one a source.
        count: Samples an epoch.
        settings: See :class:`SampleSettings`.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[Moments]],
        shares: Sequence[float],
        count: int,
        settings: SampleSettings,
    ) -> None:
        self._sources, self._count, self._settings = sources, count, settings
        self._shares = np.asarray(shares) / sum(shares)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """A sample."""
        del index  # its number seeds the generator
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        while True:
            made = self._made(rng)
            if made is not None:
                return made

    def _clip(self, rng: np.random.Generator) -> Moments:
        clips = self._sources[int(rng.choice(len(self._shares), p=self._shares))]
        return clips[int(rng.integers(len(clips)))]

    def _made(self, rng: np.random.Generator) -> dict[str, Tensor] | None:
        s = self._settings
        clip, conditions = self._clip(rng), Conditions.draw(rng)
        alone = bool(rng.random() < s.alone)
        if alone:
            numbers = [int(rng.integers(len(clip.frames_thwc)))]
        else:
            numbers = _moments(len(clip.frames_thwc), s.reach, rng)
        # a still must move by itself
        wander = (4.0, 0.03) if len(clip.frames_thwc) > 1 else (8.0, 0.07)
        shots = []
        for place, number in enumerate(numbers):
            spread = s.spreads[0] if alone or place == 0 else float(rng.choice(s.spreads))
            if alone and rng.random() < 0.3:
                spread = s.spreads[2]
            one = self._view(clip, number, rng, conditions.near(rng, *wander), spread)
            if one is None:
                return None
            shots.append(one)
        if not alone and rng.random() < s.absent:
            other = self._clip(rng)
            seen = self._view(
                other, int(rng.integers(len(other.frames_thwc))), rng, conditions, 0.1
            )
            if seen is None:
                return None
            shots[2] = Shot(seen.image_ssc, np.zeros_like(seen.truth_ss), seen.box_ss)
        colours = [np.zeros_like(shots[-1].truth_ss)] * len(shots)
        if not alone and rng.random() < 0.9:
            model = colours_in(shots[0].image_ssc, shots[0].truth_ss)
            colours = [probable(model, one.image_ssc) for one in shots]
        return _stacked(shots, colours, alone, s.side)

    def _view(
        self,
        clip: Moments,
        number: int,
        rng: np.random.Generator,
        conditions: Conditions,
        spread: float,
    ) -> Shot | None:
        s = self._settings
        one = shot(
            clip.frames_thwc[number],
            clip.masks_thw[number],
            rng,
            side=s.side,
            conditions=conditions,
            spread=spread,
        )
        if one is None or np.count_nonzero(one.truth_ss) < 64:
            return None
        if rng.random() < s.others:
            other = self._clip(rng)
            t = int(rng.integers(len(other.frames_thwc)))
            added = shot(
                other.frames_thwc[t],
                other.masks_thw[t],
                rng,
                side=s.side,
                conditions=Conditions.draw(rng),
                spread=0.1,
            )
            if added is not None:
                one = with_other(one, added, rng)
        return Shot(worn(one.image_ssc, rng), one.truth_ss, one.box_ss)


def colours_in(image_ssc: FrameHWC, mask_ss: NDArray[np.uint8]) -> ColourModel:
    """Colours of a target against its surroundings, of a crop and its mask of bytes."""
    return ColourModel(colour_index(image_ssc), (mask_ss / np.float32(255)).astype(np.float32), 0.5)


def probable(colours: ColourModel, image_ssc: FrameHWC) -> NDArray[np.uint8]:
    """How like the target's the colours are, bytes (S, S)."""
    return np.rint(255 * colours.probability_hw(colour_index(image_ssc))).astype(np.uint8)


def _moments(length: int, reach: int, rng: np.random.Generator) -> list[int]:
    """Three frames of a clip in their order of time, or backward; one frame thrice for a still."""
    last = int(rng.integers(length))
    middle = last - int(rng.integers(1, reach + 1))
    first = int(rng.integers(length))
    if middle < 0:
        middle = min(last + 1, length - 1)
    return [first, middle, last]


def _stacked(
    shots: list[Shot], colours: list[NDArray[np.uint8]], alone: bool, side: int
) -> dict[str, Tensor]:
    images = np.zeros((VIEWS, 3, side, side), np.uint8)
    boxes, truths, likely = (np.zeros((VIEWS, side, side), np.uint8) for _ in range(3))
    for place, (one, known) in enumerate(zip(shots, colours, strict=True), VIEWS - len(shots)):
        images[place] = one.image_ssc.transpose(2, 0, 1)
        boxes[place], truths[place], likely[place] = one.box_ss, one.truth_ss, known
    return {
        "images": torch.from_numpy(images),
        "boxes": torch.from_numpy(boxes),
        "truths": torch.from_numpy(truths),
        "colours": torch.from_numpy(likely),
        "alone": torch.tensor(alone),
    }

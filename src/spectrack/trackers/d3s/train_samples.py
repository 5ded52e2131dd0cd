"""Pairs that D3S's segmentation network learns from (Lukezic et al., CVPR 2020, section 4).

Two frames of a video that are not far apart: the first is cut about its target, the other about a
place that is off, as the filter's may be. Once in a while the first frame stands on both sides with
its box for a mask, so that the network also learns to find a mask in a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.d3s.crop import FACTOR
from spectrack.training.data.augmentation import brighter, flipped, jittered_box
from spectrack.training.data.clips import Clip, View
from spectrack.training.data.crops import TrainingCrop
from spectrack.training.data.samples import Sample, Source


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """What pairs look like; the defaults are the published training's.

    Args:
        side: Of the crops, pixels.
        reach: Frames between the two at most, either way; more where none is in sight so near.
        shift: Range of the second crop's centre in square roots of the target's area.
        scale: Standard deviation of the logarithm of the second crop's sides.
        place: Largest error of the target's place that the network is told, in sides of its box.
        box: Chance of the first frame on both sides, with its box for a mask.
        bright: Largest change of brightness, as a share.
        flip: Chance that both frames are mirrored.
        shown: Clips need more frames in sight,
        frames: and as many frames at least.
    """

    side: int = 384
    reach: int = 50
    shift: float = 1.5
    scale: float = 0.25
    place: float = 0.125
    box: float = 0.005
    bright: float = 0.2
    flip: float = 0.0
    shown: int = 4
    frames: int = 20

    def __post_init__(self) -> None:
        for name, least in (("side", 16), ("reach", 1), ("shown", 0), ("frames", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; give {least} or more")
        for name in ("box", "flip", "bright"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}; give a number from 0 to 1")


class SegmentationPairs:
    """Random pairs of clips.

    A pair is a dictionary: ``train`` and ``test`` uint8 (3, S, S), RGB; ``train_mask`` and
    ``test_mask`` uint8 (S, S), 1 on the target; ``place`` float32 (2,), x and y of where the target
    of ``test`` is said to be.

    Args:
        sources: Where clips come from.
        count: Pairs in an epoch.
        settings: What they look like.
        seed: The same pairs in every epoch, of the same brightness and not mirrored: for
            validation. Left out, every epoch has new ones.

    Raises:
        InputError: If no clip is long enough.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        count: int,
        settings: PairSettings,
        *,
        seed: int | None = None,
    ) -> None:
        s = settings
        self._settings, self._count, self._seed = settings, count, seed
        self._clips: list[list[Clip]] = [
            [c for c in one.clips if c.visible_t.sum() > s.shown and len(c.visible_t) >= s.frames]
            for one in sources
        ]
        shares = [o.share if c else 0.0 for o, c in zip(sources, self._clips, strict=True)]
        if not sum(shares) > 0:
            raise InputError(
                f"no clip has {s.frames} frames and shows its object in more than {s.shown}; give "
                "longer ones"
            )
        self._shares = np.array(shares) / sum(shares)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """A pair, drawn from torch's global generator, or by the seed and its number."""
        if self._seed is None:
            rng = np.random.default_rng(int(torch.randint(2**62, ())))
        else:
            rng = np.random.default_rng((self._seed, index))
        s, plain = self._settings, self._seed is not None
        clips = self._clips[int(rng.choice(len(self._shares), p=self._shares))]
        clip = clips[int(rng.integers(len(clips)))]
        first, second = draw_pair(clip.visible_t, rng, s.reach)
        boxed, mirrored = rng.random(2) < (s.box, 0.0 if plain else s.flip)
        views = [clip.view(first), clip.view(first if boxed else second)]
        if mirrored:
            views = [_mirrored(view) for view in views]
        train, test = views
        train_crop = self._crop(train, train.box)
        near = jittered_box(test.box, rng, s.scale, (s.shift, s.shift))
        test_crop = self._crop(test, near)
        learned = train.box.fill((train.frame_hwc.shape[1], train.frame_hwc.shape[0]))
        box = test_crop.box(test.box)
        off = (2 * rng.random(2) - 1) * s.place * (box.w, box.h)
        pictures = [
            brighter(picture, 1.0 if plain else 1 + float(rng.uniform(-s.bright, s.bright)))
            for picture in (train_crop.image(train.frame_hwc), test_crop.image(test.frame_hwc))
        ]
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        return {
            "train": images[0],
            "test": images[1],
            "train_mask": torch.from_numpy(train_crop.mask(learned if boxed else train.mask_hw)),
            "test_mask": torch.from_numpy(test_crop.mask(test.mask_hw)),
            "place": torch.tensor(np.array(box.center) + off, dtype=torch.float32),
        }

    def _crop(self, view: View, box: Box) -> TrainingCrop:
        size_wh = (view.frame_hwc.shape[1], view.frame_hwc.shape[0])
        side = self._settings.side
        return TrainingCrop.plan(
            _near_frame(box, size_wh), size_wh, (side, side), FACTOR, "replicate"
        )


def draw_pair(visible_t: np.ndarray, rng: np.random.Generator, reach: int) -> tuple[int, int]:
    """Two frames in sight of each other.

    Args:
        visible_t: bool (T,), true twice at least.
        rng: Where chance comes from.
        reach: Frames between them at most; it grows by 5 until there is another one.
    """
    seen = np.flatnonzero(visible_t)
    first = int(rng.choice(seen))
    others = seen[seen != first]
    if not others.size:
        return first, first
    while not (near := others[np.abs(others - first) <= reach]).size:
        reach += 5
    return first, int(rng.choice(near))


def _near_frame(box: Box, size_wh: tuple[int, int]) -> Box:
    """A box that has its centre in the frame, so that a crop about it shows something."""
    (cx, cy), (width, height) = box.center, size_wh
    cx, cy = min(max(cx, 0.0), width - 1.0), min(max(cy, 0.0), height - 1.0)
    w, h = max(box.w, 1.0), max(box.h, 1.0)
    return Box(cx - w / 2, cy - h / 2, w, h)


def _mirrored(view: View) -> View:
    """A frame the other way round; its box has the outer edges of pixels, as those of masks do."""
    (x, y, w, h), width = view.box, view.frame_hwc.shape[1]
    return View(flipped(view.frame_hwc), flipped(view.mask_hw), Box(width - (x + w), y, w, h))

"""Samples of one target for a tracking network: a frame to learn from, and later ones.

As RTS is trained (Paul et al., ECCV 2022, section 4): the later frames are drawn from a window
after the first; every frame is cropped about a box that is off, as a tracker's would be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.training.data.augmentation import (
    brighter,
    flipped,
    grey,
    jittered_box,
    mirrored_box,
    turn,
    warped,
    warped_box,
)
from spectrack.training.data.clips import Clip, View
from spectrack.training.data.crops import TrainingCrop
from spectrack.training.data.target_maps import target_labels

STRIDE = 32
"""Pixels of the network's input for one cell of the instance branch's features."""

Sample = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """What samples look like; the defaults are the published training's.

    Args:
        size_wh: Of the network's input, multiples of 32.
        search: Side of a crop in sides of the target.
        label: Standard deviation of the instance label in sides of the target.
        test_frames: Frames to segment.
        reach: The test frames are less than so many frames after the first, if it is in sight
            there.
        train_scale: Standard deviation of the logarithm of the box's sides in the first frame,
        test_scale: and in the test frames.
        train_shift: Range of the box's centre in square roots of its area, in the first frame,
        test_shift: and in the test frames, along x and y.
        grey: Chance of a picture without colours.
        flip: Chance of a mirrored picture.
        together: The chances above are drawn once for all frames of a sample; the published
            training draws them for the first frame and for the test frames apart.
        turn: Largest rotation, degrees.
        zoom: Largest logarithm of the zoom.
        bright: Largest change of brightness, as a share.
    """

    size_wh: tuple[int, int] = (832, 480)
    search: float = 5.0
    label: float = 0.25
    test_frames: int = 3
    reach: int = 100
    train_scale: float = 0.25
    test_scale: float = 0.5
    train_shift: tuple[float, float] = (3.0, 3.0)
    test_shift: tuple[float, float] = (5.5, 4.5)
    grey: float = 0.05
    flip: float = 0.5
    together: bool = False
    turn: float = 15.0
    zoom: float = 0.2
    bright: float = 0.2

    def __post_init__(self) -> None:
        if any(n <= 0 or n % STRIDE for n in self.size_wh):
            raise InputError(f"size_wh is {self.size_wh}; give multiples of {STRIDE}")
        for name in ("search", "label", "test_frames", "reach"):
            value = getattr(self, name)
            if not value > 0:
                raise InputError(f"{name} is {value}; give a number above 0")

    @property
    def label_sigma(self) -> float:
        """Standard deviation of the label in cells."""
        return self.label / self.search * math.sqrt(math.prod(self.size_wh)) / STRIDE


def training_label(box: Box, settings: SampleSettings, kernel: int = 4) -> Tensor:
    """What the instance branch should answer: a Gaussian at a box.

    Args:
        box: In pixels of the network's input.
        settings: Of the sample.
        kernel: Side of the instance filter; an even one gives a map larger by one.

    Returns:
        float32 (H / 32 + 1, W / 32 + 1).
    """
    where = torch.tensor(tuple(box), dtype=torch.float32)
    return target_labels(where, settings.size_wh, STRIDE, settings.label_sigma, kernel)


def draw_frames(
    visible_t: np.ndarray, rng: np.random.Generator, test_frames: int, reach: int
) -> tuple[int, list[int]]:
    """The frame to learn from and the later ones to segment.

    Args:
        visible_t: bool (T,).
        rng: Where chance comes from.
        test_frames: How many; one may be drawn more than once.
        reach: Length of the window after the first frame; it grows by 5 until there are some.

    Returns:
        The first frame, and the others in rising order.

    Raises:
        InputError: If no frame in sight is followed by another.
    """
    starts = np.flatnonzero(visible_t[: max(len(visible_t) - test_frames, 1)])
    seen = np.flatnonzero(visible_t)
    starts = starts[starts < seen[-1]] if seen.size else seen
    if not starts.size:
        raise InputError("a clip shows its object in less than two frames; leave it out")
    first = int(rng.choice(starts))
    later = seen[seen > first]
    while not (later < first + reach).any():
        reach += 5
    picked = rng.choice(later[later < first + reach], test_frames)
    return first, sorted(int(t) for t in picked)


@dataclass(frozen=True)
class Source:
    """Clips that samples are drawn from.

    Attributes:
        clips: Each is as likely as the others.
        share: How likely this source is, against the others.
    """

    clips: Sequence[Clip]
    share: float = 1.0


class ClipChoice:
    """Draws clips of sources.

    Args:
        sources: Where clips come from.
        least: Clips need more frames in sight than this.
        told: What to say if none has.

    Raises:
        InputError: If no clip is long enough.

    Attributes:
        count: Clips in all.
    """

    def __init__(self, sources: Sequence[Source], least: int, told: str) -> None:
        self._clips = [[c for c in s.clips if int(c.visible_t.sum()) > least] for s in sources]
        shares = np.array([s.share if c else 0 for s, c in zip(sources, self._clips, strict=True)])
        if not shares.sum() > 0:
            raise InputError(told)
        self._shares = shares / shares.sum()
        self.count = sum(len(clips) for clips in self._clips)

    def draw(self, rng: np.random.Generator) -> Clip:
        """A clip: first its source by the shares, then any of it."""
        clips = self._clips[int(rng.choice(len(self._shares), p=self._shares))]
        return clips[int(rng.integers(len(clips)))]


def sample_chance(seed: int | None, index: int) -> np.random.Generator:
    """Where the chance of a sample comes from.

    Args:
        seed: With it the sample is the same in every epoch; without it a new one, drawn from
            torch's global generator.
        index: Number of the sample.
    """
    if seed is None:
        return np.random.default_rng(int(torch.randint(2**62, ())))
    return np.random.default_rng((seed, index))


class TrackingSamples:
    """Random samples of clips.

    A sample is a dictionary: ``images`` uint8 (1 + T, 3, H, W), RGB, the first to learn from;
    ``masks`` uint8 (1 + T, H, W), 1 on the target; ``box`` float32 (4,) x, y, w, h of the first;
    ``labels`` float32 (1 + T, H / 32 + 1, W / 32 + 1).

    Args:
        sources: Where clips come from.
        count: Samples in an epoch.
        settings: What they look like.
        seed: The same samples in every epoch, without changes of the pictures: for validation.
            Left out, every epoch has new ones.
        fewest: Clips need more frames in sight than this; 2 (1 + T) in the published training.

    Raises:
        InputError: If no clip is long enough.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        count: int,
        settings: SampleSettings,
        *,
        seed: int | None = None,
        fewest: int | None = None,
    ) -> None:
        least = 2 * (1 + settings.test_frames) if fewest is None else fewest
        self._settings, self._count, self._seed = settings, count, seed
        told = f"no clip shows its object in more than {least} frames; give longer"
        self._clips = ClipChoice(sources, least, told)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """A sample, drawn from torch's global generator, or by the seed and its number."""
        rng, s = sample_chance(self._seed, index), self._settings
        clip = self._clips.draw(rng)
        first, later = draw_frames(clip.visible_t, rng, s.test_frames, s.reach)
        rolls = [_Roll.draw(s, rng)] * 2
        if not s.together:
            rolls[1] = _Roll.draw(s, rng)
        shots = [self._shot(clip.view(first), rolls[0], s.train_scale, s.train_shift, rng)]
        for t in later:
            shots.append(self._shot(clip.view(t), rolls[1], s.test_scale, s.test_shift, rng))
        images = torch.from_numpy(np.stack([one.frame_hwc for one in shots]))
        masks = np.stack([one.mask_hw for one in shots]).astype(np.uint8)
        return {
            "images": images.permute(0, 3, 1, 2),
            "masks": torch.from_numpy(masks),
            "box": torch.tensor(tuple(shots[0].box), dtype=torch.float32),
            "labels": torch.stack([training_label(one.box, s) for one in shots]),
        }

    def _shot(
        self,
        view: View,
        roll: _Roll,
        scale: float,
        shift: tuple[float, float],
        rng: np.random.Generator,
    ) -> View:
        """A frame as the network sees it."""
        s, plain = self._settings, self._seed is not None
        frame, mask, box = view.frame_hwc, view.mask_hw, view.box
        if not plain and roll.grey:
            frame = grey(frame)
        if not plain and roll.flip:
            frame, mask = flipped(frame), flipped(mask)
            box = mirrored_box(box, frame.shape[1])
        near = jittered_box(box, rng, scale, shift)
        crop = TrainingCrop.plan(near, (frame.shape[1], frame.shape[0]), s.size_wh, s.search)
        picture, truth, box = crop.image(frame), crop.mask(mask), crop.box(box)
        if not plain:
            degrees, zoom = rng.uniform(-s.turn, s.turn), rng.uniform(-s.zoom, s.zoom)
            matrix = turn((s.size_wh[1], s.size_wh[0]), float(degrees), math.exp(float(zoom)))
            picture, truth = warped(picture, matrix), warped(truth, matrix, nearest=True)
            box = warped_box(box, matrix, (s.size_wh[1], s.size_wh[0]))
            picture = brighter(picture, 1 + float(rng.uniform(-s.bright, s.bright)))
        return View(picture, truth != 0, box)


@dataclass(frozen=True)
class _Roll:
    """Choices that frames of a sample have in common."""

    grey: bool
    flip: bool

    @classmethod
    def draw(cls, settings: SampleSettings, rng: np.random.Generator) -> _Roll:
        a, b = rng.random(2)
        return cls(bool(a < settings.grey), bool(b < settings.flip))

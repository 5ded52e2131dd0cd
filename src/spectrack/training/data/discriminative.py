"""Samples for trackers that learn a filter online: frames to learn from, and frames to answer for.

As DiMP is trained (Bhat et al., ICCV 2019, section 3.4): the frames to learn from come first, those
to answer for later; every frame is cropped about a box that is off, as a tracker's would be. ATOM's
IoU-Net (Danelljan et al., CVPR 2019, section 3.1) sees pairs in either order. What the published
trainings differ in is in :class:`LearningSettings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC
from spectrack.training.data.augmentation import (
    brighter,
    flipped,
    grey,
    jittered_box,
    mirrored_box,
)
from spectrack.training.data.clips import View
from spectrack.training.data.crops import CropMode, TrainingCrop
from spectrack.training.data.proposals import (
    MIXTURE,
    SPREADS,
    Judged,
    mixture_boxes,
    near_boxes,
)
from spectrack.training.data.samples import ClipChoice, Sample, Source, sample_chance
from spectrack.training.data.siamese_pairs import draw_partner

STRIDE = 16
"""Pixels of the network's input for one cell of the features that filters see."""
GROWTH = 5
"""By how many frames the reach grows until there is a frame."""

Order = Literal["causal", "either"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """What samples look like; the defaults are DiMP's.

    Attributes:
        size: Side of the crops in pixels, a multiple of 16.
        search: Side of a crop in sides of the target.
        mode: Of the crops, see :class:`~spectrack.training.data.crops.TrainingCrop`.
        shrink: By how much a crop may be made smaller to fit the frame; without limit where None.
        whole: Boxes are told from where the crop begins, at a whole pixel; ATOM's training tells
            them from its middle instead.
        train_frames: Frames to learn from.
        test_frames: Frames to answer for.
        reach: Frames between the newest to learn from and the others, at most.
        order: "causal": frames to learn from come first; "either": one pair, in either order.
        train_scale: Standard deviation of the logarithm of the box's sides where it is learned
            from,
        test_scale: and where it is to be found.
        train_shift: Range of the box's centre in square roots of its area, where it is learned
            from,
        test_shift: and where it is to be found.
        label: Standard deviation of the label in sides of the target.
        grey: Chance of a sample without colours.
        flip: Chance of a mirrored sample, and of each of its pictures apart.
        bright: Largest change of brightness of a picture, as a share.
        proposals: Boxes to judge in every frame to answer for.
        drawn: "near": with a least overlap; "mixture": of a density that is known.
        least: IoU of boxes that are drawn near.
        spreads: Of boxes that are drawn near.
        mixture: Deviations of centre and size of the parts of a mixture.
    """

    size: int = 288
    search: float = 5.0
    mode: CropMode = "replicate"
    shrink: float | None = None
    whole: bool = True
    train_frames: int = 3
    test_frames: int = 3
    reach: int = 30
    order: Order = "causal"
    train_scale: float = 0.25
    test_scale: float = 0.5
    train_shift: float = 3.0
    test_shift: float = 4.5
    label: float = 0.25
    grey: float = 0.05
    flip: float = 0.0
    bright: float = 0.2
    proposals: int = 8
    drawn: Literal["near", "mixture"] = "near"
    least: float = 0.1
    spreads: tuple[float, ...] = SPREADS
    mixture: tuple[tuple[float, float], ...] = MIXTURE

    def __post_init__(self) -> None:
        if self.size <= 0 or self.size % STRIDE:
            raise InputError(f"size is {self.size}; give a multiple of {STRIDE} above 0")
        for name in ("search", "label", "train_frames", "test_frames", "reach", "proposals"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; give a number above 0")
        if self.order == "either" and (self.train_frames, self.test_frames) != (1, 1):
            raise InputError(
                f"{self.train_frames} frames to learn from and {self.test_frames} to answer for "
                "in either order were asked for; give one of each"
            )

    @property
    def sigma(self) -> float:
        """Standard deviation of the label in cells (0.9 for 288 pixels and 5 sides)."""
        return self.label / self.search * self.size / STRIDE


def draw_before_and_after(
    visible_t: NDArray[np.bool_], rng: np.random.Generator, before: int, after: int, reach: int
) -> tuple[list[int], list[int]]:
    """Frames to learn from, and later ones to answer for; one may be drawn more than once.

    Args:
        visible_t: bool (T,).
        rng: Where chance comes from.
        before: How many of the first, at least one: the newest of them is any that has frames on
            both sides, the others are at most ``reach`` frames older.
        after: How many of the others: at most ``reach`` frames newer than it.
        reach: It grows until there are frames.

    Returns:
        Both in rising order.

    Raises:
        InputError: If no frame in sight is followed by another.
    """
    seen = np.flatnonzero(visible_t)
    if len(seen) < 2:
        raise InputError("a clip shows its object in less than two frames; leave it out")
    roomy = seen[(seen >= before - 1) & (seen < len(visible_t) - after) & (seen < seen[-1])]
    newest = int(rng.choice(roomy if len(roomy) else seen[:-1]))
    later = seen[seen > newest]
    far = reach
    while not (later <= newest + far).any():
        far += GROWTH
    tests = rng.choice(later[later <= newest + far], after)
    older = seen[(seen <= newest) & (seen >= newest - reach)]
    trains = [newest, *rng.choice(older, before - 1)]
    return sorted(int(t) for t in trains), sorted(int(t) for t in tests)


class LearningSamples:
    """Random samples of clips.

    A sample is a dictionary: ``train`` and ``test``, uint8 RGB (K, 3, S, S) and (T, 3, S, S);
    ``train_boxes`` and ``test_boxes``, float32 (K, 4) and (T, 4), x, y, w, h in pixels of the
    crops; ``proposals`` float32 (T, P, 4), boxes to judge, with ``overlaps``, ``sampled`` and
    ``true`` (T, P), see :class:`~spectrack.training.data.proposals.Judged`.

    Args:
        sources: Where clips come from.
        count: Samples in an epoch.
        settings: What they look like.
        seed: The same samples in every epoch, without changes of the pictures: for validation.
            Left out, every epoch has new ones.
        fewest: Clips need more frames in sight than this; 12 in the published training of DiMP.

    Raises:
        InputError: If no clip is long enough.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        count: int,
        settings: LearningSettings,
        *,
        seed: int | None = None,
        fewest: int = 1,
    ) -> None:
        told = f"no clip shows its object in more than {fewest} frames; give longer"
        self._clips = ClipChoice(sources, fewest, told)
        self._settings, self._count, self._seed = settings, count, seed

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """A sample, drawn from torch's global generator, or by the seed and its number."""
        rng, s = sample_chance(self._seed, index), self._settings
        clip = self._clips.draw(rng)
        if s.order == "either":
            one, other = draw_partner(clip.visible_t, rng, s.reach)
            before, after = [one], [other]
        else:
            before, after = draw_before_and_after(
                clip.visible_t, rng, s.train_frames, s.test_frames, s.reach
            )
        rolls = rng.random(2)
        looks = bool(rolls[0] < s.grey), bool(rolls[1] < s.flip)
        trains = [
            self._shot(clip.view(t), looks, s.train_scale, s.train_shift, rng) for t in before
        ]
        tests = [self._shot(clip.view(t), looks, s.test_scale, s.test_shift, rng) for t in after]
        judged = [self._judged(box, rng) for _, box in tests]
        return {
            "train": pictures_of(trains),
            "test": pictures_of(tests),
            "train_boxes": boxes_of(trains),
            "test_boxes": boxes_of(tests),
            **{
                name: torch.from_numpy(np.stack([getattr(one, field) for one in judged]))
                for name, field in (
                    ("proposals", "boxes"),
                    ("overlaps", "overlaps"),
                    ("sampled", "sampled"),
                    ("true", "true"),
                )
            },
        }

    def _judged(self, box: Box, rng: np.random.Generator) -> Judged:
        s = self._settings
        if s.drawn == "mixture":
            return mixture_boxes(box, s.proposals, rng, s.mixture)
        return near_boxes(box, s.proposals, rng, s.least, s.spreads)

    def _shot(
        self,
        view: View,
        looks: tuple[bool, bool],
        scale: float,
        shift: float,
        rng: np.random.Generator,
    ) -> tuple[FrameHWC, Box]:
        """A frame as the network sees it, and the true box in it."""
        s, plain = self._settings, self._seed is not None
        frame, box = view.frame_hwc, view.box
        size_wh, frame_wh = (s.size, s.size), (frame.shape[1], frame.shape[0])
        near = jittered_box(box, rng, scale, (shift, shift))
        try:
            crop = TrainingCrop.plan(near, frame_wh, size_wh, s.search, s.mode, s.shrink)
            picture = crop.image(frame)
        except InputError:  # so far off that it shows nothing of the frame
            near = box
            crop = TrainingCrop.plan(near, frame_wh, size_wh, s.search, s.mode, s.shrink)
            picture = crop.image(frame)
        box = crop.box(box) if s.whole else crop.box_about(box, near)
        if plain:
            return picture, box
        if looks[0]:
            picture = grey(picture, exchanged=False)
        if looks[1] != bool(rng.random() < s.flip):
            picture, box = flipped(picture), mirrored_box(box, s.size)
        return brighter(picture, 1 + float(rng.uniform(-s.bright, s.bright))), box


def pictures_of(shots: list[tuple[FrameHWC, Box]]) -> torch.Tensor:
    """Crops with boxes: the crops, uint8 (N, 3, S, S)."""
    stacked = torch.from_numpy(np.stack([picture for picture, _ in shots]))
    return stacked.permute(0, 3, 1, 2).contiguous()


def boxes_of(shots: list[tuple[FrameHWC, Box]]) -> torch.Tensor:
    """Crops with boxes: the boxes, float32 (N, 4)."""
    return torch.tensor([tuple(box) for _, box in shots], dtype=torch.float32)

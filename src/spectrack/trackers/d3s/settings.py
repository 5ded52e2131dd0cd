"""Every choice of D3S, named; values are the published ones, the same for all benchmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from spectrack.errors import InputError
from spectrack.trackers.d3s.state import Rules
from spectrack.tracking.localisation import Thresholds
from spectrack.tracking.variations import Variations

VARIATIONS = Variations(
    shifts=tuple(
        (right * part, down * part)
        for part in (0.25, 0.75)
        for right, down in ((1, 1), (-1, 1), (1, -1), (-1, -1))
    ),
    mirrored=True,
    blurs=((2, 0.2), (0.2, 2), (3, 1), (1, 3), (2, 2)),
    rotations=(5, -5, 10, -10, 20, -20, 30, -30, 45, -45, -60, 60),
    wander=0.0,
)
"""Of the first frame, 27 with the patch as it is."""


@dataclass(frozen=True, slots=True)
class D3SSettings:
    """How D3S follows a target (Lukezic et al., CVPR 2020, section 3.4).

    Doubt is how many times lower the filter's score is than it was in the mean of the last frames
    in which it was believed.

    Args:
        weights: Published weights by name, or a file of them.
        filter_weights: Weights of the ResNet-50 whose features the filter reads, which is not the
            one in ``weights``: the published program takes torchvision's. Where empty, ``resnet50``
            beside a network with a ResNet-50, and else the network's own backbone.
        task: With ``mask`` every piece of a mask is the target's, its size may change faster, and
            every frame is segmented, as published for targets given by a mask; with ``box`` the
            largest piece alone is, and doubtful frames are not. ``auto``: as the target is given.
        rotated: Boxes turn with the target: fitted along its ellipse. The box given is the upright
            one of the same centre and area, the corners are
            :attr:`~spectrack.trackers.d3s.tracker.D3STracker.corners`. Otherwise boxes are tight.
        threshold: Probability above which a pixel is the target's; here and for the next two, None
            stands for the task's value: 0.5, or 0.2 for ``mask``.
        slowest: The scale changes at least by this factor a frame: 0.95, or 0.9,
        fastest: and at most by this one: 1.05, or 1.1.
        frame_area: Where a mask is given, count its area in pixels of the frame to begin with, as
            the published program does, though all others are in pixels of the crop. Small targets
            are then never measured again.
        believed: A doubt below lets the filter's place count, and the frame be learned from;
        sure: one below lets the mask change the scale;
        segmented: one below lets the frame be segmented at all.
        absent: The target is not found where the filter's highest score is below.
        hard_negative: A second peak of more than this share of the highest one is learned from at
            once.
        search: Side of the filter's patch in sides of the target,
        patch: and in pixels, a multiple of 32.
        memory: Samples that the filter remembers, more than 27.
        rate: Weight of a new one,
        hard_rate: and of one with a second peak.
        first_rounds: Gauss-Newton steps in the first frame,
        first_steps: and steps of conjugate gradients in each.
        every: The filter learns in every so many-th frame,
        steps: so many steps of conjugate gradients.
        filter_strength: How strongly the filter is held small,
        projection_strength: and how strongly the projection before it is.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        half: Half precision in the networks, on a GPU; learning stays in single precision.
    """

    weights: str = "d3s"
    filter_weights: str = ""
    task: Literal["auto", "box", "mask"] = "auto"
    rotated: bool = False
    threshold: float | None = None
    slowest: float | None = None
    fastest: float | None = None
    frame_area: bool = False
    believed: float = 3.0
    sure: float = 3.5
    segmented: float = 10.0
    absent: float = -1.0
    hard_negative: float = 0.3
    search: float = 4.5
    patch: int = 256
    memory: int = 250
    rate: float = 0.0075
    hard_rate: float = 0.02
    first_rounds: int = 6
    first_steps: int = 10
    every: int = 10
    steps: int = 5
    filter_strength: float = 0.1
    projection_strength: float = 1e-4
    device: str = "auto"
    half: bool = False

    def __post_init__(self) -> None:
        if self.memory <= VARIATIONS.count:
            raise InputError(f"memory is {self.memory}; give more than {VARIATIONS.count}")
        for name in ("rate", "hard_rate", "threshold"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise InputError(f"{name} is {value:g}; give a number between 0 and 1")
        for name, low, high in (("slowest", 0.0, 1.0), ("fastest", 1.0, math.inf)):
            value = getattr(self, name)
            if value is not None and not (low < value <= high or value == 1):
                raise InputError(f"{name} is {value:g}; give a number between {low:g} and {high:g}")
        for name in ("first_rounds", "first_steps", "every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; give 1 or more")
        if self.patch < 32 or self.patch % 32:
            raise InputError(f"patch is {self.patch}; give a multiple of 32")
        if self.steps < 0:
            raise InputError(f"steps is {self.steps}; give 0 or more")
        for name in ("search", "filter_strength", "projection_strength"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"{name} is {value:g}; give a number above 0")
        for name in ("believed", "sure", "segmented", "absent", "hard_negative"):
            if math.isnan(getattr(self, name)):
                raise InputError(f"{name} is not a number; give one")

    def rules(self, given_mask: bool) -> Rules:
        """What decides which masks are used, for a target given by a mask or by a box."""
        masks = self.whole(given_mask)
        usual = (0.2, 0.9, 1.1) if masks else (0.5, 0.95, 1.05)
        given = (self.threshold, self.slowest, self.fastest)
        threshold, slowest, fastest = (
            u if g is None else g for g, u in zip(given, usual, strict=True)
        )
        return Rules(
            threshold=threshold,
            slowest=slowest,
            fastest=fastest,
            whole=masks,
            search=self.search,
            side=self.patch,
            sure=self.sure,
            rotated=self.rotated,
        )

    def whole(self, given_mask: bool) -> bool:
        """Whether the task is that of masks."""
        return self.task == "mask" or (self.task == "auto" and given_mask)

    @property
    def thresholds(self) -> Thresholds:
        """What decides about peaks of the filter's scores; none is ever taken for a distractor."""
        return Thresholds(
            absent=self.absent,
            distractor=100.0,
            hard_negative=self.hard_negative,
            neighbourhood=2.2,
        )

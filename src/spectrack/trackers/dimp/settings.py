"""Every choice of DiMP, PrDiMP and SuperDiMP, named; the published values of each variant."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from spectrack.errors import InputError
from spectrack.tracking.box_refinement import RELATIVE, RefinementSettings
from spectrack.tracking.localisation import Thresholds
from spectrack.tracking.online_filter import FilterSettings, Scores
from spectrack.tracking.online_frame import STRIDE, FrameSettings
from spectrack.tracking.patches import Border
from spectrack.tracking.variations import DIMP_VARIATIONS, Variations

Variant = Literal["dimp18", "dimp50", "prdimp18", "prdimp50", "superdimp", "small"]


@dataclass(frozen=True, slots=True)
class Preset:
    """What the variants differ in, besides their weights.

    Args:
        weights: Published, by name.
        side: Height and width of the patch as the network sees it.
        search: Side of the search region in sides of the target.
        border: What to do at the frame's edge.
        max_scale_change: How far a region is shrunk to fit into the frame; None for any.
        scores: What thresholds are held against.
        absent: A highest score below this is no target.
        refinement: How boxes are made to fit.
    """

    weights: str
    side: int = 288
    search: float = 5.0
    border: Border = "replicate"
    max_scale_change: float | None = None
    scores: Scores = "raw"
    absent: float = 0.25
    refinement: RefinementSettings = RELATIVE


DIMP = RefinementSettings()
PRESETS: dict[str, Preset] = {
    "dimp18": Preset("dimp18", refinement=DIMP),
    "dimp50": Preset("dimp50", refinement=DIMP),
    "prdimp18": Preset("prdimp18", scores="softmax", absent=0.04),
    "prdimp50": Preset("prdimp50", 352, 6.0, "inside_major", 1.5, "softmax", 0.04),
    "superdimp": Preset("super_dimp", 352, 6.0, "inside_major", 1.5),
    "small": Preset("dimp_small", 256, 4.5, "inside_major", 1.5),
}
"""By variant, the values that its authors published; ``small`` is this house's own, see
``train dimp --small``."""


@dataclass(frozen=True, slots=True)
class DiMPSettings:
    """How DiMP and its successors follow a target (Bhat et al., ICCV 2019, section 4).

    Args:
        variant: ``dimp18``, ``dimp50``, ``prdimp18``, ``prdimp50``, ``superdimp`` or
            ``small``.
        weights: Published weights by name, or a file; the variant's where empty.
        side: Height and width of the search region as the network sees it, a multiple of 32; here
            and below, what is not given goes with the weights or the variant.
        search: Side of the search region in sides of the target.
        absent: A highest score below this is no target. Scores are DiMP's own, about 1 at the
            target; PrDiMP's are probabilities of a cell.
        distractor: Share of the highest score above which a second one is a distractor.
        hard_negative: Share of it above which a second one is learned from at once.
        neighbourhood: Side of the area that belongs to the highest score, in sides of the target.
        displacement: How far from the last place a peak may be to be near it, in half sides of the
            score map.
        memory: Samples that the filter remembers.
        rate: Weight of a new one,
        hard_rate: and of one with a hard negative.
        share: Weight that the first frame's samples keep.
        every: The filter learns in every so many-th frame.
        first_steps: Steps of the filter's learner in the first frame,
        steps: in every so many-th,
        hard_steps: and at a hard negative.
        refine: Make the box fit by IoU-Net; without it the size goes by the best of the ``scales``.
        scales: So many regions of different size are looked at in every frame, odd; published is 1.
        scale_step: From one of them to the next, over 1.
        proposals: Boxes drawn about the first guess.
        best: So many boxes of the highest scores are averaged.
        dropouts: Copies of the first frame's features with maps left out.
        wander: Reach of random shifts of the first frame's samples, in sides of the region.
        seed: Of all that is left to chance.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        half: Half precision in the backbone, on a GPU; what learns stays in single precision.
    """

    variant: Variant = "dimp50"
    weights: str = ""
    side: int | None = None
    search: float | None = None
    absent: float | None = None
    distractor: float = 0.8
    hard_negative: float = 0.5
    neighbourhood: float = 2.2
    displacement: float = 0.8
    memory: int = 50
    rate: float = 0.01
    hard_rate: float = 0.02
    share: float = 0.25
    every: int = 20
    first_steps: int = 10
    steps: int = 2
    hard_steps: int = 1
    refine: bool = True
    scales: int = 1
    scale_step: float = 1.02
    proposals: int = 9
    best: int = 3
    dropouts: int = 2
    wander: float = 1 / 3
    seed: int = 0
    device: str = "auto"
    half: bool = False

    def __post_init__(self) -> None:
        if self.variant not in PRESETS:
            raise InputError(f"variant is {self.variant!r}; give one of {', '.join(PRESETS)}")
        if self.side is not None and (self.side < 2 * STRIDE or self.side % (2 * STRIDE)):
            raise InputError(f"side is {self.side}; give a multiple of {2 * STRIDE}")
        if self.search is not None and not (math.isfinite(self.search) and self.search > 0):
            raise InputError(f"search is {self.search}; give a number over 0")
        for name in ("rate", "hard_rate"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; give one over 0, below 1")
        if not 0 <= self.share < 1:
            raise InputError(f"share is {self.share}; give one from 0 to below 1")
        if self.scales < 1 or self.scales % 2 == 0:
            raise InputError(f"scales is {self.scales}; give an odd number from 1 on")
        if not (math.isfinite(self.scale_step) and self.scale_step > 1):
            raise InputError(f"scale_step is {self.scale_step}; give a number over 1")
        for name in ("every", "best"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; give 1 or more")
        for name in (
            *("first_steps", "steps", "hard_steps", "proposals", "dropouts", "wander", "seed"),
            *("neighbourhood", "displacement"),
        ):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{name} is {getattr(self, name)}; give 0 or more")
        for name in ("absent", "distractor", "hard_negative"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name} is {value}; give a number")
        if self.memory <= self.variations.count:
            raise InputError(
                f"memory is {self.memory}; give more than the {self.variations.count} samples of "
                "the first frame"
            )

    @property
    def preset(self) -> Preset:
        """What goes with the variant."""
        return PRESETS[self.variant]

    @property
    def named_weights(self) -> str:
        """The weights, chosen where they are not given."""
        return self.weights or self.preset.weights

    def complete(self, shown: Mapping[str, float]) -> DiMPSettings:
        """With what a file of weights says of its training, where nothing else was given.

        Args:
            shown: ``width`` and ``search`` of the regions, if it tells.
        """
        told: dict[str, Any] = {}
        if self.side is None and "width" in shown:
            told["side"] = int(shown["width"])
        if self.search is None and "search" in shown:
            told["search"] = float(shown["search"])
        return replace(self, **told)

    @property
    def variations(self) -> Variations:
        """Of the first frame."""
        return replace(DIMP_VARIATIONS, dropouts=self.dropouts, wander=self.wander)

    def frame(self, kernel: int) -> FrameSettings:
        """How frames are looked at.

        Args:
            kernel: Side of the classifier's filter.
        """
        preset = self.preset
        return FrameSettings(
            side=self.side or preset.side,
            search=self.search or preset.search,
            border=preset.border,
            max_scale_change=preset.max_scale_change,
            kernel=kernel,
            variations=self.variations,
            scales=tuple(self.scale_step ** (n - self.scales // 2) for n in range(self.scales)),
            seed=self.seed,
        )

    @property
    def filter(self) -> FilterSettings:
        """How the classifier learns and decides."""
        absent = self.preset.absent if self.absent is None else self.absent
        return FilterSettings(
            scores=self.preset.scores,
            thresholds=Thresholds(
                absent=absent,
                distractor=self.distractor,
                hard_negative=self.hard_negative,
                neighbourhood=self.neighbourhood,
                displacement=self.displacement,
            ),
            memory=self.memory,
            rate=self.rate,
            hard_rate=self.hard_rate,
            share=self.share,
            every=self.every,
            first_steps=self.first_steps,
            steps=self.steps,
            hard_steps=self.hard_steps,
        )

    @property
    def refinement(self) -> RefinementSettings:
        """How boxes are made to fit."""
        return replace(self.preset.refinement, proposals=self.proposals, best=self.best)

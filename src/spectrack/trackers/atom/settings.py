"""Every choice of ATOM, named; values are the published ones by preset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from spectrack.errors import InputError
from spectrack.tracking.box_refinement import RefinementSettings
from spectrack.tracking.localisation import Thresholds
from spectrack.tracking.variations import Variations

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "default": {
        "side": 288,
        "search": 5.0,
        "rate": 0.01,
        "share": 0.25,
        "window": False,
        "absent": 0.25,
        "distractor": 0.8,
        "hard_negative": 0.5,
        "displacement": 0.8,
    },
    "vot": {
        "side": 224,
        "search": 4.0,
        "rate": 0.0075,
        "share": 0.0,
        "window": True,
        "absent": -1.0,
        "distractor": 100.0,
        "hard_negative": 0.3,
        "displacement": 0.7,
    },
}
"""What the two sets differ in; ``vot`` hardly ever takes a target for lost."""

FIRST = Variations(
    shifts=((0.6, 0.6), (-0.6, 0.6), (0.6, -0.6), (-0.6, -0.6)),
    mirrored=True,
    blurs=((2.0, 0.2), (0.2, 2.0), (3.0, 1.0), (1.0, 3.0), (2.0, 2.0)),
    rotations=(5, -5, 10, -10, 20, -20, 30, -30, 45, -45, -60, 60),
    dropouts=7,
    dropout=0.2,
    wander=1 / 3,
)
"""Thirty samples of the first frame."""

KERNEL = 4
"""Side of the filter."""

LABEL = 0.25
"""Width of the Gaussian label in sides of the target."""


@dataclass(frozen=True, slots=True)
class ATOMSettings:
    """How ATOM follows a target (Danelljan et al., CVPR 2019, section 4).

    None stands for what the preset says, also where the weights do not tell otherwise.

    Args:
        weights: Published weights by name, or a file of them.
        preset: ``default`` (OTB, NFS, UAV123, TrackingNet, LaSOT) or ``vot``.
        side: Height and width of the search region as the network sees it, a multiple of 32.
        search: Side of the search region in sides of the target.
        window: Weigh scores down towards the edge of the region by a Hann window.
        absent: A highest score below it is no target.
        distractor: Share of it above which a second peak is a distractor.
        hard_negative: Share above which a second peak is worth learning from at once.
        displacement: How far from the middle the target's peak may be, in half sides of the map.
        neighbourhood: Side of the area about a peak that belongs to it, in sides of the target.
        maps: Features after the projection.
        memory: Samples remembered, more than the thirty of the first frame.
        rate: Weight of a new sample,
        hard_rate: and of one with a distractor.
        share: Weight that the samples of the first frame keep.
        filter_strength: Regularisation of the filter,
        projection_strength: and of the projection.
        first_iterations: Gauss-Newton steps in the first frame,
        first_steps: and conjugate gradients in each.
        every: Frames between two times of learning,
        steps: and conjugate gradients then.
        hard_steps: The same at once after a distractor.
        proposals: Boxes drawn about the first guess.
        climb: Steps of each uphill.
        step: Their length.
        best: So many of them are averaged.
        seed: Decides all that is drawn.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        half: The backbone in half precision, on a GPU; what learns stays in single precision.
    """

    weights: str = "atom_default"
    preset: Literal["default", "vot"] = "default"
    side: int | None = None
    search: float | None = None
    window: bool | None = None
    absent: float | None = None
    distractor: float | None = None
    hard_negative: float | None = None
    displacement: float | None = None
    neighbourhood: float = 2.2
    maps: int = 64
    memory: int = 250
    rate: float | None = None
    hard_rate: float = 0.02
    share: float | None = None
    filter_strength: float = 0.1
    projection_strength: float = 1e-4
    first_iterations: int = 6
    first_steps: int = 10
    every: int = 10
    steps: int = 5
    hard_steps: int = 5
    proposals: int = 9
    climb: int = 5
    step: float = 1.0
    best: int = 3
    seed: int = 0
    device: str = "auto"
    half: bool = False

    def __post_init__(self) -> None:
        if self.preset not in PUBLISHED:
            raise InputError(f"preset is {self.preset!r}; give {' or '.join(PUBLISHED)}")
        for name in ("search", "neighbourhood", "filter_strength", "projection_strength"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}; give a number over 0")
        for name in ("rate", "hard_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise InputError(f"{name} is {value}; give one over 0 and below 1")
        for name in ("absent", "distractor", "hard_negative", "displacement"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name} is {value}; give a number")
        if self.share is not None and not 0 <= self.share < 1:
            raise InputError(f"share is {self.share}; give one from 0 to below 1")
        if self.side is not None and (self.side < 32 or self.side % 32):
            raise InputError(f"side is {self.side}; give a multiple of 32")
        for name, least in (("maps", 1), ("every", 1), ("memory", FIRST.count + 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; give {least} or more")
        for name in ("first_iterations", "first_steps", "steps", "hard_steps", "climb", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; give 0 or more")
        self.refinement  # noqa: B018  checks its numbers

    def complete(self, shown: Mapping[str, float]) -> ATOMSettings:
        """With values in place of every None.

        Args:
            shown: What the training of the weights showed them, where their file tells; it comes
                before the preset.
        """
        values = dict(PUBLISHED[self.preset])
        if "search" in shown:
            values["search"] = float(shown["search"])
        if "height" in shown:
            values["side"] = int(shown["height"])
        missing = {name: v for name, v in values.items() if getattr(self, name) is None}
        return replace(self, **missing)

    @property
    def thresholds(self) -> Thresholds:
        """What decides about peaks; of completed settings."""
        names = ("absent", "distractor", "hard_negative", "neighbourhood", "displacement")
        return Thresholds(**{name: getattr(self, name) for name in names})

    @property
    def refinement(self) -> RefinementSettings:
        """How boxes climb."""
        return RefinementSettings(
            iterations=self.climb, step=self.step, proposals=self.proposals, best=self.best
        )

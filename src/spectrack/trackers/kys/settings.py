"""Every choice of KYS, named; values are the published ones unless said otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from spectrack.errors import InputError
from spectrack.tracking.box_refinement import RefinementSettings
from spectrack.tracking.online_frame import STRIDE
from spectrack.tracking.variations import DIMP_VARIATIONS

PUBLISHED: Mapping[str, float] = {"width": 288, "search": 5.0, "label": 0.25}
"""What goes with the published weights."""


@dataclass(frozen=True, slots=True)
class KYSSettings:
    """How KYS follows a target (Bhat et al., ECCV 2020).

    Args:
        weights: Published weights by name, or a file of them.
        side: Height and width of the search region as the network sees it, a multiple of 32; here
            and below, what is not given goes with the weights, for the published ones 288.
        search: Side of the search region in sides of the target, 5 for the published ones.
        label: Width of the first frame's label in sides of the target, 0.25 for the published ones.
        absent: A highest score below this is no target.
        appearance: Cells whose score by DiMP alone is no more than this are never the target.
        window: Weight of the scores falls off as a raised cosine over so many sides of the target,
            of which the search region is the middle; 0 for no window.
        central: Share of the region on either side of its middle. A target that is found further
            out is moved to the middle with all that is known, one within by a part of a cell.
        reach: Cells that the content of one moves in a frame, at most.
        volume: ``sum`` of products, or their ``mean``. No source we have says which one the
            published weights learned with.
        memory: Samples remembered, more than the fifteen of the first frame.
        rate: Weight of a new one.
        share: Weight that the first frame's samples keep together.
        every: Learn in every so many-th frame.
        first_steps: Steps of the filter's learner in the first frame,
        steps: and later.
        proposals: Boxes drawn about the first guess.
        climb: Steps of each uphill.
        step: Length of one, in gradients.
        best: Boxes of the highest scores that are averaged.
        aspect: Boxes longer than so many times their other side are left out.
        seed: Of what is left to chance.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        half: The backbone in half precision, on a GPU; all else stays in single precision.
    """

    weights: str = "kys"
    side: int | None = None
    search: float | None = None
    label: float | None = None
    absent: float = 0.05
    appearance: float = 0.05
    window: float = 10.0
    central: float = 0.2
    reach: int = 9
    volume: Literal["sum", "mean"] = "sum"
    memory: int = 50
    rate: float = 0.01
    share: float = 0.25
    every: int = 20
    first_steps: int = 10
    steps: int = 2
    proposals: int = 9
    climb: int = 5
    step: float = 1.0
    best: int = 3
    aspect: float = 6.0
    seed: int = 0
    device: str = "auto"
    half: bool = False

    def __post_init__(self) -> None:
        for name in ("absent", "appearance"):
            if not math.isfinite(getattr(self, name)):
                raise InputError(f"{name} is {getattr(self, name)}; give a number")
        for name in ("window", "first_steps", "steps", "reach", "seed"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; give 0 or more")
        for name in ("search", "label"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}; give a number over 0")
        if self.side is not None and (self.side < 2 * STRIDE or self.side % (2 * STRIDE)):
            raise InputError(f"side is {self.side}; give a multiple of {2 * STRIDE}")
        for name in ("rate", "share"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; give one over 0 and below 1")
        if not 0 <= self.central <= 0.5:
            raise InputError(f"central is {self.central}; give 0 to 0.5")
        if self.volume not in ("sum", "mean"):
            raise InputError(f"volume is {self.volume!r}; give sum or mean")
        if self.every < 1:
            raise InputError(f"every is {self.every}; give 1 or more")
        if self.memory <= DIMP_VARIATIONS.count:
            raise InputError(f"memory is {self.memory}; give more than {DIMP_VARIATIONS.count}")
        _ = self.refinement  # says what is wrong with its numbers

    @property
    def refinement(self) -> RefinementSettings:
        """How the box is refined, as DiMP does."""
        return RefinementSettings(
            iterations=self.climb,
            step=self.step,
            proposals=self.proposals,
            best=self.best,
            aspect=self.aspect,
        )

    def complete(self, shown: Mapping[str, float]) -> KYSSettings:
        """With what goes with the weights, where nothing was given.

        Args:
            shown: ``width``, ``search`` and ``label``, if the weights' file tells; the published
                values where it does not.
        """
        told = {**PUBLISHED, **shown}
        return replace(
            self,
            side=int(told["width"]) if self.side is None else self.side,
            search=told["search"] if self.search is None else self.search,
            label=told["label"] if self.label is None else self.label,
        )

    @property
    def frame(self) -> tuple[int, float, float]:
        """``side``, ``search`` and ``label`` of complete settings."""
        if self.side is None or self.search is None or self.label is None:
            raise InputError("settings are not complete; call complete() first")
        return self.side, self.search, self.label

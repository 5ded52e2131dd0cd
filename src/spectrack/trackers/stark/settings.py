"""Every choice of STARK, named; values are the published ones, by benchmark where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spectrack.errors import InputError

INTERVAL = 200
"""What holds where no benchmark is named: the greatest gap of frames in training."""
INTERVALS = {"lasot": 200, "got10k": 200, "trackingnet": 25, "vot20": 10, "vot20-lt": 200}
"""Frames between updates of the template, by benchmark, with ResNet-50."""
INTERVALS_101 = INTERVALS | {"vot20-lt": 100}
"""The same with ResNet-101."""


@dataclass(frozen=True, slots=True)
class STARKSettings:
    """How STARK follows a target.

    Args:
        variant: ``s50`` looks at the first frame's template alone; ``st50`` also at a later one,
            taken over from frames of high scores; ``st101`` has a deeper backbone.
        weights: Published weights by name, or a file; where empty, the published ones of the
            ``variant``.
        benchmark: Whose published interval holds; where ``any``, 200 frames.
        interval: Frames between updates of the later template, in place of the benchmark's.
        confidence: A frame's score above which the later template may be taken from it, in [0, 1].
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
    """

    variant: Literal["s50", "st50", "st101"] = "st50"
    weights: str = ""
    benchmark: Literal["any", "lasot", "got10k", "trackingnet", "vot20", "vot20-lt"] = "any"
    interval: int | None = None
    confidence: float = 0.5
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.interval is not None and self.interval < 1:
            raise InputError(f"interval is {self.interval}; give 1 frame or more")
        if not 0 <= self.confidence <= 1:
            raise InputError(f"confidence is {self.confidence:g}; give a number from 0 to 1")

    @property
    def named_weights(self) -> str:
        """The weights, chosen where they are not given."""
        return self.weights or f"stark_{self.variant}"

    @property
    def frames_between(self) -> int:
        """Frames between updates of the later template, chosen where they are not given."""
        if self.interval is not None:
            return self.interval
        intervals = INTERVALS_101 if self.variant == "st101" else INTERVALS
        return intervals.get(self.benchmark, INTERVAL)

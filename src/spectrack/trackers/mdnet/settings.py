"""Every choice of MDNet, named; values are the published ones, the same for all benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

from spectrack.errors import InputError


@dataclass(frozen=True, slots=True)
class MDNetSettings:
    """How MDNet follows a target.

    Args:
        weights: Published weights by name, or a file of shared layers.
        candidates: Boxes looked at in a frame; the mean of the best five is the answer.
        first_positives: Boxes on the target that are learned from in the first frame,
        first_negatives: and of its background.
        first_steps: Steps of learning on the first frame,
        first_rate: and their rate, ten times more in the last layer.
        positives: Boxes on the target that are remembered of a frame where it is found,
        negatives: and of its background.
        steps: Steps of learning later on,
        rate: and their rate.
        every: Frames between two times of learning from all that is remembered.
        long: Frames whose positives are remembered.
        short: Of them those, the last, that are learned from when the target is lost, and frames
            whose negatives are remembered.
        regressed: Boxes that the bounding-box regressor learns from; 0 for none.
        seed: Decides all that is drawn.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
    """

    weights: str = "mdnet"
    candidates: int = 256
    first_positives: int = 500
    first_negatives: int = 5000
    first_steps: int = 50
    first_rate: float = 5e-4
    positives: int = 50
    negatives: int = 200
    steps: int = 15
    rate: float = 1e-3
    every: int = 10
    long: int = 100
    short: int = 30
    regressed: int = 1000
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        counts = ("candidates", "first_positives", "first_negatives", "positives", "negatives")
        for name in (*counts, "every", "long", "short"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; give 1 or more")
        for name in ("first_steps", "steps", "regressed", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; give 0 or more")
        for name in ("first_rate", "rate"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name):g}; give more than 0, below 1")

"""Every choice of LWL, named; values are the published ones unless said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from spectrack.errors import InputError
from spectrack.tracking.few_shot_settings import check_learning


@dataclass(frozen=True, slots=True)
class LWLSettings:
    """How LWL follows a target; the published values for a start from a mask.

    Args:
        weights: Published weights by name, or a file of them; ``lwl_stage2``, or ``lwl_boxinit``
            for a start from a box, where empty.
        sta: Weights of STA, which makes the first mask in a box; the networks that come with
            spectrack make it where empty.
        start: ``mask``, or ``box``: the network's own first mask in the box, which needs weights
            with a box encoder; a mask that is given is not looked at then.
        area: The target stays where it was when its probabilities sum up to less; pixels.
        search: Side of the search region in sides of the target; here and wherever it is said, 0
            stands for what goes with the weights: 5 for the published ones.
        slowest: The scale changes at least by this factor a frame, at most 1,
        fastest: and at most by this one, at least 1.
        deviations: Size of the target in standard deviations of its mask.
        memory: Frames that are remembered.
        rate: Weight of a new one.
        share: Weight that the first frame keeps.
        equal: The second frame counts as much as the first.
        every: Learn in every so many-th frame.
        first_steps: Steps of the few-shot learner in the first frame,
        steps: and later.
        height: Rows of the search region as the network sees it, a multiple of 32; 0: 480.
        width: Its columns; 0: 832.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        half: Half precision in backbone and decoder, on a GPU.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {"sides": "deviations"}
    """Former names of fields, which saved runs may hold."""

    weights: str = ""
    sta: str = ""
    start: str = "mask"
    area: float = 100.0
    search: float = 0.0
    slowest: float = 0.95
    fastest: float = 1.1
    deviations: float = 4.0
    memory: int = 32
    rate: float = 0.1
    share: float = 0.25
    equal: bool = False
    every: int = 1
    first_steps: int = 20
    steps: int = 3
    height: int = 0
    width: int = 0
    device: str = "auto"
    half: bool = False

    def __post_init__(self) -> None:
        if self.start not in ("mask", "box"):
            raise InputError(f"start is {self.start!r}; give mask or box")
        check_learning(self, "memory", "rate", "every", "deviations")


PUBLISHED: dict[str, float] = {"height": 480, "width": 832, "search": 5.0}
"""What goes with the published weights."""

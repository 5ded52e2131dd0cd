"""Every choice of RTS, named; values are the published ones unless said otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from spectrack.errors import InputError
from spectrack.tracking.few_shot_settings import check_learning, complete


@dataclass(frozen=True, slots=True)
class RTSSettings:
    """How RTS follows a target (Paul et al., ECCV 2022, section 3.6 and appendix B).

    The paper and the published program differ. ``variant="published"`` is the program:

    * the segmentation memory takes every frame in that is not lost, and all of the first
      ``early`` ones even where something failed;
    * a mask counts as lost when its probabilities sum up to ``area`` pixels or less;
    * a full memory gives up the sample of the smallest weight, and the first frame's samples of
      the instance branch may go, too;
    * the box of the instance branch is given even when that branch is lost, too.

    ``variant="paper"`` is the text: nothing is learned from a frame where something failed; after
    ``early`` frames both memories take every ``every``-th frame only; a mask is lost when no pixel
    is above 0.5; a full memory gives up its oldest sample and keeps the first frame's; a target
    that both branches lost has no box.

    Args:
        weights: Published weights by name, or a file of them.
        sta: Weights of STA, which makes the first mask in a box; the networks that come with
            spectrack make it where empty.
        variant: ``published`` or ``paper``.
        instance: Use the instance branch; without it a target is lost when its mask is.
        conditioning: Show the decoder the scores of the instance branch.
        fallback: Follow the instance branch where the mask is lost.
        presence: Peak score from which on the instance branch has found the target (t_sc).
        area: See ``variant``; pixels.
        search: Side of the search region in sides of the target; here and wherever it is said, 0
            stands for what goes with the weights: 6 for the published ones.
        slowest: The scale changes at least by this factor a frame, at most 1,
        fastest: and at most by this one, at least 1.
        deviations: Size of the target in standard deviations of its mask.
        memory: Frames that the segmentation branch remembers.
        rate: Weight of a new one.
        share: Weight that the first frame keeps.
        instance_memory: Frames that the instance branch remembers.
        instance_rate: Weight of a new one.
        early: Learn in every frame before this one, counted from 1,
        every: and in every so many-th after.
        first_steps: Steps of the few-shot learner in the first frame,
        steps: and later.
        instance_first_steps: Steps of the instance branch in the first frame,
        instance_steps: and later.
        label: Width of the Gaussian label in sides of the target; 0: 0.25.
        height: Rows of the search region as the network sees it, a multiple of 32; 0: 480.
        width: Its columns; 0: 832.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        half: Half precision in the networks, on a GPU; learning stays in single precision.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {"found": "presence", "sides": "deviations"}
    """Former names of fields, which saved runs may hold."""

    weights: str = "rts50"
    sta: str = ""
    variant: str = "published"
    instance: bool = True
    conditioning: bool = True
    fallback: bool = True
    presence: float = 0.3
    area: float = 100.0
    search: float = 0.0
    slowest: float = 0.8
    fastest: float = 1.2
    deviations: float = 4.0
    memory: int = 32
    rate: float = 0.1
    share: float = 0.25
    instance_memory: int = 50
    instance_rate: float = 0.01
    early: int = 100
    every: int = 20
    first_steps: int = 20
    steps: int = 3
    instance_first_steps: int = 10
    instance_steps: int = 2
    label: float = 0.0
    height: int = 0
    width: int = 0
    device: str = "auto"
    half: bool = False

    def __post_init__(self) -> None:
        if self.variant not in ("published", "paper"):
            raise InputError(f"variant is {self.variant!r}; give published or paper")
        check_learning(self, "memory", "rate", "every", "deviations")
        for name in ("instance_first_steps", "instance_steps", "early", "area", "label"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{name} is {getattr(self, name)}; give 0 or more")
        if self.instance_memory <= FIRST_SAMPLES:
            raise InputError(
                f"instance_memory is {self.instance_memory}; give more than {FIRST_SAMPLES}"
            )
        if not 0 < self.instance_rate < 1:
            raise InputError(f"instance_rate is {self.instance_rate}; give one over 0, below 1")
        if not math.isfinite(self.presence):
            raise InputError(f"presence is {self.presence}; give a number")

    def complete(self, shown: Mapping[str, float]) -> RTSSettings:
        """With numbers in place of the zeros that stand for what goes with the weights.

        Args:
            shown: What the weights' file says of it; the published values where it says nothing.
        """
        return complete(self, {**PUBLISHED, **shown})

    @property
    def paper(self) -> bool:
        """Whether the text of the paper is followed where the published program differs."""
        return self.variant == "paper"

    def learns(self, number: int) -> bool:
        """Whether a frame, counted from 1, is one to learn in."""
        return number < self.early or (number - 1) % self.every == 0


PUBLISHED: dict[str, float] = {"height": 480, "width": 832, "search": 6.0, "label": 0.25}
"""What goes with the published weights."""

FIRST_SAMPLES = 5
"""Variations of the first frame that the instance branch learns from."""

"""Every choice of SFTrack++, named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from spectrack.errors import InputError
from spectrack.runtimes.names import Runtime, check_device


@dataclass(frozen=True, slots=True)
class SFTrackSettings:
    """How SFTrack++ follows a target.

    Args:
        inputs: Trackers whose answers are fused, by name and separated by commas, with settings
            after a colon (``flow,csrt,rts:weights=FILE;presence=0.2``); a file of boxes (CSV or
            text, one a frame) or a folder of masks is an input, too.
        weights: File of the weights of SFTrack++; the shipped ones where empty, and with ``none``
            even shares and no learned mixing or box.
        masks: What turns hypotheses into masks: ``mask-in-box``, a network that knows what things
            look like and remembers the target, or ``feat2seg``, the small one of the paper.
        mask_weights: Of the network of masks in boxes, a name or a file; the shipped ones where
            empty.
        fine_tune: Steps in which that network learns what the target looks like in the first
            frame, which takes a few seconds; twice as many where its mask was given. 0 leaves it
            as it is. Only torch can: with ONNX Runtime it stays as it is, too.
        views: Ways in which each box is looked at: 1, 2 (mirrored, too) or 4 (and in a wider crop).
        agreed: Least IoU of the inputs' boxes that are looked at one way each, the first as it is
            and the next mirrored, where ``views`` would have both; above 1 none are.
        hidden: Look once more, in a larger box, where a part of the target may come out on the far
            side of what hides it.
        every: The networks look at one of so many frames; in those between the mask is carried by
            optical flow, as long as that can be followed.
        memory: Frames that the network of masks in boxes remembers besides the first.
        largest: Frames whose longer side has more pixels are shrunk to this for everything.
        longest: Box trackers see frames whose longer side has at most this many pixels.
        iterations: Steps of the spectral filter, 0 to 5; 0 leaves it out.
        reach: Pixels within which the filter may move a boundary.
        box_rule: How the box is read off the mask: ``given`` (as the first frame's box was drawn),
            ``tight``, ``learned`` (NN_seg2box), ``rotated``, ``largest`` or ``robust``.
        feedback: Let inputs that the fused box contradicts for ``contradicted`` frames go on from
            the fused mask.
        steady: Let inputs that carry a mask go on from the fused one in every frame, contradicted
            or not; those that carry a box only where the mask's is nearer to the usual size.
        contradicted: Frames in a row in which an input's box overlaps the fused one by less than
            ``overlap`` before it is started again.
        overlap: See ``contradicted``.
        adapt: Learning rate of fine-tuning NN_feat2seg in every frame; 0 leaves it as it is.
        rate: Share of every new frame in the recent colours.
        vanish: The target is lost when its area falls below this share of its usual area,
        distinct: or its colours stand out less than this share of how they first did.
        regain: It is found again where a place scores this share of how the target itself did,
        likeness: and its colours are as like the target's as this share of what is usual.
        runtime: What runs the network of masks in boxes and those of inputs that can be: ``torch``,
            or ``onnx``, ONNX Runtime on the CPU (needs the extra ``onnx``).
    """

    ALIASES: ClassVar[Mapping[str, str]] = {"alike": "likeness"}
    """Former names of fields, which saved runs may hold."""

    inputs: str = "fear,flow"
    weights: str = ""
    masks: str = "mask-in-box"
    mask_weights: str = ""
    fine_tune: int = 20
    views: int = 2
    agreed: float = 0.85
    hidden: bool = True
    every: int = 1
    memory: int = 4
    largest: int = 2000
    longest: int = 480
    iterations: int = 0
    reach: int = 12
    box_rule: str = "given"
    feedback: bool = True
    steady: bool = True
    contradicted: int = 3
    overlap: float = 0.3
    adapt: float = 0.0
    rate: float = 0.1
    vanish: float = 0.12
    distinct: float = 0.3
    regain: float = 0.4
    likeness: float = 0.78
    runtime: Runtime = "torch"

    def __post_init__(self) -> None:
        check_device("auto", self.runtime)
        if not 0 <= self.iterations <= 5:
            raise InputError(f"iterations is {self.iterations}; give 0 to 5")
        for name in ("every", "largest", "longest", "reach", "contradicted"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; give 1 or more")
        for name in (
            "overlap",
            "adapt",
            "rate",
            "vanish",
            "distinct",
            "regain",
            "likeness",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise InputError(f"{name} is {value}; give a number from 0 to 1")
        if self.views not in (1, 2, 4):
            raise InputError(f"views is {self.views}; give 1, 2 or 4")
        if not self.agreed >= 0:
            raise InputError(f"agreed is {self.agreed}; give an IoU, or more than 1 for never")
        for name in ("memory", "fine_tune"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; give 0 or more")
        rules = ("given", "learned", "tight", "rotated", "largest", "robust")
        if self.box_rule not in rules:
            raise InputError(f"box_rule is {self.box_rule!r}; give one of {', '.join(rules)}")
        if self.masks not in ("mask-in-box", "feat2seg"):
            raise InputError(f"masks is {self.masks!r}; give mask-in-box or feat2seg")
        if self.weights == "none" and "feat2seg" in self.masks:
            raise InputError("masks is feat2seg with weights none; name weights that hold it")
        if self.weights == "none" and self.box_rule == "learned":
            raise InputError("box_rule is learned with weights none; name weights, or another rule")
        if self.adapt > 0 and self.masks != "feat2seg":
            raise InputError(
                f"adapt is {self.adapt} with masks by {self.masks}; only feat2seg is fine-tuned: "
                "add masks=feat2seg, or leave adapt out"
            )
        if not self.names:
            raise InputError("no inputs were given; name at least one tracker")

    @classmethod
    def of_paper(cls, **own: Any) -> SFTrackSettings:
        """As the paper has it: NN_feat2seg on a mask and two boxes, the filter inside the loop.

        Args:
            **own: Other fields.
        """
        paper: dict[str, Any] = {
            "inputs": "flow,csrt,kcf",
            "masks": "feat2seg",
            "iterations": 2,
            "box_rule": "tight",
            "steady": False,
        }
        return cls(**{**paper, **own})

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs, one by one."""
        return tuple(word.strip() for word in self.inputs.split(",") if word.strip())

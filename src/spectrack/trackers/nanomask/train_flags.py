"""The recipe ``mask-in-box``: what `spectrack train mask-in-box` takes and does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.training.davis_flags import StillsArguments
from spectrack.training.recipes import (
    Begin,
    OptionalCount,
    Rows,
    Stage,
)

if TYPE_CHECKING:
    from spectrack.trackers.nanomask.train import MaskInBoxPlan

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class MaskInBoxArguments(StillsArguments):
    """Learn to make the mask of the thing in a box, and to remember a target.

    DATA holds stills (stills/SOURCE/images and masks) and DAVIS-2016 (davis2016/JPEGImages/240p,
    Annotations/240p). It starts from a published MobileNetV2. Every sixth sequence is held out, and
    masks of it judged after each epoch. RUN/mask_in_box.safetensors, the mean of the weights after
    the last fifth of the epochs, is for `track --set mask_weights=FILE` of sftrack and `--set
    weights=FILE` of nanomask. A run that was stopped goes on when started again, and a finished one
    is not repeated. With --permissive only stills whose terms allow any use are seen, and clips
    made of them stand for the videos; what is held out is made of stills that are held out.

    Example: spectrack train mask-in-box --data DATA --start deeplabv3_mnv2 --out run
    """

    NAME: ClassVar[str] = "mask-in-box"
    LEAST: ClassVar[Mapping[str, int]] = {
        "epochs": 1,
        "memory_epochs": 1,
        "steps": 1,
        "batch": 1,
        "seed": 0,
    }

    start: Annotated[str, arg(metavar="WEIGHTS")] = "deeplabv3_mnv2"
    """Weights of MobileNetV2 to start from: a name, or a file; "none" starts from nothing."""
    epochs: OptionalCount = None
    """Epochs of each of the two stages; 50 by default."""
    memory_epochs: OptionalCount = None
    """Epochs of the second stage, where they are others than those of the first."""
    steps: OptionalCount = None
    """Steps an epoch; 50 by default."""
    batch: OptionalCount = None
    """Samples a step."""
    side: Annotated[int, arg(metavar="N")] = 256
    """Side of the crops, pixels, a multiple of 32."""

    def check(self) -> None:
        """The side fits the network."""
        if self.side < 32 or self.side % 32:
            raise InputError(f"--side is {self.side}; give a multiple of 32")

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {
            "start": self.start,
            "epochs": self.epochs,
            "memory_epochs": self.memory_epochs,
            "steps": self.steps,
            "batch": self.batch,
            "side": self.side,
        }

    def split(self, videos: Sequence[T]) -> tuple[list[T], list[T]]:
        """Every sixth is held out; of fewer than six the last."""
        learned, held_out = super().split(videos)
        return (learned, held_out) if held_out else (learned[:-1], learned[-1:])

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn both stages."""
        from spectrack.networks.mobilenet_v2 import MobileNetV2
        from spectrack.trackers.nanomask.train import mask_in_box
        from spectrack.weights.networks import load_network

        backbone = None
        if self.start != "none":
            backbone = load_network(self.start, MobileNetV2).network
        footage = self.footage()
        started = time.perf_counter()
        begin()
        file = mask_in_box(
            footage.stills,
            footage.learned,
            footage.held_out,
            backbone,
            self.out,
            self.plan(),
            about=self._about(),
            stage=stage,
        )
        return {
            "out": str(self.out),
            "weights": str(file),
            "stills": len(footage.stills),
            "videos": len(footage.learned),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """What it was learned from, and where the weights are."""
        return [
            f"learned from {summary['stills']} stills and {summary['videos']} videos in "
            f"{summary['seconds'] / 60:.1f} minutes (seed {summary['seed']})",
            f"weights: {summary['weights']}",
        ]

    def plan(self) -> MaskInBoxPlan:
        """The plan that the flags ask for."""
        from spectrack.trackers.nanomask.train import MaskInBoxPlan

        plan = MaskInBoxPlan(seed=self.seed, side=self.side)
        if self.steps is not None:
            plan = replace(plan, steps=self.steps)
        changes: dict[str, Any] = {}
        if self.epochs is not None:
            changes["epochs"] = self.epochs
        if self.batch is not None:
            changes["batch_size"] = self.batch
        later = changes
        if self.memory_epochs is not None:
            later = changes | {"epochs": self.memory_epochs}
        return replace(
            plan, first=replace(plan.first, **changes), memory=replace(plan.memory, **later)
        )

    def _about(self) -> dict[str, Any]:
        """What is written into the file of weights."""
        return super()._about() | {"start": self.start}

"""The recipe ``mdnet``: what `spectrack train mdnet` takes, and what it does with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.training.davis_flags import DavisArguments
from spectrack.training.recipes import (
    Begin,
    Flag,
    OptionalCount,
    Rows,
    Stage,
    mean_overlaps,
    overlap_rows,
)

if TYPE_CHECKING:
    from spectrack.trackers.mdnet.train import MDNetPlan


@dataclass(frozen=True, kw_only=True)
class MDNetArguments(DavisArguments):
    """Learn MDNet's shared layers over many videos, each with a branch of its own.

    DATA holds DAVIS-2016 (davis2016/JPEGImages/240p, Annotations/240p); targets are the boxes of
    its masks. Every sixth sequence is held out and followed before and after. RUN/mdnet.safetensors
    is for `track --tracker mdnet --set weights=FILE`. Without --start it learns from nothing, where
    the published network began with the convolutions of VGG-M. A run that was stopped goes on when
    started again, and a finished one is not repeated.

    Example: spectrack train mdnet --small --data DATA --out run
    """

    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "seed": 0}

    small: Flag = False
    """A small network, which learns within half an hour on a CPU; without it the published one."""
    start: Annotated[str | None, arg(metavar="WEIGHTS")] = None
    """Weights to start from, a name or a file: shared layers, or the three convolutions alone."""
    epochs: OptionalCount = None
    """Cycles over the videos."""

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {
            "small": self.small,
            "start": self.start,
            "epochs": self.epochs,
        }

    def plan(self) -> MDNetPlan:
        """The plan that the flags ask for."""
        from spectrack.trackers.mdnet.train import SMALL, MDNetPlan

        plan = SMALL if self.small else MDNetPlan()
        epochs = self.epochs or plan.train.epochs
        return replace(plan, train=replace(plan.train, epochs=epochs, seed=self.seed))

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn, and measure what it brought."""
        from spectrack.trackers.mdnet.train import fresh_network, learn_shared, start_from
        from spectrack.training.data.clips import VideoClip
        from spectrack.training.held_out import hold_out

        learned, held_out = hold_out(list(self.davis().values()))
        plan = self.plan()
        network = fresh_network(plan, len(learned), self.seed)
        if self.start is not None:
            start_from(network, self.start)
        started = time.perf_counter()
        begin()
        file = self.out / "mdnet.safetensors"
        found = learn_shared(
            network,
            [VideoClip(video) for video in learned],
            held_out,
            file,
            plan,
            about=self._about(),
            extra={"start": self.start},
            progress=stage("learning", "steps"),
        )
        return {
            "out": str(self.out),
            "weights": str(file),
            "videos": len(learned),
            "held_out": found,
            "box_iou": mean_overlaps(found),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """What it was learned from, what it brought, and where the weights are."""
        return [
            f"learned from {summary['videos']} videos in {summary['seconds'] / 60:.1f} minutes "
            f"(seed {summary['seed']})",
            overlap_rows(summary["held_out"]),
            f"weights: {summary['weights']}",
        ]

    def _about(self) -> dict[str, Any]:
        return {
            "start": self.start or "nothing",
            "data": "DAVIS-2016 train",
            "terms": "research use",
            "command": f"spectrack train mdnet{' --small' if self.small else ''}",
            "seed": self.seed,
        }

"""The recipe ``sftrack``: what `spectrack train sftrack` takes, and what it does with it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from spectrack.training.davis_flags import StillsArguments
from spectrack.training.recipes import (
    Begin,
    OptionalCount,
    Rows,
    Stage,
)

if TYPE_CHECKING:
    from spectrack.trackers.sftrack.train import SFTrackPlan

HELD_OUT = 3
"""Videos, the last ones."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SFTrackArguments(StillsArguments):
    """Learn SFTrack++ from end to end: masks from hypotheses, how to fuse them, boxes from masks.

    DATA holds stills (stills/SOURCE/images and masks) and DAVIS-2016 (davis2016/JPEGImages/240p,
    Annotations/240p), of which the last three sequences are held out. RUN/sftrack.safetensors is
    for `track --set weights=FILE`. A run that was stopped goes on when started again, and a
    finished one is not repeated. With --permissive only stills whose terms allow any use are seen,
    and clips made of them stand for the videos; what is held out is made of stills that are held
    out.

    Example: spectrack train sftrack --data DATA --out run
    """

    NAME: ClassVar[str] = "sftrack"
    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "samples": 3, "seed": 0}

    epochs: OptionalCount = None
    """Passes over the samples of masks, after the first simple ones."""
    samples: OptionalCount = None
    """Samples made of stills; two thirds of them with hypotheses of every quality."""

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {
            "epochs": self.epochs,
            "samples": self.samples,
        }

    def split(self, videos: Sequence[T]) -> tuple[list[T], list[T]]:
        """The last three are held out, never all."""
        count = max(len(videos) - HELD_OUT, 1)
        return list(videos[:count]), list(videos[count:])

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn all phases."""
        from spectrack.trackers.sftrack.train import sftrack

        footage = self.footage()
        started = time.perf_counter()
        begin()
        file = sftrack(
            footage.stills,
            footage.learned,
            footage.held_out,
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

    def plan(self) -> SFTrackPlan:
        """The plan that the flags ask for."""
        from spectrack.trackers.sftrack.train import SFTrackPlan

        plan = SFTrackPlan(seed=self.seed)
        if self.samples is not None:
            exact = self.samples // 3
            plan = replace(
                plan,
                exact=exact,
                motion=self.samples - exact,
                spoilt=min(plan.spoilt, self.samples),
            )
        if self.epochs is not None:
            plan = replace(
                plan,
                second=replace(plan.second, epochs=self.epochs),
                boxes=replace(plan.boxes, epochs=min(plan.boxes.epochs, 2 * self.epochs)),
            )
        return plan

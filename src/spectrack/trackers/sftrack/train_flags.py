"""The recipe ``sftrack``: what `spectrack train sftrack` takes, and what it does with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.training.recipes import (
    Begin,
    Flag,
    OptionalCount,
    RecipeArguments,
    Rows,
    Stage,
    words,
)

if TYPE_CHECKING:
    from spectrack.datasets.base import Dataset
    from spectrack.datasets.synthetic.stills import Stills
    from spectrack.trackers.sftrack.train import SFTrackPlan

PERMISSIVE_DATA = "CCP, FeralCat and clips made of them"
RESEARCH_DATA = "ECSSD, DUTS, CCP, FeralCat, DAVIS-2016 train"


@dataclass(frozen=True, kw_only=True)
class SFTrackArguments(RecipeArguments):
    """Learn SFTrack++ from end to end: masks from hypotheses, how to fuse them, boxes from masks.

    DATA holds stills (stills/SOURCE/images and masks) and DAVIS-2016 (davis2016/JPEGImages/240p,
    Annotations/240p). RUN/sftrack.safetensors is for `track --set weights=FILE`. A run that was
    stopped goes on when started again, and a finished one is not repeated. With --permissive only
    stills whose terms allow any use are seen, and clips made of them stand for the videos.

    Example: spectrack train sftrack --data DATA --out run
    """

    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "samples": 3, "seed": 0}

    data: Annotated[Path, arg(metavar="DATA")]
    """Folder of the data."""
    permissive: Flag = False
    """Only data whose terms allow any use."""
    epochs: OptionalCount = None
    """Passes over the samples of masks, after the first simple ones."""
    samples: OptionalCount = None
    """Samples made of stills; two thirds of them with hypotheses of every quality."""
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences of DAVIS."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Decides every random draw."""

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {
            "data": str(self.data.resolve()),
            "permissive": self.permissive,
            "epochs": self.epochs,
            "samples": self.samples,
            "sequences": self.sequences,
            "seed": self.seed,
        }

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn all phases."""
        from spectrack.trackers.sftrack.train import sftrack

        stills, videos = self._data()
        started = time.perf_counter()
        begin()
        file = sftrack(stills, videos, self.out, self.plan(), about=self._about(), stage=stage)
        return {
            "out": str(self.out),
            "weights": str(file),
            "stills": len(stills),
            "videos": len(videos),
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

    def _data(self) -> tuple[Stills, Dataset]:
        from spectrack.datasets.davis import Davis2016
        from spectrack.datasets.synthetic.moving_stills import MovingStills
        from spectrack.datasets.synthetic.stills import PERMISSIVE, SOURCES, Stills

        stills = Stills(self.data / "stills", PERMISSIVE if self.permissive else SOURCES)
        if self.permissive:
            return stills, MovingStills(stills, clips=30, frames=40, seed=self.seed)
        names = words(self.sequences)
        return stills, Davis2016(self.data / "davis2016", "train", "240p", names)

    def _about(self) -> dict[str, Any]:
        return {
            "data": PERMISSIVE_DATA if self.permissive else RESEARCH_DATA,
            "terms": "any use" if self.permissive else "research use",
            "command": "spectrack train sftrack" + (" --permissive" if self.permissive else ""),
            "seed": self.seed,
        }

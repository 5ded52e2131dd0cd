"""The recipe ``rts``: what `spectrack train rts` takes, and what it does with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.training.davis_flags import DavisArguments
from spectrack.training.recipes import (
    Begin,
    Flag,
    OptionalCount,
    Rows,
    Stage,
)

if TYPE_CHECKING:
    from spectrack.datasets.base import Dataset
    from spectrack.trackers.rts.train_small import SmallPlan

DAVIS = "DAVIS-2016 train"


@dataclass(frozen=True, kw_only=True)
class RTSArguments(DavisArguments):
    """Learn RTS: a small one from nothing, or the published one from the weights of LWL.

    With --small it takes some 40 minutes on a CPU, without it days on a GPU. DATA holds
    DAVIS-2016 (davis2016/JPEGImages and Annotations: 240p for the small one, else 480p) and, for
    the small one, stills (stills/SOURCE/images and masks); the last three sequences are held out.
    RUN/rts.safetensors holds the weights and says what network they are of. A run that was stopped
    goes on when started again, and a finished one is not repeated.

    Example: spectrack train rts --small --data DATA --out run
    """

    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "samples": 1, "seed": 0}

    small: Flag = False
    """The small network; without it the published recipe."""
    start: Annotated[str, arg(metavar="WEIGHTS")] = "lwl_stage2"
    """Weights of LWL that the published recipe starts from: a name, or a file."""
    paper: Flag = False
    """The published recipe, with the paper's text where the published program differs."""
    epochs: OptionalCount = None
    """Passes of each stage."""
    samples: OptionalCount = None
    """Samples in an epoch."""

    def check(self) -> None:
        """One of the two recipes."""
        if self.small and self.paper:
            raise InputError("--paper was given with --small, which has a recipe of its own")

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {
            "small": self.small,
            **({} if self.small else {"start": self.start, "paper": self.paper}),
            "epochs": self.epochs,
            "samples": self.samples,
        }

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn the small network, or the published one."""
        videos = self.davis("240p" if self.small else "480p")
        started = time.perf_counter()
        learn = self._small if self.small else self._published
        made = learn(videos, begin, stage)
        return {
            "out": str(self.out),
            **made,
            "videos": len(videos),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """What it was learned from, and where the weights are."""
        stills = f"{summary['stills']} stills and " if summary["stills"] else ""
        return [
            f"learned from {stills}{summary['videos']} videos in "
            f"{summary['seconds'] / 60:.1f} minutes (seed {summary['seed']})",
            f"weights: {summary['weights']}",
        ]

    def _small(self, videos: Dataset, begin: Begin, stage: Stage) -> dict[str, Any]:
        from spectrack.datasets.synthetic.stills import Stills
        from spectrack.trackers.rts.train_small import rts_small

        stills = Stills(self.data / "stills")
        about = {"data": f"ECSSD, DUTS, CCP, FeralCat, {DAVIS}", "terms": "research use"}
        begin()
        file = rts_small(stills, videos, self.out, self.plan(), about=about, stage=stage)
        return {"weights": str(file), "stills": len(stills)}

    def _published(self, videos: Dataset, begin: Begin, stage: Stage) -> dict[str, Any]:
        from spectrack.trackers.rts.train import EPOCH_SAMPLES, RTS_TRAINING
        from spectrack.trackers.rts.train_published import rts_published
        from spectrack.weights.load import find_weights

        find_weights(self.start)
        epochs = self.epochs or RTS_TRAINING.epochs
        begin()
        file = rts_published(
            videos,
            self.out,
            self.start,
            samples=self.samples or EPOCH_SAMPLES,
            training=replace(RTS_TRAINING, epochs=epochs, seed=self.seed),
            paper=self.paper,
            about={"data": DAVIS, "terms": "research use"},
            progress=stage("learning", "steps"),
        )
        return {"weights": str(file), "stills": 0}

    def plan(self) -> SmallPlan:
        """The plan of the small network that the flags ask for."""
        from spectrack.trackers.rts.train_small import NETWORK, SmallPlan

        plan = SmallPlan(network=NETWORK, seed=self.seed)
        stages = plan.stages
        if self.samples is not None:
            stages = tuple(replace(one, samples=self.samples) for one in stages)
            few: dict[str, Any] = {
                "clips": min(plan.clips, 2 * self.samples),
                "judged": min(plan.judged, self.samples),
            }
            plan = replace(plan, **few)
        if self.epochs is not None:
            fewer = (replace(one.train, epochs=self.epochs) for one in stages)
            stages = tuple(replace(s, train=t) for s, t in zip(stages, fewer, strict=True))
        return replace(plan, stages=stages)

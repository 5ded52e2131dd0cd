"""``spectrack train sftrack``: learn all of SFTrack++, from stills and annotated videos."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalCount, at_least
from spectrack.commands.run_note import RunNote, stages
from spectrack.storage import claimed

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.datasets.base import Dataset
    from spectrack.datasets.synthetic.stills import Stills
    from spectrack.trackers.sftrack.train import SFTrackPlan

PERMISSIVE_DATA = "CCP, FeralCat and clips made of them"
RESEARCH_DATA = "ECSSD, DUTS, CCP, FeralCat, DAVIS-2016 train"


@dataclass(frozen=True, kw_only=True)
class TrainSFTrackCommand(Command):
    """Learn SFTrack++ from end to end: masks from hypotheses, how to fuse them, boxes from masks.

    DATA holds stills (stills/SOURCE/images and masks) and DAVIS-2016 (davis2016/JPEGImages/240p,
    Annotations/240p). RUN/sftrack.safetensors is for `track --set weights=FILE`. A run that was
    stopped goes on when started again, and a finished one is not repeated. With --permissive only
    stills whose terms allow any use are seen, and clips made of them stand for the videos.

    Example: spectrack train sftrack --data DATA --out run
    """

    recipe: Annotated[Positional[str], arg(metavar="RECIPE")]
    """What to learn: sftrack."""
    data: Annotated[Path, arg(metavar="DATA")]
    """Folder of the data."""
    out: Annotated[Path, arg(metavar="RUN")]
    """Folder of the run; new, empty, or that of the same run."""
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

    def run(self, console: Console) -> int:
        """Learn, or go on learning, and say what came of it."""
        for flag, value, least in (
            ("--epochs", self.epochs, 1),
            ("--samples", self.samples, 3),
            ("--seed", self.seed, 0),
        ):
            at_least(flag, value, least)
        with claimed(self.out):
            finished = self._note.claim()
            if finished is None:
                finished = self._learn(console)
            else:
                console.remark(f"{self.out} holds this run, finished; it is not repeated")
        console.result(finished, text(finished))
        return 0

    def _asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {
            "data": str(self.data.resolve()),
            "permissive": self.permissive,
            "epochs": self.epochs,
            "samples": self.samples,
            "sequences": self.sequences,
            "seed": self.seed,
        }

    @property
    def _note(self) -> RunNote:
        return RunNote(self.out, "sftrack.json", "sftrack.safetensors", self._asked())

    def _learn(self, console: Console) -> dict[str, Any]:
        from spectrack.trackers.sftrack.train import sftrack

        stills, videos = self._data()
        started = time.perf_counter()
        self._note.write(None)
        with stages(console) as stage:
            file = sftrack(stills, videos, self.out, self._plan(), about=self._about(), stage=stage)
        summary = {
            "out": str(self.out),
            "weights": str(file),
            "stills": len(stills),
            "videos": len(videos),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }
        self._note.write(summary)
        return summary

    def _plan(self) -> SFTrackPlan:
        from spectrack.trackers.sftrack.train import SFTrackPlan

        plan = replace(SFTrackPlan(), seed=self.seed)
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
        names = None if self.sequences is None else [w.strip() for w in self.sequences.split(",")]
        return stills, Davis2016(self.data / "davis2016", "train", "240p", names)

    def _about(self) -> dict[str, Any]:
        return {
            "data": PERMISSIVE_DATA if self.permissive else RESEARCH_DATA,
            "terms": "any use" if self.permissive else "research use",
            "command": "spectrack train sftrack" + (" --permissive" if self.permissive else ""),
            "seed": self.seed,
        }


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    return "\n".join(
        [
            f"learned from {summary['stills']} stills and {summary['videos']} videos in "
            f"{summary['seconds'] / 60:.1f} minutes (seed {summary['seed']})",
            f"weights: {summary['weights']}",
        ]
    )

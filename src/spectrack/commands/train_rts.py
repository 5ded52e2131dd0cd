"""``spectrack train rts``: learn RTS, from stills and annotated videos."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalCount, at_least
from spectrack.commands.run_note import RunNote, stages
from spectrack.errors import InputError
from spectrack.storage import claimed

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.datasets.base import Dataset
    from spectrack.trackers.rts.train_small import SmallPlan

DAVIS = "DAVIS-2016 train"


@dataclass(frozen=True, kw_only=True)
class TrainRTSCommand(Command):
    """Learn RTS: a small one from nothing, or the published one from the weights of LWL.

    With --small it takes some 40 minutes on a CPU, without it days on a GPU. DATA holds
    DAVIS-2016 (davis2016/JPEGImages and Annotations: 240p for the small one, else 480p) and, for
    the small one, stills (stills/SOURCE/images and masks). RUN/rts.safetensors holds the weights
    and says what network they are of. A run that was stopped goes on when started again, and a
    finished one is not repeated.

    Example: spectrack train rts --small --data DATA --out run
    """

    recipe: Annotated[Positional[str], arg(metavar="RECIPE")]
    """What to learn: rts."""
    data: Annotated[Path, arg(metavar="DATA")]
    """Folder of the data."""
    out: Annotated[Path, arg(metavar="RUN")]
    """Folder of the run; new, empty, or that of the same run."""
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
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences of DAVIS; the last three are held out."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Decides every random draw."""

    def run(self, console: Console) -> int:
        """Learn, or go on learning, and say what came of it."""
        for flag, value, least in (
            ("--epochs", self.epochs, 1),
            ("--samples", self.samples, 1),
            ("--seed", self.seed, 0),
        ):
            at_least(flag, value, least)
        if self.small and self.paper:
            raise InputError("--paper was given with --small, which has a recipe of its own")
        note = RunNote(self.out, "rts.json", "rts.safetensors", self._asked())
        with claimed(self.out):
            finished = note.claim()
            if finished is None:
                finished = self._learn(console, note)
            else:
                console.remark(f"{self.out} holds this run, finished; it is not repeated")
        console.result(finished, text(finished))
        return 0

    def _asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {
            "data": str(self.data.resolve()),
            "small": self.small,
            **({} if self.small else {"start": self.start, "paper": self.paper}),
            "epochs": self.epochs,
            "samples": self.samples,
            "sequences": self.sequences,
            "seed": self.seed,
        }

    def _learn(self, console: Console, note: RunNote) -> dict[str, Any]:
        from spectrack.datasets.davis import Davis2016

        names = None if self.sequences is None else [w.strip() for w in self.sequences.split(",")]
        size = "240p" if self.small else "480p"
        videos = Davis2016(self.data / "davis2016", "train", size, names)
        started = time.perf_counter()
        learn = self._small if self.small else self._published
        made = learn(videos, console, note)
        summary = {
            "out": str(self.out),
            **made,
            "videos": len(videos),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }
        note.write(summary)
        return summary

    def _small(self, videos: Dataset, console: Console, note: RunNote) -> dict[str, Any]:
        from spectrack.datasets.synthetic.stills import Stills
        from spectrack.trackers.rts.train_small import rts_small

        stills = Stills(self.data / "stills")
        about = {"data": f"ECSSD, DUTS, CCP, FeralCat, {DAVIS}", "terms": "research use"}
        note.write(None)
        with stages(console) as stage:
            file = rts_small(stills, videos, self.out, self._plan(), about=about, stage=stage)
        return {"weights": str(file), "stills": len(stills)}

    def _published(self, videos: Dataset, console: Console, note: RunNote) -> dict[str, Any]:
        from spectrack.trackers.rts.train import EPOCH_SAMPLES, RTS_TRAINING
        from spectrack.trackers.rts.train_published import rts_published
        from spectrack.weights.load import find_weights

        find_weights(self.start)
        epochs = self.epochs or RTS_TRAINING.epochs
        note.write(None)
        with console.progress("learning", "steps") as progress:
            file = rts_published(
                videos,
                self.out,
                self.start,
                samples=self.samples or EPOCH_SAMPLES,
                training=replace(RTS_TRAINING, epochs=epochs, seed=self.seed),
                paper=self.paper,
                about={"data": DAVIS, "terms": "research use"},
                progress=progress,
            )
        return {"weights": str(file), "stills": 0}

    def _plan(self) -> SmallPlan:
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


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    stills = f"{summary['stills']} stills and " if summary["stills"] else ""
    return "\n".join(
        [
            f"learned from {stills}{summary['videos']} videos in "
            f"{summary['seconds'] / 60:.1f} minutes (seed {summary['seed']})",
            f"weights: {summary['weights']}",
        ]
    )

"""``spectrack train rts``: learn RTS, from stills and annotated videos."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalCount, at_least
from spectrack.commands.run_note import RunNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from spectrack.progress import Console
    from spectrack.training.rts_small import SmallPlan

DATA = "ECSSD, DUTS, CCP, FeralCat, DAVIS-2016 train"


@dataclass(frozen=True, kw_only=True)
class TrainRTSCommand(Command):
    """Learn RTS: a small one from nothing, in about half an hour on a CPU.

    DATA holds stills (stills/SOURCE/images and masks) and DAVIS-2016 (davis2016/JPEGImages/240p,
    Annotations/240p). RUN/rts.safetensors holds the weights and says what network they are of. A
    run that was stopped goes on when started again, and a finished one is not repeated.

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
        note = RunNote(self.out, "rts.json", "rts.safetensors", self._asked())
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
            "epochs": self.epochs,
            "samples": self.samples,
            "sequences": self.sequences,
            "seed": self.seed,
        }

    def _learn(self, console: Console, note: RunNote) -> dict[str, Any]:
        from spectrack.datasets.davis import Davis2016
        from spectrack.datasets.stills import Stills
        from spectrack.training.rts_small import rts_small

        names = None if self.sequences is None else [w.strip() for w in self.sequences.split(",")]
        stills = Stills(self.data / "stills")
        videos = Davis2016(self.data / "davis2016", "train", "240p", names)
        started = time.perf_counter()
        note.write(None)
        with ExitStack() as lines:
            open_line: list[ExitStack] = []

            def stage(name: str, unit: str) -> Callable[[int, int | None], None]:
                while open_line:
                    open_line.pop().close()
                inner = lines.enter_context(ExitStack())
                open_line.append(inner)
                return inner.enter_context(console.progress(name, unit))

            about = {
                "data": "ECSSD, DUTS, CCP, FeralCat, DAVIS-2016 train",
                "terms": "research use",
            }
            file = rts_small(stills, videos, self.out, self._plan(), about=about, stage=stage)
        summary = {
            "out": str(self.out),
            "weights": str(file),
            "stills": len(stills),
            "videos": len(videos),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }
        note.write(summary)
        return summary

    def _plan(self) -> SmallPlan:
        from spectrack.training.rts_small import NETWORK, SmallPlan

        plan = SmallPlan(network=NETWORK, seed=self.seed)
        stages = plan.stages
        if self.samples is not None:
            stages = tuple(replace(one, samples=self.samples) for one in stages)
            plan = replace(plan, clips=min(plan.clips, 2 * self.samples))
        if self.epochs is not None:
            fewer = (replace(one.train, epochs=self.epochs) for one in stages)
            stages = tuple(replace(s, train=t) for s, t in zip(stages, fewer, strict=True))
        return replace(plan, stages=stages)


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    return "\n".join(
        [
            f"learned from {summary['stills']} stills and {summary['videos']} videos in "
            f"{summary['seconds'] / 60:.1f} minutes (seed {summary['seed']})",
            f"weights: {summary['weights']}",
        ]
    )

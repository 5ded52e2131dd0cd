"""What training recipes of trackers of boxes take, and what they do with it."""

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
    mean_overlaps,
    overlap_rows,
    words,
)

if TYPE_CHECKING:
    from spectrack.datasets.base import Dataset
    from spectrack.datasets.synthetic.stills import Stills
    from spectrack.training.siamese import Learner, SiamesePlan

CLIPS = 400
"""Made of stills."""
VIDEOS = 0.6
"""Share of pairs from videos."""
PERMISSIVE_DATA = "CCP, FeralCat and clips made of them"
RESEARCH_DATA = "ECSSD, DUTS, CCP, FeralCat, DAVIS-2016 train"


@dataclass(frozen=True, kw_only=True)
class ClipArguments(RecipeArguments):
    """Learn from clips: stills that are set in motion, and annotated videos.

    Class attributes:
        NAME: Of the recipe and of the file of weights.
        START_TERMS: What is to be known of the terms of the published start.
        START_FREE: Whether these allow any use.
    """

    NAME: ClassVar[str]
    START_TERMS: ClassVar[str]
    START_FREE: ClassVar[bool] = True
    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "samples": 1, "seed": 0}

    data: Annotated[Path, arg(metavar="DATA")]
    """Folder of the data."""
    start: Annotated[str, arg(metavar="WEIGHTS")]
    """Weights to start from: a name, or a file."""
    permissive: Flag = False
    """Only data whose terms allow any use."""
    epochs: OptionalCount = None
    """Passes over the samples."""
    samples: OptionalCount = None
    """Samples in an epoch."""
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences of DAVIS."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Decides every random draw."""

    def learner(self) -> Learner[Any]:
        """What is the tracker's own."""
        raise NotImplementedError

    def begun(self, learner: Learner[Any]) -> tuple[Any, SiamesePlan]:
        """What to start from, on the CPU, and how much of everything.

        Raises:
            InputError: If the weights cannot be used.
        """
        raise NotImplementedError

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {
            "data": str(self.data.resolve()),
            "start": self.start,
            "permissive": self.permissive,
            "epochs": self.epochs,
            "samples": self.samples,
            "sequences": self.sequences,
            "seed": self.seed,
        }

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn on, and measure what it brought."""
        from spectrack.training.data.clips import VideoClip, remove_clips, still_clips
        from spectrack.training.data.samples import Source
        from spectrack.training.held_out import hold_out
        from spectrack.training.siamese import fewer, learn_on

        learner = self.learner()
        network, plan = self.begun(learner)
        stills, videos = self._data()
        learned, held_out = hold_out(list(videos.values()))
        plan = fewer(plan, self.epochs, self.samples, self.seed)
        started = time.perf_counter()
        begin()
        kept, count = self.out / "stills", min(CLIPS, plan.samples)
        made = still_clips(stills, count, self.seed, kept, progress=stage("moving stills", "clips"))
        sources = [Source(made, 1 - VIDEOS), Source([VideoClip(v) for v in learned], VIDEOS)]
        file = self.out / f"{self.NAME}.safetensors"
        found = learn_on(
            learner,
            network,
            sources,
            held_out,
            file,
            plan,
            about=self._about(),
            extra={"start": self.start},
            progress=stage("learning", "steps"),
        )
        remove_clips(kept)
        return {
            "out": str(self.out),
            "weights": str(file),
            "stills": len(stills),
            "videos": len(learned),
            "held_out": found,
            "box_iou": mean_overlaps(found),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """What it was learned from, what it brought, and where the weights are."""
        return [
            f"learned from {summary['stills']} stills and {summary['videos']} videos in "
            f"{summary['seconds'] / 60:.1f} minutes (seed {summary['seed']})",
            overlap_rows(summary["held_out"]),
            f"weights: {summary['weights']}",
        ]

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
        free = self.permissive and self.START_FREE
        return {
            "start": self.start,
            "data": PERMISSIVE_DATA if self.permissive else RESEARCH_DATA,
            "terms": f"{'any use' if free else 'research use'}; {self.START_TERMS}",
            "command": f"spectrack train {self.NAME}{' --permissive' if self.permissive else ''}",
            "seed": self.seed,
        }


@dataclass(frozen=True, kw_only=True)
class SiameseArguments(ClipArguments):
    """Learn on from weights of a Siamese tracker."""

    backbone: Flag = False
    """The backbone learns, too, at a tenth of the rate; it stays as it is otherwise."""

    def begun(self, learner: Learner[Any]) -> tuple[Any, SiamesePlan]:
        """See :meth:`ClipArguments.begun`."""
        from spectrack.training.siamese import begun

        return begun(learner, self.start, "", False), replace(learner.plan, backbone=self.backbone)

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {"backbone": self.backbone}

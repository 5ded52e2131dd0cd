"""What training recipes of trackers of boxes take, and what they do with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.training.davis_flags import StillsArguments
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
    from spectrack.training.siamese import Learner, SiamesePlan

CLIPS = 400
"""Made of stills."""
VIDEOS = 0.6
"""Share of pairs from videos."""


@dataclass(frozen=True, kw_only=True)
class ClipArguments(StillsArguments):
    """Learn from clips: stills that are set in motion, and annotated videos.

    Class attributes:
        NAME: Of the recipe and of the file of weights.
        START_TERMS: What is to be known of the terms of the published start.
        START_FREE: Whether these allow any use.
    """

    START_TERMS: ClassVar[str]
    START_FREE: ClassVar[bool] = True
    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "samples": 1, "seed": 0}

    start: Annotated[str, arg(metavar="WEIGHTS")]
    """Weights to start from: a name, or a file."""
    epochs: OptionalCount = None
    """Passes over the samples."""
    samples: OptionalCount = None
    """Samples in an epoch."""

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
        return super().asked() | {
            "start": self.start,
            "epochs": self.epochs,
            "samples": self.samples,
        }

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn on, and measure what it brought."""
        from spectrack.training.data.clips import VideoClip, remove_clips, still_clips
        from spectrack.training.data.samples import Source
        from spectrack.training.siamese import fewer, learn_on

        learner = self.learner()
        network, plan = self.begun(learner)
        footage = self.footage()
        plan = fewer(plan, self.epochs, self.samples, self.seed)
        started = time.perf_counter()
        begin()
        kept, count = self.out / "stills", min(CLIPS, plan.samples)
        told = stage("moving stills", "clips")
        made = still_clips(footage.stills, count, self.seed, kept, progress=told)
        videos = [VideoClip(video) for video in footage.learned]
        sources = [Source(made, 1 - VIDEOS), Source(videos, VIDEOS)]
        file = self.out / f"{self.NAME}.safetensors"
        found = learn_on(
            learner,
            network,
            sources,
            footage.held_out,
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
            "stills": len(footage.stills),
            "videos": len(videos),
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

    def _about(self) -> dict[str, Any]:
        free = self.permissive and self.START_FREE
        return super()._about() | {
            "start": self.start,
            "terms": f"{'any use' if free else 'research use'}; {self.START_TERMS}",
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

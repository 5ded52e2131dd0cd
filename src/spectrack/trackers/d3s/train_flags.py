"""The recipe ``d3s``: what `spectrack train d3s` takes, and what it does with it."""

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
    from spectrack.trackers.d3s.train import D3SPlan


@dataclass(frozen=True, kw_only=True)
class D3SArguments(DavisArguments):
    """Learn D3S's segmentation network from pairs of frames; its filter learns while it tracks.

    DATA holds DAVIS-2016 (davis2016/JPEGImages and Annotations: 240p for the small network, else
    480p) and, for the small one, stills (stills/SOURCE/images and masks). Every sixth sequence is
    held out: pairs of them are judged after each epoch, and they are followed before and after.
    RUN/d3s.safetensors is for `track --tracker d3s --set weights=FILE`. The backbone stays as it
    is. A run that was stopped goes on when started again, and a finished one is not repeated.

    Example: spectrack train d3s --small --data DATA --out run
    """

    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "samples": 1, "seed": 0}

    small: Flag = False
    """A small network, which learns within half an hour on a CPU; without it the published one."""
    backbone: Annotated[str | None, arg(metavar="WEIGHTS")] = None
    """Weights of the backbone, a name or a file; where left out mask_in_box for the small network
    and resnet50 for the published one."""
    epochs: OptionalCount = None
    """Passes over the pairs."""
    samples: OptionalCount = None
    """Pairs in an epoch."""

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {
            "small": self.small,
            "backbone": self.backbone,
            "epochs": self.epochs,
            "samples": self.samples,
        }

    def plan(self) -> D3SPlan:
        """The plan that the flags ask for."""
        from spectrack.trackers.d3s.train import published_plan, small_plan

        plan = small_plan() if self.small else published_plan()
        training = replace(plan.train, seed=self.seed, epochs=self.epochs or plan.train.epochs)
        plan = replace(plan, train=training, backbone=self.backbone or plan.backbone)
        if self.samples is not None:
            few: dict[str, Any] = {
                "clips": min(plan.clips, self.samples),
                "judged": min(plan.judged, self.samples),
            }
            plan = replace(plan, samples=self.samples, **few)
        return plan

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn, and measure what it brought."""
        from spectrack.datasets.synthetic.stills import Stills
        from spectrack.trackers.d3s.train import fresh_network, learn_d3s
        from spectrack.trackers.d3s.train_samples import SegmentationPairs
        from spectrack.training.data.clips import VideoClip, remove_clips, still_clips
        from spectrack.training.data.samples import Source
        from spectrack.training.held_out import hold_out

        plan = self.plan()
        videos = self.davis("240p" if self.small else "480p")
        learned, held_out = hold_out(list(videos.values()))
        network = fresh_network(plan, self.seed)
        stills = Stills(self.data / "stills") if plan.clips else None
        started = time.perf_counter()
        begin()
        sources = [Source([VideoClip(video) for video in learned], plan.videos)]
        stored = self.out / "stills"
        if stills is not None:
            told = stage("moving stills", "clips")
            clips = still_clips(stills, plan.clips, self.seed, stored, progress=told)
            sources.append(Source(clips, 1 - plan.videos))
        judged = [Source([VideoClip(video) for video in held_out])]
        file = self.out / "d3s.safetensors"
        found = learn_d3s(
            network,
            SegmentationPairs(sources, plan.samples, plan.pairs),
            SegmentationPairs(judged, plan.judged, plan.pairs, seed=self.seed),
            held_out,
            file,
            plan,
            about=self._about(plan),
            progress=stage("learning", "steps"),
        )
        remove_clips(stored)
        return {
            "out": str(self.out),
            "weights": str(file),
            "videos": len(learned),
            "stills": 0 if stills is None else len(stills),
            "J": found["J"],
            "held_out": found["followed"],
            "box_iou": mean_overlaps(found["followed"]),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """What it was learned from, what it brought, and where the weights are."""
        stills = f"{summary['stills']} stills and " if summary["stills"] else ""
        scores = summary["J"]
        return [
            f"learned from {stills}{summary['videos']} videos in "
            f"{summary['seconds'] / 60:.1f} minutes (seed {summary['seed']})",
            f"pairs held out, J: {scores[0]:.3f} before, {max(scores[1:]):.3f} after",
            overlap_rows(summary["held_out"]),
            f"weights: {summary['weights']}",
        ]

    def _about(self, plan: D3SPlan) -> dict[str, Any]:
        stills = "ECSSD, DUTS, CCP, FeralCat, " if plan.clips else ""
        return {
            "backbone": plan.backbone,
            "data": f"{stills}DAVIS-2016 train",
            "terms": "research use",
            "command": f"spectrack train d3s{' --small' if self.small else ''}",
            "seed": self.seed,
        }

"""The recipe ``kys``: what `spectrack train kys` takes, and what it does with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.training.davis_flags import DavisArguments
from spectrack.training.recipes import (
    Begin,
    OptionalCount,
    Rows,
    Stage,
)

DAVIS = "DAVIS-2016 train"
SAMPLES = 400
"""In an epoch."""


@dataclass(frozen=True, kw_only=True)
class KYSArguments(DavisArguments):
    """Learn the predictor of KYS on a DiMP that stays as it is.

    DATA holds DAVIS-2016 (davis2016/JPEGImages/240p, Annotations/240p). Every sixth sequence is
    held out, the same ones as from a DiMP that train dimp learned: how often the highest score lies
    on the target in them is judged after each epoch. With dimp50 as published it takes a GPU; a
    DiMP that was learned here by train dimp --small makes a small KYS. RUN/kys.safetensors is for
    `track --tracker kys --set weights=FILE`. A run that was stopped goes on when started again, and
    a finished one is not repeated.

    Example: spectrack train kys --data DATA --start dimp50 --out run
    """

    LEAST: ClassVar[Mapping[str, int]] = {
        "epochs": 1, "samples": 1, "frames": 1, "batch": 1, "seed": 0,
    }  # fmt: skip

    start: Annotated[str, arg(metavar="WEIGHTS")] = "dimp50"
    """Weights of DiMP to build on, or of KYS to learn on from: a name, or a file."""
    epochs: OptionalCount = None
    """Passes over the samples; 40 where left out, as published."""
    samples: Annotated[int, arg(metavar="N")] = SAMPLES
    """Samples in an epoch."""
    frames: Annotated[int, arg(metavar="N")] = 10
    """Frames of a sample that follow one another."""
    batch: Annotated[int, arg(metavar="N")] = 4
    """Samples of a step."""

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {
            "start": self.start,
            "epochs": self.epochs,
            "samples": self.samples,
            "frames": self.frames,
            "batch": self.batch,
        }

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn the predictor."""
        from spectrack.trackers.kys.train import KYS_TRAINING
        from spectrack.trackers.kys.train_start import learn_on_videos
        from spectrack.training.held_out import hold_out

        learned, held_out = hold_out(list(self.davis().values()))
        training = replace(
            KYS_TRAINING,
            epochs=self.epochs or KYS_TRAINING.epochs,
            batch_size=self.batch,
            seed=self.seed,
        )
        started = time.perf_counter()
        file, found = learn_on_videos(
            learned,
            held_out,
            self.out,
            self.start,
            training,
            samples=self.samples,
            frames=self.frames,
            begin=begin,
            about={"data": DAVIS, "terms": "research use"},
            progress=stage("learning", "steps"),
        )
        return {
            "out": str(self.out),
            "weights": str(file),
            "videos": len(learned),
            **found,
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """What it was learned from, what came of it, and where the weights are."""
        return [
            f"learned from {summary['videos']} videos in {summary['seconds'] / 60:.1f} minutes "
            f"(seed {summary['seed']})",
            f"held out: the highest score on the target in {100 * summary['hits']:.1f} % of frames",
            f"weights: {summary['weights']}",
        ]

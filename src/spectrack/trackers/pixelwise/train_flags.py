"""The recipe ``pixelwise``: what `spectrack train pixelwise` takes, and what it does with it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.training.davis_flags import DavisArguments
from spectrack.training.recipes import (
    Begin,
    OptionalCount,
    OptionalFolder,
    Rows,
    Stage,
)

if TYPE_CHECKING:
    from torch import Tensor

    from spectrack.datasets.base import VideoSequence
    from spectrack.trackers.pixelwise.train_plan import PixelwisePlan

FORMS = ("small", "paper")
START = "mask_in_box"


@dataclass(frozen=True, kw_only=True)
class PixelwiseArguments(DavisArguments):
    """Learn pixel-wise tracking in the five stages of its paper.

    DATA holds DAVIS-2016 (davis2016/JPEGImages/240p, Annotations/240p) and, for the small form,
    stills (stills/SOURCE/images and masks). The small form takes about two hours on one core,
    less on two with --jobs 2; --share and --steps make it shorter.
    RUN/pixelwise.safetensors is for `track --tracker pixelwise --set weights=FILE`. Every sixth
    sequence is held out and followed at the end; with --folds each sequence is held out once, and
    the weights are those of the first fold. A run that was stopped goes on when started again, and
    a finished one is not repeated.

    Example: spectrack train pixelwise --data DATA --out run
    """

    LEAST: ClassVar[Mapping[str, int]] = {
        "epochs": 1,
        "steps": 1,
        "batch": 1,
        "folds": 2,
        "jobs": 1,
        "seed": 0,
    }

    form: Annotated[str, arg(metavar="FORM")] = "small"
    """small, or paper for the sizes of its Table 1."""
    start: Annotated[str | None, arg(metavar="WEIGHTS")] = None
    """What the extractor starts with and keeps: MobileNetV2 or a network on it for the small form
    (mask_in_box, which comes with spectrack, where left out), VGG-16 with torchvision's names for
    the paper's; a name, or a file."""
    epochs: OptionalCount = None
    """Epochs of each training in every stage."""
    share: float = 1.0
    """Share of the epochs of both local networks, which take most of the time."""
    steps: OptionalCount = None
    """Steps of an epoch."""
    batch: OptionalCount = None
    """Samples of a step of the local network."""
    folds: OptionalCount = None
    """Cross validation over the sequences with so many folds."""
    jobs: OptionalCount = None
    """So many of the first three trainings at a time, which share the cores. The weights are those
    of one by one on as few threads."""
    more: OptionalFolder = None
    """Folder of further videos, DIR/frames/NAME with a mask for each frame in DIR/masks/NAME:
    VOT2016 with its masks, or videos whose masks `track` has made from boxes."""

    def check(self) -> None:
        """The form is known, and has something to start with."""
        if not 0 < self.share <= 1:
            raise InputError(f"--share is {self.share}; give a number above 0, at most 1")
        if self.form not in FORMS:
            raise InputError(f"--form is {self.form}; give {' or '.join(FORMS)}")
        if self.form == "paper" and self.start is None:
            raise InputError(
                "--form paper needs VGG-16 trained on pictures; give a file with torchvision's "
                "names by --start"
            )

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {
            "form": self.form,
            "start": self.start or START,
            "epochs": self.epochs,
            "share": self.share,
            "steps": self.steps,
            "batch": self.batch,
            "folds": self.folds,
            "more": None if self.more is None else str(self.more.resolve()),
        }

    def plan(self) -> PixelwisePlan:
        """The plan that the flags ask for."""
        from spectrack.trackers.pixelwise.train_plan import paper_plan, small_plan

        plan = small_plan(self.seed) if self.form == "small" else paper_plan(self.seed)
        changes: dict[str, Any] = {} if self.epochs is None else {"epochs": self.epochs}
        maps = {name: replace(getattr(plan, name), **changes) for name in GLOBAL_PARTS}
        if self.batch is not None:
            changes["batch_size"] = self.batch
        local = {}
        for name in LOCAL_PARTS:
            whole = replace(getattr(plan, name), **changes)
            local[name] = replace(whole, epochs=max(round(self.share * whole.epochs), 1))
        steps: dict[str, Any] = {} if self.steps is None else dict.fromkeys(STEPS, self.steps)
        return replace(plan, **local, **maps, **steps)

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn every fold, and follow what was held out of each."""
        import shutil

        from spectrack.trackers.pixelwise.train_footage import videos_in
        from spectrack.trackers.pixelwise.train_held_out import fold_of
        from spectrack.training.held_out import hold_out

        videos = list(self.davis().values())
        if self.more is not None:
            videos += videos_in(self.more)
        backbone = self._backbone()
        started = time.perf_counter()
        begin()
        found: dict[str, float] = {}
        if self.folds is None:
            learned, apart = hold_out(videos)
            found = self._fold(learned, apart, backbone, self.out, stage)
        else:
            for number in range(self.folds):
                learned, apart = fold_of(videos, self.folds, number, self.seed)
                folder = self.out / f"fold-{number + 1}"
                found |= self._fold(learned, apart, backbone, folder, stage)
            shutil.copyfile(self.out / "fold-1" / NAME, self.out / NAME)
        return {
            "out": str(self.out),
            "weights": str(self.out / NAME),
            "videos": len(videos),
            "held_out": found,
            "J": round(sum(found.values()) / max(len(found), 1), 4),
            "seed": self.seed,
            "seconds": round(time.perf_counter() - started, 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """What it was learned from, how well it follows what it has not seen, the weights."""
        rows = [("held out, J", ""), *((n, f"{j:.3f}") for n, j in summary["held_out"].items())]
        return [
            f"learned from {summary['videos']} videos in {summary['seconds'] / 60:.1f} minutes "
            f"(seed {summary['seed']})",
            [*rows, ("mean", f"{summary['J']:.3f}")],
            f"weights: {summary['weights']}",
        ]

    def _fold(
        self,
        learned: Sequence[VideoSequence],
        apart: Sequence[VideoSequence],
        backbone: Mapping[str, Tensor],
        folder: Path,
        stage: Stage,
    ) -> dict[str, float]:
        from spectrack.datasets.synthetic.stills import Stills
        from spectrack.trackers.pixelwise.train import pixelwise
        from spectrack.trackers.pixelwise.train_footage import footage_of_video
        from spectrack.trackers.pixelwise.train_held_out import mean_overlaps_of_masks

        plan = self.plan()
        stills = Stills(self.data / "stills") if plan.regions.stills else ()
        network = pixelwise(
            [footage_of_video(video) for video in learned],
            backbone,
            folder,
            plan,
            stills=stills,
            about={
                "data": "DAVIS-2016 train"
                + (", ECSSD, DUTS, CCP, FeralCat" if stills else "")
                + ("" if self.more is None else f", videos of {self.more.name}"),
                "terms": "research use",
                "command": self._command(),
                "start": self.start or START,
                "held_out": [video.name for video in apart],
            },
            stage=stage,
            jobs=self.jobs or 1,
        )
        told = stage("following what was held out", "videos")
        return mean_overlaps_of_masks(network, apart, plan.follow, told)

    def _command(self) -> str:
        flags = {"epochs": None, "share": 1.0, "steps": None, "batch": None, "folds": None}
        given = {name: getattr(self, name) for name in flags}
        more = [f"--{name} {v:g}" for name, v in given.items() if v != flags[name]]
        return " ".join([f"spectrack train pixelwise --form {self.form}", *more])

    def _backbone(self) -> Mapping[str, Tensor]:
        from spectrack.weights.files import read_weights
        from spectrack.weights.load import find_weights

        return read_weights(find_weights(self.start or START)).tensors


NAME = "pixelwise.safetensors"
LOCAL_PARTS = ("halves", "local")
GLOBAL_PARTS = ("true_maps", "predicted_maps")
STEPS = ("local_steps", "global_steps")

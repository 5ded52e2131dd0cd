"""The recipe ``fusion``: what `spectrack train fusion` takes, and what it does with it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.fusion.channels import channels
from spectrack.training.recipes import (
    Begin,
    Flag,
    OptionalCount,
    OptionalFolder,
    RecipeArguments,
    Rows,
    Stage,
    words,
)

if TYPE_CHECKING:
    from spectrack.fusion.train_videos import FusionVideo

THROUGH = ("mixing", "colour", "paper")


@dataclass(frozen=True, kw_only=True)
class FusionArguments(RecipeArguments):
    """Learn how to fuse the masks of methods, from sequences with truth: one weight a method.

    Each channel is the folder of a method, with a folder of masks a sequence
    (METHOD/SEQ/00000.png), or NAME=FOLDER; with --masks DIR it is the name of a folder in DIR.
    Truth has the size of the masks. RUN/weights.safetensors is for `fuse --weights`. A run that
    was stopped goes on when started again, and a finished one is not repeated.

    Example: spectrack train fusion --channels A,B,C --masks Results --root DAVIS --out run
    """

    LEAST: ClassVar[Mapping[str, int]] = {"epochs": 1, "seed": 0}

    channels: Annotated[str, arg(metavar="A,B")]
    """The methods, two or more."""
    root: Annotated[Path, arg(metavar="DIR")]
    """Folder of the data set."""
    masks: OptionalFolder = None
    """Where the folders of the methods are."""
    dataset: Annotated[str, arg(metavar="NAME")] = "davis2016"
    """Which data set it is."""
    split: Annotated[str, arg(metavar="NAME")] = "train"
    """Which of its lists."""
    resolution: Annotated[str, arg(metavar="NAME")] = "480p"
    """Which image size of DAVIS the truth has."""
    frames: Annotated[str | None, arg(metavar="NAME")] = None
    """Image size of the frames, where it is another; only --through a filter reads them."""
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences."""
    through: Annotated[str, arg(metavar="NAME")] = "mixing"
    """Stop at the mixing, or learn on through the filter: colour, paper."""
    no_agreement: Flag = False
    """Equal weights in every frame: the paper's Eq. 9 as it stands."""
    pairwise_apart: Flag = False
    """Weights of its own for the paper's pairwise map; with --through paper."""
    epochs: OptionalCount = None
    """Passes over the data of the mixing."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Decides the order of frames and every random draw."""
    overwrite: Flag = False
    """Replace another run in RUN."""

    def choices(self) -> Iterator[tuple[str, str, Iterable[str]]]:
        """The data set, and where to stop."""
        from spectrack.datasets import DATASETS

        yield "data set", self.dataset, DATASETS
        yield "--through", self.through, THROUGH

    def check(self) -> None:
        """Channels that are two or more, and flags that fit the filter."""
        if self.pairwise_apart and self.through != "paper":
            raise InputError(
                "--pairwise-apart was given without --through paper, whose filter alone has a "
                "pairwise map; give both or neither"
            )
        folders = self._folders()
        if len(folders) < 2:
            raise InputError(
                f"one channel ({next(iter(folders))}) was given; give two or more to fuse"
            )

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return {
            "channels": {name: str(folder.resolve()) for name, folder in self._folders().items()},
            "root": str(self.root.resolve()),
            "dataset": self.dataset,
            "split": self.split,
            "resolution": self.resolution,
            "frames": self.frames,
            "sequences": words(self.sequences),
            "through": self.through,
            "agreement": not self.no_agreement,
            "pairwise": "apart" if self.pairwise_apart else "shared",
            "epochs": self.epochs,
            "seed": self.seed,
        }

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Read all masks, learn from them, and measure what was learned on them."""
        from spectrack.fusion.train import MIXING_TRAINING, fusion, read_columns
        from spectrack.fusion.train_scores import fusion_scores

        started = time.perf_counter()
        folders = self._folders()
        videos, name = self._videos(folders)
        columns = read_columns(videos, self.seed, reading=stage("reading masks", "sequences"))
        begin()
        run = fusion(
            videos,
            list(folders),
            self.out,
            through=self.through,  # type: ignore[arg-type]  # one of THROUGH
            agreement=not self.no_agreement,
            pairwise="apart" if self.pairwise_apart else "shared",
            seed=self.seed,
            first=replace(MIXING_TRAINING, epochs=self.epochs or MIXING_TRAINING.epochs),
            about={"data": name},
            columns=columns,
            progress=stage("learning", "steps"),
        )
        scores = asdict(fusion_scores(run.mixing, columns))
        return {
            "out": str(self.out),
            "weights": str(run.file),
            "data": name,
            "sequences": len({video.sequence for video in videos}),
            "frames": sum(map(len, columns)),
            "through": self.through,
            "channels": [
                {"name": n, "weight": round(w, 4), "training_J": round(j, 4)}
                for n, w, j in zip(folders, run.mixing.weights, scores["channels"], strict=True)
            ],
            "bias": round(run.mixing.bias, 4),
            "agreement": round(run.mixing.agreement, 4),
            "parameters": run.mixing.parameters,
            "training_J": {
                "best_single": round(max(scores["channels"]), 4),
                "mean": round(scores["mean"], 4),
                "mixing": round(scores["mixing"], 4),
            },
            "seconds": round(time.perf_counter() - started, 2),
            "learning_seconds": round(sum(one.seconds for one in run.stages), 2),
            "peak_memory_mib": round(max(one.peak_memory_mib for one in run.stages), 1),
        }

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """A table of the channels, what was learned, and what it came to."""
        rows = [
            (c["name"], f"{c['weight']:.3f}", f"{100 * c['training_J']:.1f}")
            for c in summary["channels"]
        ]
        j = {name: f"{100 * value:.1f}" for name, value in summary["training_J"].items()}
        return [
            [("channel", "weight", "J"), *rows],
            f"bias {summary['bias']:.3f}, exponent of the agreement {summary['agreement']:.3f}",
            f"J on the training data, before the filter: best single {j['best_single']}, "
            f"mean {j['mean']}, learned mixing {j['mixing']}",
            f"learned {summary['parameters']} numbers from {summary['frames']} frames of "
            f"{summary['sequences']} sequences ({summary['data']}) in {summary['seconds']:.1f} s, "
            f"peak memory {summary['peak_memory_mib']:.0f} MiB",
            f"weights: {summary['weights']}",
        ]

    def _folders(self) -> dict[str, Path]:
        """Name of each channel to its folder."""
        given = words(self.channels) or []
        if self.masks is not None:
            given = [word if "=" in word else str(self.masks / word) for word in given]
        return channels(tuple(given))

    def _videos(self, folders: dict[str, Path]) -> tuple[list[FusionVideo], str]:
        """The annotated videos, and the name of the data."""
        from spectrack.datasets import open_dataset
        from spectrack.fusion.train_folders import folder_videos

        filtered = self.through != "mixing"
        dataset = open_dataset(
            self.dataset,
            self.root,
            split=self.split,
            resolution=self.resolution,
            sequences=words(self.sequences),
            frames=self.frames,
            need_frames=filtered,
        )
        return folder_videos(dataset, folders, with_frames=filtered), dataset.name

"""``spectrack train fusion``: learn from data with truth how to fuse the masks of methods."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalCount,
    OptionalFolder,
    at_least,
    choose,
    table,
)
from spectrack.commands.fuse import channels
from spectrack.errors import InputError
from spectrack.storage import claimed, write_json

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.fusion.train_videos import FusionVideo

THROUGH = ("mixing", "default", "paper")
RESULT = "fusion.json"


@dataclass(frozen=True, kw_only=True)
class TrainCommand(Command):
    """Learn how to fuse the masks of methods, from sequences with truth: one weight a method.

    Each channel is the folder of a method, with a folder of masks a sequence
    (METHOD/SEQ/00000.png), or NAME=FOLDER; with --masks DIR it is the name of a folder in DIR.
    Truth has the size of the masks. RUN/weights.safetensors is for `fuse --weights`. A run that
    was stopped goes on when started again, and a finished one is not repeated. `train sftrack` and
    `train rts` learn something else, see `spectrack train sftrack --help`.

    Example: spectrack train fusion --channels A,B,C --masks Results --root DAVIS --out run
    """

    recipe: Annotated[Positional[str], arg(metavar="RECIPE")]
    """What to learn: fusion, sftrack or rts."""
    channels: Annotated[str, arg(metavar="A,B")]
    """The methods, two or more."""
    root: Annotated[Path, arg(metavar="DIR")]
    """Folder of the data set."""
    out: Annotated[Path, arg(metavar="RUN")]
    """Folder of the run; new, empty, or that of the same run."""
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
    """Stop at the mixing, or learn on through the filter: default, paper."""
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

    def run(self, console: Console) -> int:
        """Learn, or go on learning, and print what was learned."""
        self._check()
        folders = self._folders()
        asked = self._asked(folders)
        with claimed(self.out):
            finished = self._claim(asked)
            if finished is None:
                finished = self._learn(folders, asked, console)
            else:
                console.remark(f"{self.out} holds this run, finished; it is not repeated")
        console.result(finished, text(finished))
        return 0

    def _check(self) -> None:
        from spectrack.datasets import DATASETS

        choose("recipe", self.recipe, ["fusion", "sftrack", "rts"])
        choose("data set", self.dataset, DATASETS)
        choose("--through", self.through, THROUGH)
        at_least("--epochs", self.epochs)
        at_least("--seed", self.seed, 0)
        if self.pairwise_apart and self.through != "paper":
            raise InputError(
                "--pairwise-apart was given without --through paper, whose filter alone has a "
                "pairwise map; give both or neither"
            )

    def _folders(self) -> dict[str, Path]:
        """Name of each channel to its folder."""
        words = _words(self.channels)
        if self.masks is not None:
            words = [word if "=" in word else str(self.masks / word) for word in words]
        folders = channels(tuple(words))
        if len(folders) < 2:
            raise InputError(
                f"one channel ({next(iter(folders))}) was given; give two or more to fuse"
            )
        return folders

    def _asked(self, folders: dict[str, Path]) -> dict[str, Any]:
        """What decides the outcome, as JSON has it."""
        return {
            "channels": {name: str(folder.resolve()) for name, folder in folders.items()},
            "root": str(self.root.resolve()),
            "dataset": self.dataset,
            "split": self.split,
            "resolution": self.resolution,
            "frames": self.frames,
            "sequences": None if self.sequences is None else _words(self.sequences),
            "through": self.through,
            "agreement": not self.no_agreement,
            "pairwise": "apart" if self.pairwise_apart else "shared",
            "epochs": self.epochs,
            "seed": self.seed,
        }

    def _claim(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Make sure RUN is free or holds this run; what it came to, if it is finished.

        Raises:
            InputError: If it holds another run, or other things.
        """
        from spectrack.commands.output import Layout, check_output

        file = self.out / RESULT
        names = {"weights.safetensors", *THROUGH}
        check_output(self.out, Layout(RESULT, frozenset(names)), overwrite=True)
        if not file.is_file():
            return None
        try:
            held = json.loads(file.read_text())
            before = dict(held["asked"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file} cannot be read; give another folder") from error
        differs = next((name for name in asked if before.get(name) != asked[name]), None)
        if self.overwrite and differs is not None:
            for name in names:
                shutil.rmtree(self.out / name, ignore_errors=True)
            (self.out / "weights.safetensors").unlink(missing_ok=True)
            file.unlink()
            return None
        if differs is not None:
            raise InputError(
                f"{self.out} holds a run with {differs} {before.get(differs)}, not "
                f"{asked[differs]}; give another folder or pass --overwrite"
            )
        done = held["summary"]
        complete = done is not None and (self.out / "weights.safetensors").is_file()
        return done if complete else None

    def _learn(
        self, folders: dict[str, Path], asked: dict[str, Any], console: Console
    ) -> dict[str, Any]:
        from spectrack.fusion.train import MIXING_TRAINING, fusion, read_columns
        from spectrack.fusion.train_scores import fusion_scores

        started = time.perf_counter()
        videos, name = self._videos(folders)
        with console.progress("reading masks", "sequences") as reading:
            columns = read_columns(videos, self.seed, reading=reading)
        # Written once all masks are known to be good: a mistake leaves no folder behind.
        self._note(asked, None)
        with console.progress("learning", "steps") as learning:
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
                progress=learning,
            )
        scores = asdict(fusion_scores(run.mixing, columns))
        summary = {
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
            "learning_seconds": round(sum(stage.seconds for stage in run.stages), 2),
            "peak_memory_mib": round(max(stage.peak_memory_mib for stage in run.stages), 1),
        }
        self._note(asked, summary)
        return summary

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
            sequences=None if self.sequences is None else _words(self.sequences),
            frames=self.frames,
            need_frames=filtered,
        )
        return folder_videos(dataset, folders, with_frames=filtered), dataset.name

    def _note(self, asked: dict[str, Any], summary: dict[str, Any] | None) -> None:
        """Write what was asked, and what came of it, whole or not at all."""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            write_json(self.out / RESULT, {"asked": asked, "summary": summary}, indent=2)
        except OSError as error:
            raise InputError(
                f"run folder {self.out} cannot be written ({error.strerror}); give another folder"
            ) from error


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    rows = [
        (c["name"], f"{c['weight']:.3f}", f"{100 * c['training_J']:.1f}")
        for c in summary["channels"]
    ]
    j = {name: f"{100 * value:.1f}" for name, value in summary["training_J"].items()}
    return "\n".join(
        [
            table([("channel", "weight", "J"), *rows]),
            f"bias {summary['bias']:.3f}, exponent of the agreement {summary['agreement']:.3f}",
            f"J on the training data, before the filter: best single {j['best_single']}, "
            f"mean {j['mean']}, learned mixing {j['mixing']}",
            f"learned {summary['parameters']} numbers from {summary['frames']} frames of "
            f"{summary['sequences']} sequences ({summary['data']}) in {summary['seconds']:.1f} s, "
            f"peak memory {summary['peak_memory_mib']:.0f} MiB",
            f"weights: {summary['weights']}",
        ]
    )


def _words(given: str) -> list[str]:
    return [word.strip() for word in given.split(",") if word.strip()]

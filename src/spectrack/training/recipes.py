"""The table of training recipes: what `spectrack train NAME` learns, by import strings alone.

A recipe is a dataclass of arguments, in a file that imports nothing heavy: its fields are the
flags, its methods say what they mean. It lives with what it trains; here is only where to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from tyro.conf import FlagCreatePairsOff, arg

from spectrack.storage import Progress

Flag = FlagCreatePairsOff[bool]
OptionalFolder = Annotated[Path | None, arg(metavar="DIR")]
OptionalCount = Annotated[int | None, arg(metavar="N")]

Stage = Callable[[str, str], Progress]
"""Takes a stage's name and what it counts; the one before is over then."""

Begin = Callable[[], None]
"""To be called when the data are known to be good, before anything is written into the run."""

Rows = Sequence[tuple[str, ...]]
"""Lines of columns, the first one their names."""


@dataclass(frozen=True, kw_only=True)
class RecipeArguments:
    """What every recipe has: a folder for the run, and rules for its flags.

    Class attributes:
        LEAST: Name of a whole number to the least that it may be.
    """

    LEAST: ClassVar[Mapping[str, int]] = {}

    out: Annotated[Path, arg(metavar="RUN")]
    """Folder of the run; new, empty, or that of the same run."""

    def choices(self) -> Iterator[tuple[str, str, Iterable[str]]]:
        """What is one of several names: what it is called, the name given, those known."""
        yield from ()

    def check(self) -> None:
        """Look at the flags together, before any data are read.

        Raises:
            InputError: If they do not fit each other.
        """

    def asked(self) -> dict[str, Any]:
        """What decides the outcome, as JSON has it; a run with other answers is another run."""
        raise NotImplementedError

    def learn(self, begin: Begin, stage: Stage) -> dict[str, Any]:
        """Learn, or go on learning.

        Args:
            begin: See :data:`Begin`.
            stage: Shows how far each stage has come.

        Returns:
            What came of it, as JSON has it.

        Raises:
            InputError: If the data cannot be used, or as
                :func:`spectrack.training.loop.trainer.train`.
        """
        raise NotImplementedError

    def report(self, summary: dict[str, Any]) -> list[str | Rows]:
        """The summary for people: lines, and tables."""
        raise NotImplementedError


@dataclass(frozen=True)
class Recipe:
    """One row of the table.

    Attributes:
        arguments: ``module:Class`` of its :class:`RecipeArguments`; the module is light.
        description: What is learned, for the list of recipes.
        weights: Name of the file in the run's folder that a finished run has.
        note: Name of the file there that says what was asked and what came of it.
        holds: Names in the run's folder that ``--overwrite`` may remove, for recipes with that
            flag.
    """

    arguments: str
    description: str
    weights: str
    note: str
    holds: tuple[str, ...] = ()

    def load(self) -> type[RecipeArguments]:
        """The dataclass of its arguments."""
        module, name = self.arguments.split(":")
        return cast(type[RecipeArguments], getattr(import_module(module), name))


RECIPES = {
    "fusion": Recipe(
        "spectrack.fusion.train_flags:FusionArguments",
        "how to fuse the masks of methods",
        "weights.safetensors",
        "fusion.json",
        ("mixing", "colour", "paper"),
    ),
    "sftrack": Recipe(
        "spectrack.trackers.sftrack.train_flags:SFTrackArguments",
        "all of SFTrack++",
        "sftrack.safetensors",
        "sftrack.json",
    ),
    "mask-in-box": Recipe(
        "spectrack.trackers.nanomask.train_flags:MaskInBoxArguments",
        "masks of things in boxes, and a memory of the target",
        "mask_in_box.safetensors",
        "mask_in_box.json",
    ),
    "pixelwise": Recipe(
        "spectrack.trackers.pixelwise.train_flags:PixelwiseArguments",
        "pixel-wise tracking: where to look, and what is the target there",
        "pixelwise.safetensors",
        "pixelwise.json",
    ),
    "rts": Recipe(
        "spectrack.trackers.rts.train_flags:RTSArguments",
        "RTS, a small one or the published one",
        "rts.safetensors",
        "rts.json",
    ),
    "nanotrack": Recipe(
        "spectrack.trackers.nanotrack.train_flags:NanoTrackArguments",
        "NanoTrack, on from published weights",
        "nanotrack.safetensors",
        "nanotrack.json",
    ),
    "siamese": Recipe(
        "spectrack.training.siamese_family:SiameseFamilyArguments",
        "SiamFC, SiamRPN, SiamBAN, NanoTrack: from weights, a backbone, or nothing",
        "siamese.safetensors",
        "siamese.json",
    ),
    "fear": Recipe(
        "spectrack.trackers.fear.train_flags:FEARArguments",
        "FEAR-XS, on from published weights",
        "fear.safetensors",
        "fear.json",
    ),
    "mdnet": Recipe(
        "spectrack.trackers.mdnet.train_flags:MDNetArguments",
        "MDNet, a small one or the published one",
        "mdnet.safetensors",
        "mdnet.json",
    ),
    "dimp": Recipe(
        "spectrack.trackers.dimp.train_flags:DiMPArguments",
        "DiMP, PrDiMP, SuperDiMP, or a small one",
        "dimp.safetensors",
        "dimp.json",
    ),
    "atom": Recipe(
        "spectrack.trackers.atom.train_flags:ATOMArguments",
        "ATOM's IoU-Net, on a backbone that stays as it is",
        "atom.safetensors",
        "atom.json",
    ),
    "d3s": Recipe(
        "spectrack.trackers.d3s.train_flags:D3SArguments",
        "D3S's segmentation, a small one or the published one",
        "d3s.safetensors",
        "d3s.json",
    ),
    "kys": Recipe(
        "spectrack.trackers.kys.train_flags:KYSArguments",
        "KYS: its predictor, on a DiMP that stays",
        "kys.safetensors",
        "kys.json",
    ),
}


def words(given: str | None) -> list[str] | None:
    """Names from ``A,B``; None stays None."""
    if given is None:
        return None
    return [word.strip() for word in given.split(",") if word.strip()]


Overlaps = Mapping[str, Mapping[str, float]]
"""Box IoU ``before`` and ``after`` learning, of every sequence held out."""


def mean_overlaps(found: Overlaps) -> dict[str, float]:
    """Means over the sequences, for a summary; 0 where there are none."""
    return {when: round(sum(v.values()) / max(len(v), 1), 4) for when, v in found.items()}


def overlap_rows(found: Overlaps) -> Rows:
    """Before and after, sequence by sequence and in the mean, for a report."""
    means = mean_overlaps(found)
    return [
        ("held out, box IoU", "before", "after"),
        *(
            (name, f"{iou:.3f}", f"{found['after'][name]:.3f}")
            for name, iou in found["before"].items()
        ),
        ("mean", f"{means['before']:.3f}", f"{means['after']:.3f}"),
    ]

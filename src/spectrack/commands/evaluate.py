"""``spectrack evaluate``: how good are results, or a tracker, on a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalFolder,
    Repeated,
    choose,
    parse_settings,
    versions,
)
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.datasets.base import Dataset, Sequence
    from spectrack.evaluation.score import Scores
    from spectrack.progress import Console
    from spectrack.tracks import Track


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand(Command):
    """Score results on a data set: J, F, box overlap.

    Give --results DIR to score masks that are there (DIR/SEQ/00000.png or result folders), or
    --tracker NAME to run a tracker first, from the box of each first frame. Its results are kept
    in --out sequence by sequence, so a run that was stopped goes on.

    Example: spectrack evaluate --tracker flow --out runs/flow --root DAVIS
    """

    root: Annotated[Path, arg(metavar="DIR")]
    """Folder of the data set."""
    dataset: Annotated[str, arg(metavar="NAME")] = "davis2016"
    """Which data set it is."""
    split: Annotated[str, arg(metavar="NAME")] = "val"
    """Which of its lists."""
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences."""
    resolution: Annotated[str, arg(metavar="NAME")] = "480p"
    """Which image size of DAVIS."""
    results: OptionalFolder = None
    """Results to score."""
    tracker: Annotated[str | None, arg(metavar="NAME")] = None
    """Tracker to run and score; see `spectrack trackers`."""
    set: Annotated[Repeated, arg(metavar="NAME=VALUE")] = ()
    """A setting of the tracker. Repeat for more."""
    from_mask: Flag = False
    """Give the tracker the true first mask, not only its box."""
    no_clean: Flag = False
    """Leave the tracker's masks as they are: no spectral filter behind it."""
    out: OptionalFolder = None
    """Where the tracker's results are kept."""
    tcont: Flag = False
    """Measure TCONT too (needs optical flow, slow)."""

    def run(self, console: Console) -> int:
        """Run the tracker where asked, score, and print the table."""
        from spectrack.datasets import DATASETS

        if (self.results is None) == (self.tracker is None):
            raise InputError("give either --results DIR to score or --tracker NAME to run")
        choose("data set", self.dataset, DATASETS)
        if self.tracker is not None:
            from spectrack.trackers.base import TRACKERS

            choose("tracker", self.tracker, TRACKERS)
            if self.out is None:
                raise InputError("--tracker needs a place for its results; give --out DIR")
        dataset = self._open()
        if self.results is not None:
            scores = self._score(self.results, dataset, None, console)
        else:
            rates = self._track(dataset, console)
            scores = self._score(self.out or Path(), dataset, rates, console)
        from spectrack.evaluation.report import as_dict

        console.result(as_dict(scores), as_text(scores))
        return 0

    def _open(self) -> Dataset:
        from spectrack.datasets import open_dataset

        names = None
        if self.sequences is not None:
            names = [name.strip() for name in self.sequences.split(",") if name.strip()]
        return open_dataset(
            self.dataset,
            self.root,
            split=self.split,
            resolution=self.resolution,
            sequences=names,
        )

    def _track(self, dataset: Dataset, console: Console) -> dict[str, float]:
        """Run the tracker over the sequences that are not done yet.

        Returns:
            Sequence name to frames per second.
        """
        from spectrack.evaluation.runner import run_dataset
        from spectrack.trackers.base import make_tracker
        from spectrack.trackers.loop import run

        name, give_mask, names = self.tracker or "", self.from_mask, list(dataset)
        given = parse_settings(self.set)
        make_tracker(name, **given)  # a wrong setting is told before work begins

        def follow(sequence: Sequence) -> Track:
            label = f"{sequence.name} ({names.index(sequence.name) + 1} of {len(names)})"
            with sequence.frames() as frames, console.progress(label) as progress:
                return run(
                    make_tracker(name, **given),
                    frames,
                    sequence.target(give_mask),
                    progress,
                    clean=not self.no_clean,
                )

        settings = {
            "tracker": name,
            "settings": given,
            "from_mask": give_mask,
            "clean": not self.no_clean,
            "spectrack": versions()["spectrack"],
        }
        runs = run_dataset(follow, dataset, self.out or Path(), settings)
        return {run.name: run.fps for run in runs}

    def _score(
        self, results: Path, dataset: Dataset, rates: dict[str, float] | None, console: Console
    ) -> Scores:
        from spectrack.evaluation.score import score_folder

        with console.progress("scoring", "sequences") as progress:
            return score_folder(
                results,
                dataset,
                consistency=self.tcont,
                progress=lambda _, done, total: progress(done, total),
                timings=rates,
            )


def as_text(scores: Scores) -> str:
    """The table of scores, in percent."""
    import io
    import shutil

    from rich.console import Console as Screen

    from spectrack.evaluation.report import table

    width = max(100, shutil.get_terminal_size().columns)
    out = io.StringIO()
    Screen(file=out, width=width).print(table(scores))
    return out.getvalue()

"""``spectrack evaluate``: how good are results, or a tracker, on a data set."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from tyro.conf import arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalCount,
    OptionalFolder,
    Repeated,
    at_least,
    choose,
    table,
    versions,
)
from spectrack.commands.output import Layout, check_output, staged
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.datasets.base import Dataset
    from spectrack.evaluation.method import Data, Mode
    from spectrack.evaluation.score import Scores


REPORT = Layout(
    "scores.json",
    frozenset(
        # The plots are those of earlier reports, which may be replaced.
        {"scores.md", "report.html", "success.png", "precision.png", "normalised_precision.png"}
    ),
)
"""What a report holds."""
MODES = ("unsupervised", "supervised", "multi-start")
"""How a tracker can be run, :data:`spectrack.evaluation.method.Mode`."""


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand(Command):
    """Score results on a data set: J and F of masks, success and precision of boxes.

    Give --results DIR to score what is there (DIR/SEQ/00000.png or result folders), or
    --tracker NAME to run a tracker first, from the box in which each object is given. Its results
    are kept in --out sequence by sequence, and object by object while a sequence is at work, so a
    run that was stopped goes on; --jobs and --cluster run several at a time, with the same results.

    Example: spectrack evaluate --tracker flow --out runs/flow --root DAVIS
    """

    root: Annotated[Path, arg(metavar="DIR")]
    """Folder of the data set."""
    dataset: Annotated[str, arg(metavar="NAME")] = "davis2016"
    """Which data set it is."""
    set_data: Annotated[Repeated, arg(metavar="NAME=VALUE")] = ()
    """An option of the data set, see `spectrack datasets NAME`. Repeat for more."""
    split: Annotated[str | None, arg(metavar="NAME")] = None
    """Which of its lists; the same as --set-data split=NAME."""
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences."""
    resolution: Annotated[str | None, arg(metavar="NAME")] = None
    """Which image size; the same as --set-data resolution=NAME."""
    upright: Annotated[str | None, arg(metavar="HOW")] = None
    """How rotated truth becomes a box; the same as --set-data upright=HOW."""
    year: Annotated[str | None, arg(metavar="YEAR")] = None
    """Which challenge of VOT it is, for EAO; the same as --set-data year=YEAR."""
    results: OptionalFolder = None
    """Results to score; for average precision on youtube_vis its results.json."""
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
    mode: Annotated[str, arg(metavar="NAME")] = "unsupervised"
    """How it is run: unsupervised (one pass), or as VOT did: supervised (started again behind
    failures) or multi-start (from anchors, forward and backward)."""
    eao: Annotated[str | None, arg(metavar="LO-HI")] = None
    """Lengths in frames that EAO is the mean over; those of --year, or else of the sequences,
    where left out."""
    jobs: OptionalCount = None
    """Sequences, or objects of one, at a time, each in a process of its own (1; on a cluster as
    many as fit)."""
    cluster: Annotated[str | None, arg(metavar="local|ADDRESS")] = None
    """Run on the machines of a Ray cluster."""
    threads: OptionalCount = None
    """Processors of each job; the machine's are shared where left out, on a cluster each has 1."""
    tcont: Flag = False
    """Measure TCONT too (needs optical flow, slow)."""
    contours: Flag = False
    """Measure T too, how steady contours are (slow)."""
    protocol: Annotated[str | None, arg(metavar="NAME")] = None
    """Which frames count and how boxes are scored: otb, lasot, trackingnet, got10k, vot,
    vot_long_term, davis, davis_unsupervised, youtube_vos or youtube_vis; the data set's own where
    left out."""
    report: OptionalFolder = None
    """Write scores.json, which `report` compares, a page with plots, and tables here."""
    overwrite: Flag = False
    """Replace an earlier report."""

    def run(self, console: Console) -> int:
        """Run the tracker where asked, score, and print the table."""
        from spectrack.datasets import DATASETS

        if (self.results is None) == (self.tracker is None):
            raise InputError("give either --results DIR to score or --tracker NAME to run")
        choose("data set", self.dataset, DATASETS)
        options = self._options()
        if self.tracker is not None:
            from spectrack.tracking.table import tracker_table

            choose("tracker", self.tracker, tracker_table())
            if self.out is None:
                raise InputError("--tracker needs a place for its results; give --out DIR")
        if self.protocol is not None:
            from spectrack.metrics.protocols import PROTOCOLS

            choose("protocol", self.protocol, PROTOCOLS)
        choose("mode", self.mode, MODES)
        if self.results is not None:
            self._check_mode(self.results)
        lengths = self._lengths()
        if self.report is not None:
            check_output(self.report, REPORT, self.overwrite)
        for flag, count in (("--jobs", self.jobs), ("--threads", self.threads)):
            at_least(flag, count)
        data, dataset = self._open(options)
        if self.results is not None and self.results.suffix == ".json":
            return self._tubes(self.results, dataset, console)
        rates = None if self.tracker is None else self._track(data, dataset, console)
        results = self.out if self.results is None else self.results
        if self.mode != "unsupervised":
            return self._vot(results or Path(), data, dataset, lengths, console)
        scores = self._score(results or Path(), dataset, rates, console)
        from spectrack.evaluation.report import as_dict

        said, shown = as_dict(scores), as_text(scores)
        if self.report is not None:
            from spectrack.evaluation.report_folder import write_report

            with staged(self.report, REPORT, self.overwrite) as part:
                write_report(part, scores, self._about(results or Path(), data, dataset))
            said["report"] = str(self.report)
            shown += f"report in {self.report}\n"
        console.result(said, shown)
        return 0

    def _check_mode(self, results: Path) -> None:
        """Refuse to read what a run has left in another way than it was made.

        Raises:
            InputError: Naming the mode of the run.
        """
        from spectrack.evaluation.runner import RUN

        try:
            made = json.loads((results / RUN).read_text())["settings"]["mode"]
        except (OSError, ValueError, KeyError, TypeError):  # no run of ours, or of before modes
            return
        if made in MODES and made != self.mode:
            raise InputError(f"{results} was made with --mode {made}; give that here, too")

    def _options(self) -> dict[str, str]:
        """Options of the data set: those of ``--set-data``, and those with a flag of their own."""
        own = ("split", "resolution", "upright", "year")
        flags = {name: getattr(self, name) for name in own}
        options = {name: value for name, value in flags.items() if value is not None}
        for pair in self.set_data:
            name, equals, value = pair.partition("=")
            name = name.strip().replace("-", "_")
            if not (equals and name) or name in options:
                raise InputError(
                    f"--set-data {pair} was given; expected NAME=VALUE, each option once"
                )
            options[name] = value.strip()
        return options

    def _lengths(self) -> tuple[int, int] | None:
        """The lengths of ``--eao``; None where it is left out."""
        if self.eao is None:
            return None
        if self.mode == "unsupervised":
            raise InputError("--eao is for the modes supervised and multi-start; give --mode too")
        found = re.fullmatch(r"(\d{1,6})-(\d{1,6})", self.eao)
        low, high = map(int, found.groups()) if found else (0, 0)
        if not 1 <= low <= high:
            raise InputError(
                f"--eao {self.eao} was given; expected LO-HI, two numbers of frames, as 100-356"
            )
        return low, high

    def _open(self, options: dict[str, str]) -> tuple[Data, Dataset]:
        from spectrack.evaluation.method import Data

        names = None
        if self.sequences is not None:
            names = [name.strip() for name in self.sequences.split(",") if name.strip()]
        data = Data(self.dataset, str(self.root.absolute()), options)
        return data, data.open(names)

    def _track(self, data: Data, dataset: Dataset, console: Console) -> dict[str, float]:
        """Run the tracker over the sequences that are not done yet.

        Returns:
            Sequence name to frames per second.
        """
        from spectrack.commands.evaluate_run import Hands, run_tracker
        from spectrack.evaluation.method import Method
        from spectrack.settings import split_pairs, values_given
        from spectrack.tracking.table import settings_of

        words = split_pairs(self.set)
        checked = settings_of(self.tracker or "", **words)
        method = Method(
            self.tracker or "",
            values_given(checked, words),  # by the names given, as runs keep them
            self.from_mask,
            not self.no_clean,
            cast("Mode", self.mode),
        )
        hands = Hands(self.jobs, self.cluster, self.threads)
        return run_tracker(method, data, dataset, self.out or Path(), hands, console)

    def _about(self, results: Path, data: Data, dataset: Dataset) -> dict[str, Any]:
        """What a report tells of a run beside its scores."""
        from spectrack.evaluation.report_folder import told_of

        source = {"name": data.name, "root": data.root, "options": dict(data.options)}
        attributes = {name: sorted(one.attributes) for name, one in dataset.items()}
        return told_of(results, versions(), source, attributes)

    def _vot(
        self,
        results: Path,
        data: Data,
        dataset: Dataset,
        lengths: tuple[int, int] | None,
        console: Console,
    ) -> int:
        """Score raw answers of VOT's ways of running, and print the table."""
        from spectrack.evaluation.vot_scores import interval_words, score_vot, vot_dict, vot_rows

        with console.progress("scoring", "sequences") as progress:
            scores = score_vot(results, dataset, self.mode, lengths, progress)
        told = f"EAO over {interval_words(scores.interval, scores.interval_of)}"
        said, shown = vot_dict(scores), f"{table(vot_rows(scores))}\n\n{told}"
        if self.report is not None:
            from spectrack.evaluation.report_folder import write_scores

            with staged(self.report, REPORT, self.overwrite) as part:
                write_scores(part, said, self._about(results, data, dataset))
            said["report"] = str(self.report)
            shown += f"\nreport in {self.report}"
        console.result(said, shown)
        return 0

    def _tubes(self, results: Path, dataset: Dataset, console: Console) -> int:
        """Score a file of instances that a method found by itself, and print the table."""
        from spectrack.evaluation.report import percent, without_nan
        from spectrack.evaluation.tubes import score_tubes

        if self.report is not None:
            raise InputError("--report is for folders of results; leave it out")
        with console.progress("reading the truth", "sequences") as progress:
            figures = score_tubes(results, dataset, progress)
        rows = [tuple(figures), tuple(percent(value) for value in figures.values())]
        said = {"result": results.stem, "dataset": dataset.name, "mean": without_nan(figures)}
        console.result(said, f"{table(rows)}\n")
        return 0

    def _score(
        self, results: Path, dataset: Dataset, rates: dict[str, float] | None, console: Console
    ) -> Scores:
        from spectrack.evaluation.score import score_folder

        with console.progress("scoring", "sequences") as progress:
            return score_folder(
                results,
                dataset,
                consistency=self.tcont,
                stability=self.contours,
                progress=lambda _, done, total: progress(done, total),
                timings=rates,
                protocol=self.protocol or dataset.protocol,
            )


def as_text(scores: Scores) -> str:
    """The tables of scores, in percent."""
    import io
    import shutil

    from rich.console import Console as Screen

    from spectrack.evaluation.report import tables

    width = max(100, shutil.get_terminal_size().columns)
    out = io.StringIO()
    Screen(file=out, width=width).print(*tables(scores))
    return out.getvalue()

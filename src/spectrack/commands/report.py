"""``spectrack report``: scored runs side by side, as one page or as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, at_least, table
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.evaluation.comparison.figures import Comparison
    from spectrack.evaluation.comparison.runs import Run
    from spectrack.evaluation.comparison.strips import Strips

KINDS = (".html", ".md", ".tex", ".csv", ".json")


@dataclass(frozen=True, kw_only=True)
class ReportCommand(Command):
    """Put scored runs side by side: ranks, intervals, plots, attributes, the worst sequences.

    Each RUN is what `evaluate --report` wrote, or the output of `evaluate --json`; NAME=RUN names
    it. The page of --out FILE.html needs no other file and no network. Other endings give tables:
    .md, .tex, .csv, .json.

    Example: spectrack report report/csrt ours=report/nano --out report.html
    """

    runs: Annotated[Positional[tuple[str, ...]], arg(metavar="RUN...")]
    """Scored runs of one data set."""
    out: Annotated[Path, arg(metavar="FILE")]
    """File to write: .html, .md, .tex, .csv or .json."""
    main: Annotated[str | None, arg(metavar="FIGURE")] = None
    """Figure to rank by, as --json names it (auc, J, eao); the usual one where left out."""
    title: Annotated[str, arg(metavar="TEXT")] = ""
    """Title of the page; the name of the data set where left out."""
    worst: Annotated[int, arg(metavar="N")] = 6
    """Sequences of which the page shows pictures; 0 for none."""
    resamples: Annotated[int, arg(metavar="N")] = 10_000
    """Draws of the bootstrap behind the intervals."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of these draws."""
    overwrite: Flag = False
    """Replace an earlier report."""

    def run(self, console: Console) -> int:
        """Read, compare and write."""
        from spectrack.evaluation.comparison import tables
        from spectrack.evaluation.comparison.figures import compare
        from spectrack.evaluation.comparison.runs import read_runs
        from spectrack.storage import explained, write_text

        kind = self.out.suffix.lower()
        if kind not in KINDS:
            raise InputError(f"--out {self.out} was given; expected a name in {', '.join(KINDS)}")
        if self.out.is_dir() or (self.out.exists() and not self.overwrite):
            raise InputError(f"{self.out} is there already; pass --overwrite or give another name")
        if not self.out.parent.is_dir():
            raise InputError(f"folder {self.out.parent} does not exist; make it first")
        at_least("--worst", self.worst, 0)
        at_least("--resamples", self.resamples)
        at_least("--seed", self.seed, 0)
        if not self.runs:
            raise InputError("RUN is missing; give what spectrack evaluate --report wrote")
        of = compare(read_runs(self.runs), self.main, self.resamples, self.seed)
        if kind == ".html":
            from spectrack.evaluation.comparison.page import page

            text = page(of, self._strips(of, console), self.title)
        else:
            makers = {
                ".md": tables.as_markdown,
                ".tex": tables.as_latex,
                ".csv": tables.as_csv,
                ".json": tables.as_json,
            }
            text = makers[kind](of)
        with explained(self.out, named=True):
            write_text(self.out, text)
        console.result({"out": str(self.out), **tables.as_dict(of)}, _told(of, self.out))
        return 0

    def _strips(self, of: Comparison, console: Console) -> list[Strips]:
        """Pictures of the worst sequences, where results and data are still where they were."""
        from spectrack.evaluation.comparison.strips import draw_sequence, fitting

        if not self.worst or of.runs[0].restarted:
            return []
        places = {run.name: _results(run) for run in of.runs}
        source = next((_source(run) for run in of.runs if _source(run)), None)
        results = {name: folder for name, folder in places.items() if folder is not None}
        if source is None or not results:
            console.remark("the runs do not tell where results and data are; no pictures are shown")
            return []
        made: list[Strips] = []
        names = of.worst(self.worst)
        try:
            from spectrack.datasets import open_dataset

            dataset = open_dataset(source["name"], source["root"], names, **source["options"])
            with console.progress("drawing", "sequences") as progress:
                for number, name in enumerate(names, start=1):
                    made.append(draw_sequence(dataset[name], results))
                    progress(number, len(names))
        except InputError as error:
            console.remark(f"pictures of the worst sequences are left out: {error}")
        return fitting(made)


def _source(run: Run) -> Mapping[str, Any] | None:
    """Name, root and options of a run's data set, where it tells."""
    told = run.about.get("source")
    data = told.get("dataset") if isinstance(told, Mapping) else None
    if not isinstance(data, Mapping):
        return None
    name, root, options = data.get("name"), data.get("root"), data.get("options")
    if not (isinstance(name, str) and isinstance(root, str) and isinstance(options, Mapping)):
        return None
    return data


def _results(run: Run) -> Path | None:
    """Folder of a run's results, where it tells and it is there."""
    told = run.about.get("source")
    folder = told.get("results") if isinstance(told, Mapping) else None
    return Path(folder) if isinstance(folder, str) and Path(folder).is_dir() else None


def _told(of: Comparison, out: Path) -> str:
    """The ranks in a few lines."""
    from spectrack.evaluation.comparison.figures import figure_of, shown
    from spectrack.evaluation.comparison.tables import about_left_out

    rows = [("rank", "run", figure_of(of.main).label, "interval")]
    for run in of.runs:
        cell = of.cells[run.name, of.main]
        ends = f"{shown(cell.low, of.main)} to {shown(cell.high, of.main)}"
        if math.isnan(cell.low):
            ends = "-"
        rows.append((str(cell.rank or "-"), run.name, shown(cell.value, of.main), ends))
    return "\n".join(filter(None, (table(rows), about_left_out(of), f"report: {out}")))

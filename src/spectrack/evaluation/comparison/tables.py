"""A comparison as tables: Markdown, LaTeX, CSV, and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from spectrack.evaluation.comparison.figures import Comparison, figure_of, shown
from spectrack.evaluation.report import markdown, without_nan

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def as_markdown(of: Comparison) -> str:
    """The ranks, with intervals, and the main figure of every sequence."""
    headers = ["run", *(figure_of(f).label for f in of.figures), "fps"]
    rows = []
    for run in of.runs:
        cells = [_with_interval(of, run.name, figure) for figure in of.figures]
        rows.append([_plain(run.name), *cells, _rate(run.fps)])
    notes = [f"{_scored_by(of)}.", about_intervals(of), about_left_out(of)]
    parts = [
        f"# {_plain(of.runs[0].dataset)}\n",
        f"{' '.join(filter(None, notes))}\n",
        markdown(headers, rows),
    ]
    if of.main in of.by_sequence:
        headers = [figure_of(of.main).label, *(_plain(run.name) for run in of.runs)]
        rows = [
            [_plain(name), *(shown(run.value(name, of.main), of.main) for run in of.runs)]
            for name in of.sequences
        ]
        parts.append(markdown(headers, rows))
    return "\n".join(parts)


def as_latex(of: Comparison) -> str:
    """A table for a paper: the best in bold, the second underlined (packages: booktabs)."""
    labels = " & ".join(latex_text(figure_of(f).label) for f in of.figures)
    lines = [
        f"% {latex_text(_scored_by(of))}",
        rf"\begin{{tabular}}{{l{'r' * len(of.figures)}}}",
        r"\toprule",
        rf"Method & {labels} \\",
        r"\midrule",
    ]
    for run in of.runs:
        cells = []
        for figure in of.figures:
            cell = of.cells[run.name, figure]
            text = latex_text(shown(cell.value, figure))
            if len(of.runs) > 1 and cell.rank in {1, 2}:
                text = rf"\textbf{{{text}}}" if cell.rank == 1 else rf"\underline{{{text}}}"
            cells.append(text)
        lines.append(rf"{latex_text(run.name)} & {' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def as_csv(of: Comparison) -> str:
    """One row a run, sequence and figure; ``*`` for all sequences together, with its interval."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["run", "sequence", "figure", "value", "rank", "low", "high"])
    for run in of.runs:
        for figure in of.figures:
            cell = of.cells[run.name, figure]
            ends = [_bare(cell.low), _bare(cell.high)]
            rank = "" if cell.rank is None else cell.rank
            rows.writerow([_cell(run.name), "*", _cell(figure), _bare(cell.value), rank, *ends])
        for name in of.sequences:
            for figure in of.by_sequence:
                value = _bare(run.value(name, figure))
                rows.writerow([_cell(run.name), _cell(name), _cell(figure), value, "", "", ""])
    return out.getvalue()


def as_json(of: Comparison) -> str:
    """Everything, in [0, 1]; null where a number does not exist."""
    return json.dumps(as_dict(of), indent=1) + "\n"


def as_dict(of: Comparison) -> dict[str, Any]:
    """Everything as plain numbers and dictionaries."""
    runs = []
    for run in of.runs:
        figures = {}
        for figure in of.figures:
            cell = of.cells[run.name, figure]
            figures[figure] = {
                "value": cell.value,
                "rank": cell.rank,
                "interval": [cell.low, cell.high],
                "best_share": cell.best,
            }
        runs.append(
            {
                "name": run.name,
                "figures": figures,
                "fps": run.fps,
                "sequences": {name: dict(run.sequences[name]) for name in of.sequences},
                "about": {k: v for k, v in run.about.items() if k in {"run", "versions"}},
            }
        )
    out: dict[str, Any] = without_nan(
        {
            "dataset": of.runs[0].dataset,
            "protocol": of.runs[0].protocol,
            "main": of.main,
            "left_out": list(of.left_out),
            "resamples": of.resamples,
            "seed": of.seed,
            "level": of.level,
            "runs": runs,
        }
    )
    return out


def about_intervals(of: Comparison) -> str:
    """How the intervals were made, in a sentence; empty where there is none."""
    if all(math.isnan(cell.low) for cell in of.cells.values()):
        return ""
    return (
        f"Intervals hold {100 * of.level:g} % of {of.resamples:,} draws of the "
        f"{len(set(of.videos))} sequences with replacement (bootstrap, seed {of.seed})."
    )


def about_left_out(of: Comparison) -> str:
    """Which figures cannot be compared, in a sentence; empty where all can."""
    if not of.left_out:
        return ""
    names = ", ".join(figure_of(figure).label for figure in of.left_out)
    return f"Runs have other sequences besides; figures over all of a run are left out: {names}."


def latex_text(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(_LATEX.get(c, c) if c >= " " else " " for c in text)


def _scored_by(of: Comparison) -> str:
    by = of.runs[0].protocol
    return f"{len(of.sequences)} sequences" + ("" if by is None else f", scored by {by}")


def _with_interval(of: Comparison, run: str, figure: str) -> str:
    cell = of.cells[run, figure]
    text = shown(cell.value, figure)
    if not math.isnan(cell.low):
        text += f" [{shown(cell.low, figure)}, {shown(cell.high, figure)}]"
    return f"**{text}**" if cell.rank == 1 and len(of.runs) > 1 else text


def _plain(text: str) -> str:
    """A name that Markdown takes for nothing else: on one line, marks escaped."""
    line = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in line)


def _cell(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _bare(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6f}"


def _rate(fps: float | None) -> str:
    return "-" if fps is None else f"{fps:.1f}"

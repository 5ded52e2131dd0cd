"""A comparison as one HTML page that needs nothing else: no file, no network."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from spectrack.evaluation.comparison.figures import Comparison, figure_of, shown
from spectrack.evaluation.comparison.plots import (
    Line,
    Point,
    colour_class,
    interval_plot,
    line_plot,
    scatter_plot,
)
from spectrack.evaluation.comparison.runs import Run
from spectrack.evaluation.comparison.strips import Strips
from spectrack.evaluation.comparison.tables import about_intervals, about_left_out
from spectrack.metrics.success import NORMALISED_AT, PRECISION_AT

CURVES = {
    "success": ("auc", "overlap threshold", "Success"),
    "precision": ("precision_20", "centre error, pixels", "Precision"),
    "normalised_precision": (
        "normalised_precision",
        "centre error / box size",
        "Normalised precision",
    ),
    "eao": ("eao", "length of the sequence, frames", "Expected average overlap"),
}
"""Curve to the figure that is quoted of it, its horizontal axis, and its title."""
NOTHING = {"settings": "defaults"}
"""What an empty entry of a run's settings means; "none" for others."""
LEGEND = (
    ("AUC", "mean of the success curve"),
    ("P", f"share of frames whose centre is at most {PRECISION_AT} pixels off"),
    ("norm. P", "mean of the curve of the centre's error in units of the box"),
    ("norm. P at 0.2", f"that curve at {NORMALISED_AT:g}"),
    ("AO", "mean overlap"),
    ("SR0.5, SR0.75", "share of frames above that overlap"),
    ("J, F", "overlap of masks, agreement of boundaries"),
    ("EAO", "expected average overlap"),
)


def page(of: Comparison, strips: Sequence[Strips] = (), title: str = "") -> str:
    """The page as text.

    Names come from data and are never taken for HTML: the template escapes all of them.

    Args:
        of: The runs side by side.
        strips: Of the worst sequences.
        title: Above the page; the name of the data set where left out.
    """
    package = resources.files("spectrack.evaluation.comparison")
    script = package.joinpath("page.js").read_text(encoding="utf-8")
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        package.joinpath("page.html").read_text(encoding="utf-8")
    )
    labels = [figure_of(f).label for f in of.figures]
    return made.render(
        title=title or of.runs[0].dataset,
        dataset=of.runs[0].dataset,
        protocol=of.runs[0].protocol,
        count=len(of.sequences),
        main=figure_of(of.main).label,
        headers=[figure_of(f).label for f in of.figures],
        runs=[_row(of, run, place) for place, run in enumerate(of.runs)],
        best=any(not math.isnan(of.cells[run.name, of.main].best) for run in of.runs),
        intervals=about_intervals(of),
        left_out=about_left_out(of),
        legend=[(k, v) for k, v in LEGEND if any(w in labels for w in k.split(", "))],
        plots=list(_plots(of)),
        attributes=_attributes(of),
        sequences=[_sequences(of, figure) for figure in _worth_a_table(of)],
        strips=strips,
        about=[_about(run) for run in of.runs],
        css=Markup(package.joinpath("page.css").read_text(encoding="utf-8")),  # ours
        script=Markup(script),  # ours
        script_hash=hashed,
    )


def _row(of: Comparison, run: Run, place: int) -> dict[str, Any]:
    """One row of the table of ranks."""
    cells = []
    for figure in of.figures:
        cell = of.cells[run.name, figure]
        cells.append(
            {
                "text": shown(cell.value, figure),
                "sort": _sort(cell.value),
                "rank": cell.rank if len(of.runs) > 1 else None,
                "interval": _interval(cell.low, cell.high, figure),
            }
        )
    main = of.cells[run.name, of.main]
    best = "" if math.isnan(main.best) or len(of.runs) < 2 else f"{100 * main.best:.0f} %"
    fps = "-" if run.fps is None else f"{run.fps:.1f}"
    return {
        "name": run.name,
        "colour": colour_class(place),
        "rank": main.rank,
        "cells": cells,
        "best": best,
        "fps": fps,
        "fps_sort": _sort(math.nan if run.fps is None else run.fps),
    }


def _plots(of: Comparison) -> list[dict[str, Any]]:
    """Titles and pictures."""
    out: list[dict[str, Any]] = []
    main, whole = figure_of(of.main), of.cells
    unit = 100 if main.share else 1
    points = [
        Point(run.name, place, unit * c.value, low=unit * c.low, high=unit * c.high)
        for place, run in enumerate(of.runs)
        for c in [whole[run.name, of.main]]
    ]
    what = main.label + (", percent" if main.share else "")
    if not all(math.isnan(point.low) for point in points):
        what += ", with its interval"
    out.append({"title": main.label, "svg": Markup(interval_plot(points, what)), "legend": []})
    for name, (figure, axis, title) in CURVES.items() if of.whole else ():
        lines = [
            Line(
                _named(of, run, figure), place, run.curves[name].thresholds, run.curves[name].share
            )
            for place, run in enumerate(of.runs)
            if name in run.curves
        ]
        if lines:
            y = "overlap" if name == "eao" else "share of frames"
            svg = Markup(line_plot(lines, axis, y))
            out.append({"title": title, "svg": svg, "legend": _legend(lines)})
    across = "robustness" if "robustness" in of.figures else "reliability"
    if {"accuracy", across} <= set(of.figures):
        points = [
            Point(run.name, place, whole[run.name, across].value, whole[run.name, "accuracy"].value)
            for place, run in enumerate(of.runs)
        ]
        svg = Markup(scatter_plot(points, across, "accuracy"))
        out.append({"title": "Accuracy and robustness", "svg": svg, "legend": _legend(points)})
    return out


def _named(of: Comparison, run: Run, figure: str) -> str:
    cell = of.cells.get((run.name, figure))
    return run.name if cell is None else f"{run.name} {shown(cell.value, figure)}"


def _legend(things: Sequence[Line | Point]) -> list[tuple[str, str]]:
    return [(colour_class(thing.place), thing.name) for thing in things]


def _attributes(of: Comparison) -> dict[str, Any] | None:
    """Rows of the main figure by attribute; None where sequences have none."""
    if of.main not in of.by_sequence:
        return None
    rows = of.attributes(of.main)
    if not rows:
        return None
    return {
        "title": figure_of(of.main).label,
        "runs": [run.name for run in of.runs],
        "rows": [
            {"name": word, "count": count, "cells": _shaded(values, of.main)}
            for word, count, values in rows
        ],
    }


def _worth_a_table(of: Comparison) -> list[str]:
    """Figures that have a table by sequence: the main one first."""
    rest = [f for f in of.by_sequence if f != of.main]
    return [f for f in (of.main, *rest) if f in of.by_sequence]


def _sequences(of: Comparison, figure: str) -> dict[str, Any]:
    """A table of one figure by sequence."""
    values = of.values_ks(figure).T
    return {
        "title": figure_of(figure).label,
        "runs": [run.name for run in of.runs],
        "rows": [
            {"name": name, "cells": _shaded(row.tolist(), figure)}
            for name, row in zip(of.sequences, values, strict=True)
        ],
    }


def _shaded(values: Sequence[float], figure: str) -> list[dict[str, Any]]:
    """Cells of a row, the best marked, shares with a shade of their size."""
    kind = figure_of(figure)
    there = [v for v in values if not math.isnan(v)]
    best = None
    if len(values) > 1 and there and kind.high is not None:
        best = max(there) if kind.high else min(there)
    return [
        {
            "text": shown(v, figure),
            "sort": _sort(v),
            "best": best is not None and v == best,
            "shade": round(100 * min(max(v, 0.0), 1.0)) if kind.share and not math.isnan(v) else 0,
        }
        for v in values
    ]


def _about(run: Run) -> dict[str, Any]:
    """What was run, as name and value."""
    told = run.about.get("run")
    settings = told.get("settings", told) if isinstance(told, dict) else {}
    settings = settings if isinstance(settings, dict) else {}
    rows = [(str(k), _text(v) or NOTHING.get(str(k), "none")) for k, v in settings.items()]
    versions = run.about.get("versions")
    if isinstance(versions, dict):
        rows.append(("versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    if run.lengths:
        rows.append(("EAO", f"over {run.lengths}"))
    return {"name": run.name, "rows": rows}


def _text(value: Any) -> str:
    """A setting as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_text(v)}" for k, v in value.items())
    return value if isinstance(value, str) else json.dumps(value)


def _interval(low: float, high: float, figure: str) -> str:
    return "" if math.isnan(low) else f"{shown(low, figure)} to {shown(high, figure)}"


def _sort(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.9g}"

"""A report on scores as files: JSON, Markdown tables, and the success and precision plots."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.evaluation.report import as_dict, box_rows_of, markdown, percent, rows_of
from spectrack.evaluation.score import Scores
from spectrack.metrics.success import PIXELS, SHARES

JSON, MARKDOWN = "scores.json", "scores.md"


class _Plot(NamedTuple):
    """One plot: which curve, the figure that ranks it, and its horizontal axis."""

    curve: str
    figure: str
    label: str
    axis: str
    thresholds: NDArray[np.float64] | None


PLOTS = {
    "success.png": _Plot("success", "auc", "AUC", "overlap threshold", None),
    "precision.png": _Plot("precision", "precision_20", "at 20 px", "centre error, pixels", PIXELS),
    "normalised_precision.png": _Plot(
        "normalised_precision", "normalised_precision", "mean", "centre error / box size", SHARES
    ),
}


def write_report(folder: Path, scores: Scores) -> None:
    """Write scores into a folder that is there.

    ``scores.json`` has every number, of every frame too, and ``scores.md`` the tables; where boxes
    were scored there are ``success.png``, ``precision.png`` and ``normalised_precision.png``.

    Args:
        folder: Where to.
        scores: Of one result.
    """
    if scores.boxes:
        for name in PLOTS:
            (folder / name).write_bytes(draw_plot(name, [scores]))
    parts = [f"# {scores.result} on {scores.dataset}\n"]
    if scores.measures:
        parts.append(markdown(*rows_of(scores)))
    if scores.boxes:
        parts.append(f"Boxes, protocol `{scores.protocol}`; all in percent:\n")
        parts.append(markdown(*box_rows_of(scores)))
    (folder / MARKDOWN).write_text("\n".join(parts))
    (folder / JSON).write_text(json.dumps(as_dict(scores, per_frame=True), indent=1) + "\n")


def draw_plot(name: str, results: Sequence[Scores]) -> bytes:
    """Draw one of :data:`PLOTS` as a PNG file, a line a result, the best named first.

    Args:
        name: Key of :data:`PLOTS`.
        results: Scores of boxes on one data set by one protocol.

    Raises:
        InputError: If there is no result, one has no scores of boxes, or protocols differ.
    """
    if not results or len({scores.protocol for scores in results}) > 1:
        raise InputError(
            f"{len(results)} results of different protocols, or none, were given for one plot; "
            "give results scored by one protocol"
        )
    plot = PLOTS[name]
    figure = Figure(figsize=(6, 4.5), dpi=120, layout="constrained")
    panel = figure.subplots()
    shares = [(scores, scores.box_curve(plot.curve)) for scores in results]
    for scores, share in sorted(shares, key=lambda s: -s[0].box_figures()[plot.figure]):
        quoted = percent(scores.box_figures()[plot.figure])
        at = scores.boxes[0].thresholds if plot.thresholds is None else plot.thresholds
        panel.plot(at, share, label=f"{scores.result}: {plot.label} {quoted} %")
    panel.set_xlabel(plot.axis)
    panel.set_ylabel("share of frames")
    panel.set_ylim(0, 1)
    panel.margins(x=0)
    panel.grid(alpha=0.3)
    panel.legend()
    panel.set_title(f"{results[0].dataset}, protocol {results[0].protocol}", fontsize="medium")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()

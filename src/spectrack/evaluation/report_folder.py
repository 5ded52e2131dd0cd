"""A report on the scores of one run: JSON with every number, Markdown tables, and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrack.evaluation.comparison.figures import compare
from spectrack.evaluation.comparison.page import page
from spectrack.evaluation.comparison.runs import SCORES, run_of
from spectrack.evaluation.report import as_dict, box_rows_of, markdown, rows_of, without_nan
from spectrack.evaluation.runner import RUN
from spectrack.evaluation.score import Scores
from spectrack.storage import write_json, write_text

MARKDOWN, PAGE = "scores.md", "report.html"


def write_report(folder: Path, scores: Scores, about: Mapping[str, Any] | None = None) -> None:
    """Write scores into a folder that is there.

    ``scores.json`` has every number, of every frame too, and what was run; it is what
    ``spectrack report`` compares. ``scores.md`` has the tables, ``report.html`` the page.

    Args:
        folder: Where to.
        scores: Of one result.
        about: What was run, see :func:`told_of`.
    """
    parts = [f"# {scores.result} on {scores.dataset}\n"]
    if scores.measures:
        parts.append(markdown(*rows_of(scores)))
    if scores.boxes:
        parts.append(f"Boxes, protocol `{scores.protocol}`; all in percent:\n")
        parts.append(markdown(*box_rows_of(scores)))
    write_text(folder / MARKDOWN, "\n".join(parts))
    write_scores(folder, as_dict(scores, per_frame=True), about)


def write_scores(
    folder: Path, values: Mapping[str, Any], about: Mapping[str, Any] | None = None
) -> None:
    """Write ``scores.json`` and ``report.html`` of any scores into a folder that is there.

    Args:
        folder: Where to.
        values: The scores, ready for strict JSON; see :mod:`spectrack.evaluation.report`, and
            VOT's of their own.
        about: What was run, see :func:`told_of`.
    """
    whole = {**values, "about": without_nan(dict(about or {}))}
    write_text(folder / PAGE, page(compare([run_of(whole)]), title=str(values["result"])))
    write_json(folder / SCORES, whole)


def told_of(
    results: Path,
    versions: Mapping[str, str],
    dataset: Mapping[str, Any],
    attributes: Mapping[str, list[str]],
) -> dict[str, Any]:
    """What ``scores.json`` tells of a run beside its numbers.

    Args:
        results: Folder of the results; where a run made them its ``run.json`` is taken over, with
            the tracker, its settings and the hashes of its weights.
        versions: Of the packages that results depend on.
        dataset: ``name``, ``root`` and ``options``, to find the frames again.
        attributes: What is difficult about each sequence, where the data set tells.
    """
    try:
        run = json.loads((results / RUN).read_text())
    except (OSError, ValueError):
        run = None
    source = {"results": str(results.absolute()), "dataset": dict(dataset)}
    told = {name: words for name, words in attributes.items() if words}
    return {"run": run, "versions": dict(versions), "source": source, "attributes": told}

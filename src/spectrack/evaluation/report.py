"""Scores as tables for people and as JSON for programs.

Shares are shown in percent with one decimal; JSON holds them in [0, 1] and null where a number
does not exist.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from spectrack.evaluation.score import Scores, SequenceScore
from spectrack.metrics.success import PIXELS, SHARES
from spectrack.metrics.summary import Summary

LABELS = {
    "J": "J",
    "F": "F",
    "box_iou": "box IoU",
    "tcont": "TCONT",
    "tcont_self": "TCONT self",
    "T": "T",
}
BOX_LABELS = {
    "auc": "AUC",
    "precision_20": "P",
    "normalised_precision": "norm. P",
    "ao": "AO",
    "sr50": "SR0.5",
    "sr75": "SR0.75",
}
"""Headers of box scores; P is precision at 20 pixels, norm. P the mean of its curve."""
GROUP_LABELS = {
    "J_seen": "J seen",
    "J_unseen": "J unseen",
    "F_seen": "F seen",
    "F_unseen": "F unseen",
    "G": "G",
}
"""Headers of scores of categories that were seen in training and of others."""
LONG_TERM_LABELS = {"f": "F", "precision": "precision", "recall": "recall"}
"""Headers of long-term scores."""


def as_dict(scores: Scores, per_frame: bool = False) -> dict[str, Any]:
    """Scores as plain numbers, strings, lists and dictionaries, ready for strict JSON.

    Args:
        scores: Of one result.
        per_frame: Hold the scores of every frame too.

    Returns:
        ``result``, ``dataset``, ``mean`` (measure to mean, recall, decay over sequences, with
        ``J&F`` where both are there and ``G`` where categories are told apart), ``fps`` and
        ``sequences`` (name to the same; of several objects one entry each). Where boxes
        were scored, ``boxes`` holds ``protocol``, ``mean`` (figure to mean over sequences) and
        ``curves``, and every sequence its figures under ``boxes``.
    """
    mean: dict[str, Any] = {}
    for measure in scores.measures:
        sums = scores.sums(measure)
        mean[measure] = {"mean": sums.mean, "recall": sums.recall, "decay": sums.decay}
    if {"J", "F"} <= mean.keys():
        mean["J&F"] = {"mean": (mean["J"]["mean"] + mean["F"]["mean"]) / 2}
    mean |= {name: {"mean": value} for name, value in scores.groups().items()}
    for name, value in (scores.long_term or {}).items():
        mean[f"lt_{name}"] = {"mean": value}
    out = {
        "result": scores.result,
        "dataset": scores.dataset,
        "mean": mean,
        "fps": scores.fps,
        "sequences": {s.name: _sequence_dict(s, per_frame) for s in scores.sequences},
    }
    if scores.boxes:
        out["boxes"] = _boxes_dict(scores)
    clean: dict[str, Any] = without_nan(out)
    return clean


def _boxes_dict(scores: Scores) -> dict[str, Any]:
    curves = {
        "success": scores.boxes[0].thresholds,
        "precision": PIXELS,
        "normalised_precision": SHARES,
    }
    return {
        "protocol": scores.protocol,
        "mean": scores.box_figures(),
        "curves": {
            name: {"thresholds": at.tolist(), "share": scores.box_curve(name).tolist()}
            for name, at in curves.items()
        },
    }


def _sequence_dict(score: SequenceScore, per_frame: bool) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for measure, values in score.values.items():
        summary = score.summary(measure)
        out[measure] = _summary_dict(summary)
        if per_frame:
            out[measure]["per_frame"] = values.tolist()
    if per_frame:
        out["frames"] = list(score.stems)
    if score.boxes is not None:
        out["boxes"] = {**score.boxes.figures, "frames": len(score.boxes.overlaps)}
        if per_frame:
            out["boxes"]["overlap_per_frame"] = score.boxes.overlaps.tolist()
    if score.fps is not None:
        out["fps"] = score.fps
    if score.video is not None and score.video != score.name:
        out["video"] = score.video
    if score.category is not None:
        out["category"] = score.category
    return out


def _summary_dict(summary: Summary) -> dict[str, Any]:
    return {
        "mean": summary.mean,
        "recall": summary.recall,
        "decay": summary.decay,
        "frames": summary.frames,
    }


def without_nan(value: Any) -> Any:
    """The same value with None for every number that is not finite, at any depth."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def tables(scores: Scores) -> list[Table]:
    """What was measured of masks, and of boxes, for a terminal."""
    masks = [table(scores)] if scores.measures else []
    for figures, labels, what in (
        (scores.groups(), GROUP_LABELS, "seen in training or not"),
        (scores.long_term, LONG_TERM_LABELS, "over confidence, where F is highest"),
    ):
        if figures:
            row = [percent(figures[name]) for name in labels]
            title = f"{scores.result} on {scores.dataset}: {what}"
            masks.append(_table(title, list(labels.values()), [row]))
    return [*masks, box_table(scores)] if scores.boxes else masks


def table(scores: Scores) -> Table:
    """One row a sequence and the mean of all, for a terminal."""
    return _table(f"{scores.result} on {scores.dataset}", *rows_of(scores))


def box_table(scores: Scores) -> Table:
    """As :func:`table`, for scores of boxes."""
    title = f"{scores.result} on {scores.dataset}: boxes by protocol {scores.protocol}"
    return _table(title, *box_rows_of(scores))


def _table(title: str, headers: list[str], rows: list[list[str]]) -> Table:
    out = Table(title=title)
    for number, header in enumerate(headers):
        out.add_column(header, justify="left" if number == 0 else "right")
    for row in rows[:-1]:
        out.add_row(*row)
    out.add_section()
    out.add_row(*rows[-1], style="bold")
    return out


def comparison(results: Iterable[Scores]) -> Table:
    """One row a result: means over sequences."""
    listed = list(results)
    measures = [m for m in LABELS if any(m in scores.measures for scores in listed)]
    out = Table(title=listed[0].dataset if listed else None)
    out.add_column("result")
    for header in [*(LABELS[m] for m in measures), "fps"]:
        out.add_column(header, justify="right")
    for scores in listed:
        has = scores.measures
        cells = [percent(scores.mean(m)) if m in has else "-" for m in measures]
        out.add_row(scores.result, *cells, _rate(scores.fps))
    return out


def rows_of(scores: Scores) -> tuple[list[str], list[list[str]]]:
    """Headers and rows of :func:`table`; the last row is the mean."""
    measures = scores.measures
    headers = ["sequence"]
    for measure in measures:
        headers.append(LABELS[measure])
        if measure in {"J", "F"}:
            headers += [f"{measure} recall", f"{measure} decay"]
    timed = scores.fps is not None
    rows = []
    for score in scores.sequences:
        row = [score.name]
        for measure in measures:
            summary = score.summary(measure)
            row += _cells(measure, summary.mean, summary.recall, summary.decay)
        rows.append([*row, _rate(score.fps)] if timed else row)
    last = ["mean"]
    for measure in measures:
        sums = scores.sums(measure)
        last += _cells(measure, sums.mean, sums.recall, sums.decay)
    rows.append([*last, _rate(scores.fps)] if timed else last)
    return [*headers, "fps"] if timed else headers, rows


def box_rows_of(scores: Scores) -> tuple[list[str], list[list[str]]]:
    """Headers and rows of :func:`box_table`; the last row is the mean."""
    timed = scores.fps is not None
    named = [(s.name, s.boxes.figures, s.fps) for s in scores.sequences if s.boxes is not None]
    rows = []
    for name, figures, fps in [*named, ("mean", scores.box_figures(), scores.fps)]:
        row = [name, *(percent(figures[key]) for key in BOX_LABELS)]
        rows.append([*row, _rate(fps)] if timed else row)
    headers = ["sequence", *BOX_LABELS.values()]
    return [*headers, "fps"] if timed else headers, rows


def _cells(measure: str, mean: float, recall: float, decay: float) -> list[str]:
    cells = [percent(mean)]
    return [*cells, percent(recall), percent(decay)] if measure in {"J", "F"} else cells


def percent(share: float) -> str:
    """A share as percent with one decimal, or a dash where it does not exist."""
    return f"{100 * share:.1f}" if math.isfinite(share) else "-"


def _rate(fps: float | None) -> str:
    return "-" if fps is None else f"{fps:.1f}"


def markdown(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is aligned left, the others right."""
    lines = [list(headers), ["---"] + ["---:"] * (len(headers) - 1)]
    lines += [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"

"""The pages of Tables 8 and 9, written from the runs that are kept."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.common import Page
from experiments.sftrackpp.sftrack_kept import BOX_ROWS, SHIPPED, Figures, Kept
from experiments.sftrackpp.sftrack_picture import picture
from experiments.sftrackpp.sftrack_rows import MEASURES, fingerprint
from experiments.sftrackpp.sftrack_systems import ABLATIONS, DEFAULT, ENSEMBLES, INPUTS
from experiments.sftrackpp.sftrack_texts import about, remarks

SCRIPT = "sftrackpp/sftrack_tables"
OURS = "SFTrack++"
CLEANED = f"{OURS}, masks behind the offline filter (sees the future)"
NAMES = {"davis": "DAVIS-2016 validation", "otb": "OTB", "vot": "VOT2014"}


def means(runs: dict[str, dict[str, Figures]], measure: str) -> list[float]:
    """Mean over the sequences, for each training."""
    return [float(np.mean([f[measure] for f in found.values()])) for found in runs.values()]


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean, and deviation where there are several."""
    if not values:
        return "-"
    mean = f"{np.mean(values):{sign}.1f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.1f}"


def by_sequence(runs: dict[str, dict[str, Figures]], measure: str) -> Figures:
    """Mean over the trainings, for each sequence."""
    names = next(iter(runs.values()), {})
    return {
        name: float(np.mean([found[name][measure] for found in runs.values()])) for name in names
    }


def alike(runs: dict[str, dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], str]:
    """Rows that were run, on the trainings that all of them share, and which these are."""
    there = {row: found for row, found in runs.items() if found}
    learned = [set(found) for row, found in there.items() if row not in INPUTS]
    shared = set.intersection(*learned) if learned else set()
    if not shared:
        return there, "different weights"
    same = {
        row: found if row in INPUTS else {t: v for t, v in found.items() if t in shared}
        for row, found in there.items()
    }
    return same, f"weights {', '.join(sorted(shared))}"


def main_rows() -> dict[str, str]:
    """Systems of Table 8 and what they are called."""
    return {**INPUTS, **ENSEMBLES, "sftrack": OURS}


def data_section(page: Page, kept: Kept, data: str, facts: dict[str, Any]) -> None:
    """The tables of one data set."""
    rows = main_rows() | ({"cleaned": CLEANED} if data == "davis" else {})
    measures = [m for m in MEASURES if m != "J" or data == "davis"]
    runs = {row: kept.whole(data, row) for row in rows}
    lines = []
    for row, label in rows.items():
        cells = [spread(means(runs[row], m)) for m in measures]
        speed = [kept.speed(row)] if data == "davis" else []
        lines.append([label, *cells, *speed, trainings(runs[row], row)])
    alone = kept.row(data, "sftrack", SHIPPED)
    if len(alone) == len(kept.names[data]) and len(runs["sftrack"]) > 1:
        cells = [spread(means({SHIPPED: alone}, m)) for m in measures]
        place = 1 + list(rows).index("sftrack")
        lines.insert(
            place, [f"{OURS}, shipped weights", *cells, *["-"] * (data == "davis"), SHIPPED]
        )
    page.text(f"## {NAMES[data]}, {len(kept.names[data])} sequences")
    fps = ["frames/s"] if data == "davis" else []
    page.table(["system", *(MEASURES[m] for m in measures), *fps, "weights"], lines)
    facts[data] = {row: runs[row] for row in rows} | {"sftrack, shipped": alone}
    same, which = alike({row: runs[row] for row in main_rows()})
    for measure in measures[:2] if data == "davis" else measures[:1]:
        page.text(f"{MEASURES[measure]} of each sequence, {which}:")
        each = {row: by_sequence(found, measure) for row, found in same.items()}
        labels = [main_rows()[row].split(" (")[0] for row in each]
        lines = [
            [name, *(f"{found[name]:.1f}" for found in each.values())] for name in kept.names[data]
        ]
        page.table(["sequence", *labels], lines)
        if "sftrack" in each and len(each) > 1:
            page.text(counted(each, MEASURES[measure]))


def trainings(runs: dict[str, Any], row: str) -> str:
    """On which weights a row rests."""
    if not runs:
        return "not run"
    if row in INPUTS:
        return "none"
    return f"{len(runs)} trainings" if len(runs) > 1 else next(iter(runs))


def counted(each: dict[str, Figures], measure: str) -> str:
    """On how many sequences SFTrack++ is ahead, and what an oracle would choose."""
    ours = each["sftrack"]
    others = {row: found for row, found in each.items() if row != "sftrack"}
    best = {name: max(found[name] for found in others.values()) for name in ours}
    singles = [found for row, found in others.items() if row in INPUTS]
    ahead = [name for name in ours if ours[name] > best[name]]
    behind = [
        f"{name} ({ours[name]:.1f} to {best[name]:.1f})" for name in ours if name not in ahead
    ]
    text = (
        f"{OURS} is above every input and ensemble in {measure} on {len(ahead)} of {len(ours)} "
        f"sequences" + (f", not on {', '.join(behind)}." if behind else ".")
    )
    if singles:
        oracle = np.mean([max(found[name] for found in singles) for name in ours])
        text += (
            f" An oracle that knew the best input of each sequence would reach {oracle:.1f}; "
            f"{OURS} has {np.mean(list(ours.values())):.1f}."
        )
    return text


def write_table8(options: argparse.Namespace, kept: Kept, note: str = "") -> None:
    """Table 8; the note says what is to be known of the trainings."""
    page = Page(
        "sftrackpp/table8_sftrack",
        "Table 8: SFTrack++ and what it fuses",
        SCRIPT,
    )
    facts: dict[str, Any] = {
        "weights": {t: fingerprint(kept.file(t)) for t in [SHIPPED, *kept.trainings]}
    }
    for paragraph in filter(None, [*about(kept), note]):
        page.text(paragraph)
    for data in kept.roots:
        if any(kept.whole(data, row) for row in main_rows()):
            data_section(page, kept, data, facts)
        else:
            page.text(f"## {NAMES[data]}\n\nNot run.")
    shown = picture(kept)
    if shown is not None:
        page.picture(
            shown,
            "Inputs' boxes, mask and box of SFTrack++ (red), and the true box (white), some of the "
            "sequences at a fifth, a half and nine tenths of their length.",
        )
    for paragraph in remarks(kept):
        page.text(paragraph)
    page.write(options, facts, seed=0)


def write_table9(options: argparse.Namespace, kept: Kept, note: str = "") -> None:
    """Table 9; the note says what is to be known of the trainings."""
    page = Page(
        "sftrackpp/table9_sftrack",
        "Table 9: what each part of SFTrack++ is worth",
        SCRIPT,
    )
    page.text(
        f"The ten DAVIS-2016 validation sequences as in [Table 8](table8_sftrack.md). {OURS} with "
        f"its usual settings: inputs {DEFAULT.inputs.replace(',', ', ')}, "
        f"{DEFAULT.iterations} iterations, learned box, feedback. Differences are to the first "
        "row on the same weights, mean ± deviation over the trainings where there are several. "
        "Rows without seg2box read the masks of the same run, so J is the same."
    )
    if note:
        page.text(note)
    rows = {"sftrack": OURS, **{row: label for row, (label, _) in ABLATIONS.items()}}
    rows |= BOX_ROWS | {"cleaned": "masks behind the offline filter (sees the future)"}
    facts: dict[str, Any] = {}
    lines = []
    for row, label in rows.items():
        runs = kept.whole("davis", row)
        facts[row] = runs
        cells = []
        for measure in MEASURES:
            boxes_only = row in BOX_ROWS and measure == "J"
            cells.append("-" if boxes_only else spread(means(runs, measure)))
        deltas = [
            "-" if row == "sftrack" or (row in BOX_ROWS and measure == "J")
            else spread(differences(kept, runs, measure), "+")
            for measure in ("J", "iou")
        ]  # fmt: skip
        lines.append([label, *cells, *deltas, trainings(runs, row)])
    page.table(["system", *MEASURES.values(), "ΔJ", "Δ box IoU", "weights"], lines)
    same, which = alike({row: facts[row] for row in ("sftrack", *ABLATIONS)})
    for measure in ("J", "iou"):
        page.text(f"{MEASURES[measure]} of each sequence, {which}:")
        each = {row: by_sequence(found, measure) for row, found in same.items()}
        page.table(
            ["sequence", *(OURS if row == "sftrack" else row for row in each)],
            [[n, *(f"{v[n]:.1f}" for v in each.values())] for n in kept.names["davis"]],
        )
    if text := spectral(kept, facts):
        page.text(text)
    page.write(options, facts, seed=0)


def differences(kept: Kept, runs: dict[str, dict[str, Figures]], measure: str) -> list[float]:
    """To SFTrack++ on the same weights, one a training."""
    out = []
    for training, found in runs.items():
        full = kept.row("davis", "sftrack", training)
        if full.keys() == found.keys():
            out.append(float(np.mean([found[n][measure] - full[n][measure] for n in full])))
    return out


def spectral(kept: Kept, facts: dict[str, Any]) -> str:
    """Whether the spectral step earns its place."""
    without = facts.get("iterations-0")
    if not without:
        return ""
    gains = {m: [-d for d in differences(kept, without, m)] for m in ("J", "iou")}
    words = [f"{spread(gain, '+')} in {MEASURES[m]}" for m, gain in gains.items()]
    small = ""
    if len(without) > 1:
        each = (f"{t} {gain:+.1f}" for t, gain in zip(without, gains["J"], strict=True))
        small = f" (J by training: {', '.join(each)})"
        if np.mean(gains["J"]) < np.std(gains["J"], ddof=1):
            small += ", which is less than the trainings differ among themselves"
    per = {}
    for name in kept.names["davis"]:
        found = [
            kept.row("davis", "sftrack", t)[name]["J"] - rows[name]["J"]
            for t, rows in without.items()
            if name in kept.row("davis", "sftrack", t)
        ]
        per[name] = float(np.mean(found)) if found else float("nan")
    ordered = sorted(per.items(), key=lambda item: -item[1])
    helped = ", ".join(f"{n} {v:+.1f}" for n, v in ordered if v > 0.2) or "none"
    hurt = ", ".join(f"{n} {v:+.1f}" for n, v in ordered if v < -0.2) or "none"
    return (
        f"The spectral step gives {' and '.join(words)} against the mixture alone{small}. "
        f"It raises J by more than 0.2 on: {helped}; it lowers it by more than 0.2 on: {hurt}."
    )

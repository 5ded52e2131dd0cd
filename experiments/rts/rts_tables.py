"""A small RTS learned on the data at hand: its training, its scores, and the paper's ablations.

    spectrack train rts --small --data DATA --out RUN
    python experiments/rts/rts_tables.py --run RUN [--work DIR] [--only NAME,...] [--page] [--quick]

The ten DAVIS validation sequences from the box of the first frame. Runs are kept in ``--work``, so
one that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from spectrack.errors import InputError
from spectrack.weights.files import read_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREEN, GREY, INK, ROOT, Page, arguments
from experiments.rts.rts_systems import FUSED, RTS_ROWS
from experiments.sftrackpp.sftrack_rows import MEASURES, Job, dataset, read, run_jobs, weights_of

OTHERS = {"sftrack": "SFTrack++ (default)", "flow": "flow", "csrt": "CSRT (filled boxes)"}
SYSTEMS = (*OTHERS, *RTS_ROWS, FUSED)
QUICK_SEQUENCE, QUICK_FRAMES = "dog", 4


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of this experiment."""
    parser.add_argument("--run", type=Path, required=True, help="folder of train rts --small")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "sftrack")
    parser.add_argument("--only", default=",".join(SYSTEMS), help="with commas")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--page", action="store_true", help="write the page of what is there")


def curves(run: Path, held_out: dict[str, Any]) -> Figure:
    """Loss of every logged step, and J of held-out videos by epoch, stage by stage."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8))
    colours = dict(zip(held_out, (BLUE, GREEN), strict=False))
    done_steps, done_epochs = 0, 0
    for name, scores in held_out.items():
        lines = [json.loads(line) for line in (run / name / "log.jsonl").open()]
        steps = [line for line in lines if line["kind"] == "step"]
        at = [done_steps + line["step"] for line in steps]
        losses = [line["loss"] for line in steps]
        left.plot(at, losses, color=GREY, lw=0.5)
        width = min(15, len(losses))
        mean = np.convolve(losses, np.ones(width) / width, mode="valid")
        left.plot(at[width - 1 :], mean, color=colours[name], lw=1.4, label=f"{name} pictures")
        values = [scores["start"]["J"], *(epoch["J"] for epoch in scores["epochs"])]
        epochs = done_epochs + np.arange(len(values))
        right.plot(epochs, 100 * np.array(values), "o-", color=colours[name], ms=3)
        done_steps, done_epochs = at[-1], int(epochs[-1])
    left.set(xlabel="step", ylabel="loss", title="learning (line: running mean)")
    left.legend()
    right.set(xlabel="epoch", ylabel="J", title="three videos held out", ylim=(0, None))
    for axes in (left, right):
        axes.tick_params(colors=INK)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add, argv)
    run, weights = options.run, options.run / "rts.safetensors"
    if not weights.is_file():
        raise InputError(f"{run} has no rts.safetensors; give the folder of a finished training")
    work, asked, frames = options.work, options.only.split(","), None
    if options.quick:
        work, frames = ROOT / "scratch" / "rts_quick", QUICK_FRAMES
        shutil.rmtree(work, ignore_errors=True)
    names = [QUICK_SEQUENCE] if options.quick else list(dataset("davis", options.root))

    def job(system: str, sequence: str) -> Job:
        own = weights if system in (*RTS_ROWS, FUSED) else weights_of(system, None)
        return Job("davis", options.root, sequence, system, own, work, frames)

    if not options.page:
        run_jobs([job(s, n) for s in asked for n in names], options.processes)
    write(options, run, weights, {s: [job(s, n) for n in names] for s in SYSTEMS})


def write(
    options: argparse.Namespace, run: Path, weights: Path, jobs: dict[str, list[Job]]
) -> Path:
    """Write the page of the runs that are there; systems without all of theirs are named."""
    about = read_weights(weights).about
    held_out = about["held_out"]
    found = {s: [r for j in js if (r := read(j)) is not None] for s, js in jobs.items()}
    whole = {s: rows for s, rows in found.items() if len(rows) == len(jobs[s])}
    means = {
        s: {m: float(np.mean([r["rows"][s]["measures"][m] for r in rows])) for m in MEASURES}
        for s, rows in whole.items()
    }
    page = Page("rts/rts", "A small RTS, learned on two cores", "rts/rts_tables")
    page.text(
        "The published weights of RTS are not ours to ship and were not at hand. This is what the "
        "same network gives when it is small and learns from nothing (no pretrained backbone) on "
        "stills set in motion and 27 of the 30 DAVIS training sequences, in the minutes two "
        "cores have. Settings: `src/spectrack/trackers/rts/train_small.py`."
    )
    page.picture(curves(run, held_out), "Loss of the training, and J of frames held out.")
    minutes = sum(s["seconds"] for s in held_out.values()) / 60
    first, last = next(iter(held_out.values()))["start"], list(held_out.values())[-1]["epochs"]
    best = max(epoch["J"] for epoch in last)
    page.text(
        f"Learning took {minutes:.0f} minutes of one thread beside other work. J of test frames "
        f"of the three sequences held out rose from {100 * first['J']:.1f} before the first step "
        f"to {100 * best:.1f}."
    )
    page.text("## DAVIS-2016 validation, from the box of the first frame")
    labels = {**OTHERS, **{s: label for s, (label, _) in RTS_ROWS.items()}, "rts": "RTS, small"}
    labels[FUSED] = "SFTrack++ with the small RTS as a fourth input"
    shown = list(MEASURES)
    page.table(
        ["tracker", *(MEASURES[m] for m in shown)],
        [
            [labels[s], *(f"{means[s][m]:.1f}" for m in shown)]
            for s in (*OTHERS, "rts", FUSED)
            if s in means
        ],
    )
    page.text(
        "The first mask is made in the box by the networks of SFTrack++, for RTS as well. As an "
        "input of SFTrack++, RTS gets the mean of the weights that the other three have learned. "
        "J and box IoU of each sequence are in `rts.json` beside this page."
    )
    page.text("## What its parts are worth (RTS paper, Tables 1 and 2)")
    page.table(
        ["RTS, small", *(MEASURES[m] for m in shown)],
        [
            ["as it is" if s == "rts" else labels[s], *(f"{means[s][m]:.1f}" for m in shown)]
            for s in RTS_ROWS
            if s in means
        ],
    )
    absent = [labels[s] for s in jobs if s not in means]
    if absent:
        page.text(f"Not run: {', '.join(absent)}.")
    if "rts" in means and "flow" in means:
        gap = means["rts"]["J"] - means["flow"]["J"]
        verdict = (
            "It beats `flow`, which needs no weights."
            if gap > 0
            else "It does not beat `flow`, which needs no weights, so it is not shipped."
        )
        page.text(f"J of the small RTS is {gap:+.1f} against `flow`. {verdict}")
    minutes = sum(r["seconds"] for rows in found.values() for r in rows) / 60
    page.text(f"All runs together took {minutes:.0f} minutes, one or two side by side.")
    by_sequence = {
        s: {j.sequence: r["rows"][s]["measures"] for j, r in zip(jobs[s], whole[s], strict=True)}
        for s in whole
    }
    facts = {"means": means, "sequences": by_sequence, "training": about}
    return page.write(options, facts, seed=about.get("seed"))


if __name__ == "__main__":
    main()

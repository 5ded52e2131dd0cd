"""How well box trackers follow, how fast, and whether their score tells how good a box is.

    python experiments/studies/box_trackers.py [--trackers "csrt,fear:weights=FILE"]
        [--data davis-train,otb,vot2014] [--only dog,bear] [--work DIR] [--quick]

Trackers are named as inputs of `sftrack` are: ``NAME`` or ``NAME:SETTING=VALUE;SETTING=VALUE``.
Each starts on the true box of the first frame (that of the mask, where truth is masks) and is never
started again. Time is that of the process on one thread, without reading frames. Every run is kept
in ``--work`` as JSON, under the fingerprint of tracker, settings and weights, so one that was
stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.table import open_dataset
from spectrack.evaluation.method import Method
from spectrack.metrics.regions import jaccard_t
from spectrack.metrics.success import overlap_t
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack.inputs import named
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments

BINS = 5
FOUND = 0.5
"""A box is taken for right from this overlap on."""
Runs = dict[str, dict[str, Any]]


def sequences_of(data: str, root: Path, only: list[str] | None) -> Mapping[str, VideoSequence]:
    """A data set by the name this experiment gives it; ``root`` is that of DAVIS-2016."""
    if data == "davis-train":
        return open_dataset("davis2016", root, only, split="train", resolution="240p")
    if data == "davis-val":
        return open_dataset("davis2016", root, only)
    kind = "vot" if data.startswith("vot") else data
    return open_dataset(kind, root.parent / data, only)


def follow(tracker: Tracker, sequence: VideoSequence, most: int | None = None) -> dict[str, Any]:
    """One run without starting again.

    Args:
        tracker: Starts anew.
        sequence: With a true box in its first frame.
        most: Frames at most.

    Returns:
        ``iou`` and ``score`` of every frame with truth but the first, ``j`` of its masks where both
        it and the truth have some, ``frames`` that it answered for, and ``seconds`` of the process
        that it took.
    """
    with sequence.frames() as opened:
        frames = [frame.copy() for frame in opened][:most]
    truth = [sequence.truth_box(t) for t in range(len(frames))]
    assert truth[0] is not None, f"{sequence.name} begins without its target"
    begin = process_time()
    answers = [tracker.init(frames[0], Target(truth[0])), *map(tracker.update, frames[1:])]
    seconds = process_time() - begin
    there = [t for t in range(1, len(frames)) if truth[t] is not None]
    overlaps = overlap_t(_rows([answers[t].box for t in there]), _rows([truth[t] for t in there]))
    scores = [answers[t].score if answers[t].found else 0.0 for t in there]
    found = {"iou": overlaps.tolist(), "score": scores}
    masks = [(answers[t].hard_mask(), sequence.truth_mask(t)) for t in there]
    if masks and all(mask is not None and true is not None for mask, true in masks):
        found["j"] = jaccard_t(*zip(*masks, strict=True)).tolist()
    return found | {"frames": len(frames), "seconds": seconds}


def _rows(boxes: list[Box | None]) -> NDArray[np.float64]:
    return np.array([(np.nan,) * 4 if box is None else tuple(box) for box in boxes]).reshape(-1, 4)


def kept(options: argparse.Namespace, tracker: str, data: str) -> Runs:
    """The runs of a tracker over a data set, from ``--work`` or made now."""
    name, settings = named(tracker)
    most = 8 if options.quick else None
    place = Method(name, settings, clean=False).folder(options.work / data / str(most or "whole"))
    out: Runs = {}
    for sequence in sequences_of(data, options.root, options.only).values():
        file = place / f"{sequence.name}.json"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(follow(make_tracker(name, **settings), sequence, most)))
        out[sequence.name] = json.loads(file.read_text())
        if options.quick:
            break
    return out


def reliability(scores: NDArray[np.float64], overlaps: NDArray[np.float64]) -> dict[str, Any]:
    """What a score is worth.

    Args:
        scores: In [0, 1], one a frame.
        overlaps: Of the boxes with the truth.

    Returns:
        ``bins``: mean score and mean overlap of as many frames each, from the lowest scores on;
        ``gap``: mean difference between the two, absolute; ``auc``: how often a right box has a
        higher score than a wrong one, 0.5 for chance, NaN where all are right or all wrong.
    """
    order = np.argsort(scores, kind="stable")
    bins = [
        (float(scores[part].mean()), float(overlaps[part].mean()))
        for part in np.array_split(order, BINS)
        if len(part)
    ]
    right, wrong = scores[overlaps >= FOUND], scores[overlaps < FOUND]
    auc = float("nan")
    if len(right) and len(wrong):
        ahead = right[:, None] - wrong
        auc = float(np.mean((ahead > 0) + (ahead == 0) / 2))
    return {"bins": bins, "gap": float(np.mean([abs(a - b) for a, b in bins])), "auc": auc}


def measures(runs: Runs) -> dict[str, Any]:
    """Figures over all sequences, which count alike; scores over all frames."""
    overlaps = np.concatenate([run["iou"] for run in runs.values()])
    scores = np.concatenate([run["score"] for run in runs.values()])
    by_sequence = {name: float(np.mean(run["iou"])) for name, run in runs.items()}
    return {
        "iou": float(np.mean(list(by_sequence.values()))),
        "right": float(np.mean([np.mean(np.array(r["iou"]) >= FOUND) for r in runs.values()])),
        "lost": float(np.mean(overlaps < 0.1)),
        "speed": sum(r["frames"] for r in runs.values()) / sum(r["seconds"] for r in runs.values()),
        "sequences": by_sequence,
        "score": reliability(scores, overlaps),
    }


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trackers", default="csrt", help="names, with commas")
    parser.add_argument(
        "--data", default="davis-train", help="davis-train, otb, vot2014, davis-val"
    )
    parser.add_argument("--only", help="sequences, with commas")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "box_trackers")


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/box_trackers", "Box trackers: overlap, speed, and what a score is worth")
    options.command = re.sub(r"(=)[^,; ]*/", r"\1", options.command)  # no paths of this machine
    options.only = options.only.split(",") if options.only else None
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    trackers, facts = options.trackers.split(","), {}
    page.text(TEXT)
    for data in options.data.split(","):
        facts[data] = {t: measures(kept(options, t, data)) for t in trackers}
        _tables(page, data, facts[data])
    page.write(options, facts, seed=None)


def _tables(page: Page, data: str, found: Mapping[str, dict[str, Any]]) -> None:
    shown = {_shown(tracker): figures for tracker, figures in found.items()}
    first = next(iter(found.values()))
    page.text(f"## {data}, {len(first['sequences'])} sequences")
    page.table(
        ["tracker", "IoU", "IoU ≥ 0.5", "IoU < 0.1", "frames/s"],
        [
            [name, *(f"{f[k]:.3f}" for k in ("iou", "right", "lost")), f"{f['speed']:.0f}"]
            for name, f in shown.items()
        ],
    )
    page.text("Score and IoU of a fifth of the frames each, from the lowest scores on:")
    page.table(
        ["tracker", *(f"{k + 1}" for k in range(BINS)), "gap", "AUC"],
        [
            [
                name,
                *(f"{s:.3f}: {o:.2f}" for s, o in f["bins"]),
                f"{f['gap']:.3f}",
                f"{f['auc']:.2f}",
            ]
            for name, f in ((name, f["score"]) for name, f in shown.items())
        ],
    )
    page.text("IoU by sequence:")
    page.table(
        ["sequence", *shown],
        [
            [name, *(f"{f['sequences'][name]:.3f}" for f in shown.values())]
            for name in first["sequences"]
        ],
    )


def _shown(tracker: str) -> str:
    """Without folders: paths of this machine are nobody's business."""
    name, settings = named(tracker)
    told = [f"{k} {Path(v).name}" for k, v in settings.items()]
    return f"{name} ({', '.join(told)})" if told else name


TEXT = """
From the true box of the first frame, without starting again. IoU is the mean over the frames of a
sequence but the first, then over sequences; the shares of boxes with an IoU of at least 0.5
likewise, those below 0.1 are of all frames. Frames a second are of processor time on one thread,
without reading frames. Gap is the mean difference of score and IoU over the five bins, AUC how
often a box with an IoU of at least 0.5 has a higher score than one below it.
"""

if __name__ == "__main__":
    main()

"""What NanoTrack's score is worth, and the numbers it is made of.

    python experiments/studies/nanotrack_score.py [--weights A,B] [--work DIR] [--quick]

Follows the DAVIS training sequences at 240p from the true box of the first frame, with each of the
weights. Numbers are fitted to the true overlap on five sixths of the sequences; every sixth one is
held out, and tells what the score is worth on what nothing was fitted to. What every signal is
worth alone is told, too. Every run is kept in ``--work``, so one that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import torch

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Target
from spectrack.trackers.nanotrack.confidence import NUMBERS
from spectrack.trackers.nanotrack.settings import NanoTrackSettings
from spectrack.tracking.overlap_score import BIAS, MOST
from spectrack.training.held_out import hold_out

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments
from experiments.studies.box_trackers import FOUND, sequences_of
from experiments.studies.nanotrack_signals import TellingNanoTracker
from experiments.studies.overlap_fit import (
    Floats,
    Rows,
    fit,
    left_out,
    network_scores,
    scores_of,
    table_of,
    worth,
)


def follow(sequence: VideoSequence, weights: str, most: int | None) -> Rows:
    """One row a frame with truth, but the first: signals, the network's score, true overlap."""
    tracker, rows = TellingNanoTracker(NanoTrackSettings(weights=weights, device="cpu")), []
    with sequence.frames() as frames:
        for t, frame in enumerate(islice(frames, most)):
            true = sequence.truth_box(t)
            if t == 0:
                assert true is not None, f"{sequence.name} begins without its target"
                tracker.init(frame, Target(true))
                continue
            answer = tracker.update(frame)
            if true is not None and answer.box is not None:
                overlap = answer.box.iou(true)
                rows.append({"signals": tracker.told, "iou": overlap})
    return rows


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", default="nanotrack", help="names or files, with commas")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "nanotrack_score")


def kept(options: argparse.Namespace, sequence: VideoSequence, weights: str) -> Rows:
    """The rows of a sequence, from ``--work`` or made now."""
    most = 12 if options.quick else None
    folder = Path(weights).stem + ("-quick" if options.quick else "")
    file = options.work / folder / f"{sequence.name}.json"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(follow(sequence, weights, most)))
    rows: Rows = json.loads(file.read_text())
    return [row | {"network": network_score(row["signals"]["certainty"])} for row in rows]


def network_score(certainty: float) -> float:
    """What the network said; the signal is its logit, cut where single precision ends."""
    return 1 / (1 + math.exp(-MOST * certainty))


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/nanotrack_score", "NanoTrack: what its score is worth")
    every = options.weights.split(",")
    for path in (*every, str(options.work)):  # no paths of this machine
        options.command = options.command.replace(path, Path(path).name)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    few = 7 if options.quick else None
    sequences = dict(islice(sequences_of("davis-train", options.root, None).items(), few))
    runs = {
        weights: {name: kept(options, s, weights) for name, s in sequences.items()}
        for weights in every
    }
    names = list(NUMBERS)
    inside, outside = hold_out(list(sequences))
    numbers = fit(joined(runs, inside), names)
    lines, facts = [], {"fitted": numbers}
    for weights, own in runs.items():
        for what, chosen in (("fitted to", inside), ("held out", outside)):
            some = {name: own[name] for name in chosen}
            signals, overlaps, _ = table_of(some)
            ways = {"network": network_scores(some), "score": scores_of(some, numbers)}
            if what != "held out":
                ways |= {f"{k} alone": scores_of(some, {BIAS: 0.0, k: 1.0}) for k in signals[0]}
            lines += _lines(facts, Path(weights).stem, what, ways, overlaps)
        ways = {"network": network_scores(own), "score": left_out(own, names)}
        ways["score of all signals"] = left_out(own, SIGNALS)
        lines += _lines(facts, Path(weights).stem, "left out in turn", ways, table_of(own)[1])
    page.text(
        TEXT.format(
            numbers=", ".join(f"{k} {v:g}" for k, v in NUMBERS.items()),
            fitted=", ".join(f"{k} {v:.2f}" for k, v in numbers.items()),
            names=", ".join(outside),
            every=", ".join(f"{k} {v:.2f}" for k, v in fit(joined(runs, inside), SIGNALS).items()),
        )
    )
    page.table(["weights", "sequences", "IoU < 0.5", "score", "AUC", "gap", "mean error"], lines)
    page.write(options, facts, seed=None)


def joined(runs: Mapping[str, Mapping[str, Rows]], names: list[str]) -> dict[str, Rows]:
    """The rows of some sequences with all weights, sequence by sequence."""
    return {name: [row for own in runs.values() for row in own[name]] for name in names}


def _lines(
    facts: dict[str, Any], weights: str, what: str, ways: Mapping[str, Floats], overlaps: Floats
) -> list[list[str]]:
    wrong = float((overlaps < FOUND).mean())
    lines = []
    for way, scores in ways.items():
        found = facts[f"{weights}, {what}, {way}"] = worth(scores, overlaps) | {"wrong": wrong}
        told = ("" if "alone" in way else f"{found[k]:.3f}" for k in ("gap", "error"))
        lines.append([weights, what, f"{100 * wrong:.1f} %", way, f"{found['auc']:.3f}", *told])
    return lines


SIGNALS = ("certainty", "agreement", "steadiness", "alone", "sharpness", "likeness")
TEXT = """
Numbers of the tracker: {numbers}; fitted here, with all weights: {fitted}. Held out: {names}.

AUC is how often a box with an IoU of at least 0.5 has a higher score than one below it; where few
boxes are below it, or none (nan), it says little. `left out in turn` are all sequences, a sixth at
a time scored by numbers fitted to the rest. Gap is the mean difference of score and IoU over five
bins of as many frames each. `network` is what the network says of the cell it chose. Fitted to
all signals: {every}; what the tracker does without gets no number, or does not help sequences that
were left out. The shipped
weights (`nanotrack`) learned from some of the sequences, published ones from none of them.
"""

if __name__ == "__main__":
    main()

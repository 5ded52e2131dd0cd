"""What NanoTrack's score is worth, and the numbers it is made of.

    python experiments/studies/nanotrack_score.py [--weights FILE] [--work DIR] [--quick]

Follows the DAVIS training sequences at 240p from the true box of the first frame. Numbers are
fitted to the true overlap on five sixths of them; every sixth sequence is held out, and tells what
the score is worth on what nothing was fitted to. What every signal alone is worth is told, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from itertools import islice
from pathlib import Path

import cv2
import torch

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Target
from spectrack.trackers.nanotrack.confidence import NUMBERS
from spectrack.trackers.nanotrack.settings import NanoTrackSettings
from spectrack.trackers.nanotrack.tracker import NanoTracker
from spectrack.training.held_out import hold_out

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments
from experiments.studies.box_trackers import sequences_of
from experiments.studies.overlap_fit import (
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
    tracker, rows = NanoTracker(NanoTrackSettings(weights=weights, device="cpu")), []
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
                rows.append({"signals": tracker.signals, "iou": overlap})
    return rows


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", default="nanotrack", help="name or file")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "nanotrack_score")


def kept(options: argparse.Namespace, sequence: VideoSequence) -> Rows:
    """The rows of a sequence, from ``--work`` or made now."""
    most = 12 if options.quick else None
    digest = hashlib.sha256(json.dumps([options.weights, most]).encode()).hexdigest()[:8]
    file = options.work / digest / f"{sequence.name}.json"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(follow(sequence, options.weights, most)))
    rows: Rows = json.loads(file.read_text())
    # of the network's score the signal is the logit, cut where single precision ends
    return [row | {"network": row["signals"]["certainty"]} for row in rows]


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/nanotrack_score", "NanoTrack: what its score is worth")
    weights = Path(options.weights).name
    options.command = options.command.replace(options.weights, weights)
    options.command = options.command.replace(str(options.work), "scratch/nanotrack_score")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sequences = sequences_of("davis-train", options.root, None)
    runs = {n: kept(options, s) for n, s in islice(sequences.items(), 7 if options.quick else None)}
    names = list(NUMBERS)
    learned, held = ({n: runs[n] for n in some} for some in hold_out(list(runs)))
    numbers = fit(learned, names)
    lines, facts = [], {"weights": weights, "fitted": numbers}
    for what, some in (("fitted to", learned), ("held out", held)):
        signals, overlaps, _ = table_of(some)
        ways = {"network": network_scores(some), "score, fitted here": scores_of(some, numbers)}
        ways |= {f"{k} alone": scores_of(some, {"bias": 0.0, k: 1.0}) for k in signals[0]}
        for way, scores in ways.items():
            found = worth(scores, overlaps)
            facts[f"{what}, {way}"] = found
            own = way.startswith("score")
            told = (f"{found[k]:.3f}" if own else "" for k in ("gap", "error"))
            lines.append([what, way, f"{found['auc']:.3f}", *told])
    overlaps = table_of(runs)[1]
    for way, scores in (("network", network_scores(runs)), ("score", left_out(runs, names))):
        found = worth(scores, overlaps)
        facts[f"left out in turn, {way}"] = found
        told = (f"{found[k]:.3f}" if way == "score" else "" for k in ("gap", "error"))
        lines.append(["left out in turn", way, f"{found['auc']:.3f}", *told])
    wrong = {what: float((table_of(some)[1] < 0.5).mean()) for what, some in
             (("learned", learned), ("held", held), ("all", runs))}  # fmt: skip
    facts["wrong"] = wrong
    page.text(
        TEXT.format(
            weights=weights,
            numbers=", ".join(f"{k} {v:g}" for k, v in NUMBERS.items()),
            fitted=", ".join(f"{k} {v:.2f}" for k, v in numbers.items()),
            names=", ".join(held),
            **{k: f"{100 * v:.1f} %" for k, v in wrong.items()},
        )
    )
    page.table(["sequences", "score", "AUC", "gap", "mean error"], lines)
    page.write(options, facts, seed=None)


TEXT = """
Weights: {weights}. Numbers of the tracker: {numbers}; fitted here: {fitted}. Held out: {names}.

AUC is how often a box with an IoU of at least 0.5 has a higher score than one below it; boxes below
it are {learned} of the frames fitted to, {held} of those held out and {all} of all, so the figures
of the held-out ones rest on few frames. `left out in turn` are all sequences, a sixth at a time
scored by numbers fitted to the rest. Gap is the mean difference of score and IoU over five bins of
as many frames each. `network` is what the network says of the cell it chose.
"""

if __name__ == "__main__":
    main()

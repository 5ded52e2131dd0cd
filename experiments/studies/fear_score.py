"""What FEAR's score is worth, and the numbers it is made of.

    python experiments/studies/fear_score.py [--weights FILE] [--fit] [--quick]

Follows the DAVIS training sequences at 240p, and those of OTB and VOT2014 that are there, from the
true box of the first frame. The score is a logistic curve over two signals, fitted to the true
overlap on the training sequences alone; ``--fit`` prints numbers fitted anew. Scores of sequences
left out are by numbers fitted to the other five sixths.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import torch

from spectrack.datasets.base import VideoSequence
from spectrack.structures import Box, Target
from spectrack.trackers.fear.confidence import NUMBERS
from spectrack.trackers.fear.crop import clamped
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.trackers.fear.tracker import FEARTracker

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import Page, arguments
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

TRAINED = "davis-train"
ELSEWHERE = ("otb", "vot2014")


def follow(sequence: VideoSequence, weights: str, most: int | None) -> Rows:
    """One row a frame with truth, but the first: signals, the network's score, true overlap."""
    tracker, rows = FEARTracker(FEARSettings(weights=weights, device="cpu")), []
    with sequence.frames() as frames:
        for t, frame in enumerate(islice(frames, most)):
            true = sequence.truth_box(t)
            if t == 0:
                assert true is not None, f"{sequence.name} begins without its target"
                tracker.init(frame, Target(true))
                last = clamped(tuple(true), tracker.size_wh)
                continue
            choice = tracker.look(frame, last)
            last = clamped(choice.rounded(), tracker.size_wh)
            if true is not None:
                overlap = Box(*last).iou(true)
                rows.append({"signals": choice.signals, "network": choice.score, "iou": overlap})
    return rows


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", default="fear_xs", help="name or file")
    parser.add_argument("--fit", action="store_true", help="print numbers fitted anew")


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/fear_score", "FEAR: what its score is worth")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    most, few = (12, 7) if options.quick else (None, None)
    runs = {
        data: {
            name: follow(sequence, options.weights, most)
            for name, sequence in islice(sequences_of(data, options.root, None).items(), few)
        }
        for data in ((TRAINED,) if options.fit else (TRAINED, *ELSEWHERE))
    }
    if options.fit:
        print({name: round(value, 2) for name, value in fit(runs[TRAINED], list(NUMBERS)).items()})
        return
    facts: dict[str, Any] = {}
    lines = []
    for data, some in runs.items():
        _, overlaps, _ = table_of(some)
        ways = {"network": network_scores(some), "score": scores_of(some, NUMBERS)}
        if data == TRAINED:
            ways["score, left out"] = left_out(some, list(NUMBERS))
        for way, scores in ways.items():
            found = worth(scores, overlaps)
            facts[f"{data}, {way}"] = found
            bins = [f"{s:.3f}: {o:.2f}" for s, o in found["bins"]]
            lines.append([data, way, *bins, *(f"{found[k]:.3f}" for k in ("gap", "error", "auc"))])
    page.text(TEXT.format(numbers=", ".join(f"{k} {v:g}" for k, v in NUMBERS.items())))
    page.table(["data", "score", "1", "2", "3", "4", "5", "gap", "mean error", "AUC"], lines)
    page.write(options, facts, seed=None)


TEXT = """
Numbers: {numbers}. Score and IoU of a fifth of the frames each, from the lowest scores on; gap is
the mean difference of the two. AUC is how often a box with an IoU of at least 0.5 has a higher
score than one below it. `network` is what the network says of the cell it chose, `score` what the
tracker reports; `left out` are sequences scored by numbers fitted to others. The target is lost in
few of these frames: what was mistaken for it has a score as high, in both ways.
"""

if __name__ == "__main__":
    main()
